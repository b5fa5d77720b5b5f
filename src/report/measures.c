/* The columns of the two tables, as the catalogue has them and as far as a file does. */
#include "report/measures.h"

#include <string.h>

static void add(const struct records *records, const struct measure *measure,
                struct number_columns *out)
{
    if (out->n >= MAX_COLUMNS || records_find(records, measure->name) < 0)
        return;
    out->items[out->n++] = (struct number_column){
        .measure = measure, .heading = measure->heading != NULL ? measure->heading : measure->name};
}

void columns_find(const struct records *records, bool has_runs, struct number_columns *out)
{
    *out = (struct number_columns){.n = 0};
    for (int i = 0; measure_at(i) != NULL; i++) {
        if (measure_at(i)->table != TABLE_MAIN)
            continue;
        add(records, measure_at(i), out);
        if (strcmp(measure_at(i)->name, "average_gap") != 0 || has_runs || out->n >= MAX_COLUMNS ||
            records_find(records, "average_gap") < 0)
            continue;
        out->items[out->n++] = (struct number_column){
            .measure = measure_at(i), .heading = "gap of means", .is_gap_of_means = true};
    }
}

void columns_find_further(const struct records *records, struct number_columns *out)
{
    int64_t n_others = 0;

    *out = (struct number_columns){.n = 0};
    for (int are_attacks = 0; are_attacks < 2; are_attacks++) {
        n_others = out->n;
        for (int i = 0; measure_at(i) != NULL; i++)
            if (measure_at(i)->table == TABLE_FURTHER &&
                (measure_at(i)->phase == PHASE_ATTACK) == (are_attacks == 1))
                add(records, measure_at(i), out);
    }
    if (out->n - n_others < 2 && records_find(records, "confusion_distance") < 0)
        out->n = 0;
}
