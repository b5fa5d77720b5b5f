/* The column `reference` names a run by its id; rows are found by binary search. */
#include "report/reference.h"

#include "eval/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct named_row {
    const char *id;
    int64_t row;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct named_row *)a)->id, ((const struct named_row *)b)->id);
}

enum status references_find(const struct records *records, struct arena *arena, const int64_t **out)
{
    enum status status = STATUS_OK;
    int64_t id = records_find(records, "id"), reference = records_find(records, "reference");
    struct named_row *named = NULL;
    int64_t *rows = NULL;
    size_t n = (size_t)records->n_rows;

    TRY_ALLOC(rows, ARENA_ARRAY(arena, records->n_rows, int64_t));
    TRY_ALLOC(named, ARENA_ARRAY(arena, records->n_rows, struct named_row));
    for (int64_t row = 0; row < records->n_rows; row++)
        named[row] = (struct named_row){records_text(records, row, id), row};
    if (n > 0)
        qsort(named, n, sizeof *named, compare_ids);
    for (int64_t row = 0; row < records->n_rows; row++) {
        const struct named_row wanted = {.id = records_text(records, row, reference)};
        const struct named_row *found =
            wanted.id[0] != '\0' ? bsearch(&wanted, named, n, sizeof *named, compare_ids) : NULL;
        rows[row] = found != NULL ? found->row : -1;
    }
    *out = rows;
done:
    return status;
}

double reference_gap_of_means(const struct records *records, const int64_t *references,
                              const struct row_group *group)
{
    int64_t gap = records_find(records, "average_gap"), n = 0;
    double differences[N_SCORES] = {0.0}, sum = 0.0;

    for (int64_t i = 0; i < group->n_rows; i++) {
        int64_t row = group->rows[i];
        if (references[row] < 0 || !records_is_done(records, row) ||
            isnan(records_number(records, row, gap)))
            continue;
        n++;
        for (int k = 0; k < N_SCORES; k++) {
            int64_t field = records_find(records, measure_score(k)->name);
            differences[k] += records_number(records, row, field) -
                              records_number(records, references[row], field);
        }
    }
    for (int k = 0; k < N_SCORES; k++)
        sum += fabs(differences[k]) / (double)n;
    return n > 0 ? sum / N_SCORES : NAN;
}
