/* Fields are united first; then every row finds its cells' places. */
#include "report/joined.h"

#include <stdlib.h>
#include <string.h>

struct joined_row {
    const struct records *part;
    int64_t row, number; /* in its part; in the sweep */
    const char *id;
    bool is_done;
};

/* ---- fields ---- */

static void insert(struct records *out, int64_t at, const struct record_field *field)
{
    memmove(&out->fields[at + 1], &out->fields[at],
            (size_t)(out->n_fields - at) * sizeof *out->fields);
    out->fields[at] = *field;
    out->n_fields++;
}

/* A new field comes behind the one it follows in its own file. */
static void unite(const struct records *part, struct records *out)
{
    int64_t last = -1;

    for (int64_t i = 0; i < part->n_fields; i++) {
        const struct record_field *field = &part->fields[i];
        int64_t found = records_find(out, field->name);
        if (found < 0) {
            insert(out, last + 1, field);
            found = last + 1;
        }
        out->fields[found].is_setting = out->fields[found].is_setting || field->is_setting;
        out->fields[found].is_column = out->fields[found].is_column || field->is_column;
        last = found;
    }
}

/* ---- rows ---- */

static int compare_ids(const void *a, const void *b)
{
    const struct joined_row *left = a, *right = b;
    int order = strcmp(left->id, right->id);

    return order != 0 ? order : (int)right->is_done - (int)left->is_done;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct joined_row *left = a, *right = b;

    return left->number != right->number
               ? (left->number > right->number) - (left->number < right->number)
               : strcmp(left->id, right->id);
}

static int64_t list_rows(const struct records *parts, int64_t n_parts, struct joined_row *rows)
{
    int64_t n = 0, n_kept = 0;

    for (int64_t p = 0; p < n_parts; p++) {
        int64_t id = records_find(&parts[p], "id"), name = records_find(&parts[p], "name");
        for (int64_t row = 0; row < parts[p].n_rows; row++)
            rows[n++] = (struct joined_row){
                .part = &parts[p],
                .row = row,
                .number = strtoll(records_text(&parts[p], row, name), NULL, 10),
                .id = records_text(&parts[p], row, id),
                .is_done = records_is_done(&parts[p], row),
            };
    }
    if (n > 0)
        qsort(rows, (size_t)n, sizeof *rows, compare_ids);
    for (int64_t i = 0; i < n; i++)
        if (n_kept == 0 || strcmp(rows[n_kept - 1].id, rows[i].id) != 0)
            rows[n_kept++] = rows[i];
    if (n_kept > 0)
        qsort(rows, (size_t)n_kept, sizeof *rows, compare_numbers);
    return n_kept;
}

enum status records_join(const struct records *parts, int64_t n, struct arena *arena,
                         struct records *out)
{
    enum status status = STATUS_OK;
    struct records made = {0};
    struct joined_row *rows = NULL;
    int64_t most_rows = 0;

    for (int64_t p = 0; p < n; p++) {
        most_rows += parts[p].n_rows;
        made.fields_capacity += parts[p].n_fields;
    }
    TRY_ALLOC(made.fields, ARENA_ARRAY(arena, made.fields_capacity, struct record_field));
    TRY_ALLOC(rows, ARENA_ARRAY(arena, most_rows, struct joined_row));
    for (int64_t p = 0; p < n; p++)
        unite(&parts[p], &made);
    made.n_rows = list_rows(parts, n, rows);
    TRY_ALLOC(made.cells, ARENA_ARRAY(arena, made.n_rows * made.n_fields, struct cell));
    for (int64_t f = 0; f < made.n_fields; f++) {
        const struct records *part = NULL;
        int64_t place = -1;
        for (int64_t row = 0; row < made.n_rows; row++) {
            if (rows[row].part != part) {
                part = rows[row].part;
                place = records_find(part, made.fields[f].name);
            }
            made.cells[row * made.n_fields + f] = records_cell(part, rows[row].row, place);
        }
    }
    *out = made;
done:
    return status;
}
