/* The columns of the two tables: fixed ones, and whatever attacks a file has. */
#include "report/measures.h"

#include "base/text.h"

#include <string.h>

static const struct measure main_measures[] = {
    {"UA", "UA", 100.0, 2, false},
    {"RA", "RA", 100.0, 2, false},
    {"TA", "TA", 100.0, 2, false},
    {"MIA", "MIA", 100.0, 2, false},
    {"average_gap", "gap", 100.0, 2, false},
    {"average_gap", "gap of means", 100.0, 2, true},
    {"ToW", "ToW", 1.0, 3, false},
    {"JS", "JS", 1.0, 3, false},
    {"seconds_train", "train s", 1.0, 2, false},
};

static void add(const struct records *records, struct measure measure, struct measures *out)
{
    if (out->n < MAX_MEASURES && records_find(records, measure.field) >= 0)
        out->items[out->n++] = measure;
}

void measures_find(const struct records *records, bool has_runs, struct measures *out)
{
    *out = (struct measures){.n = 0};
    for (size_t i = 0; i < sizeof main_measures / sizeof *main_measures; i++)
        if (!(has_runs && main_measures[i].is_gap_of_means))
            add(records, main_measures[i], out);
}

/* "MIA_loss_lr" is an attack's figure, "MIA_loss_lr_w" its regression's weight. */
static bool is_attack(const char *field)
{
    size_t length = strlen(field);

    return text_starts_with(field, "MIA_") && strcmp(field + length - 2, "_w") != 0 &&
           strcmp(field + length - 2, "_b") != 0;
}

void measures_find_further(const struct records *records, struct measures *out)
{
    int64_t n_attacks = 0;

    *out = (struct measures){.n = 0};
    add(records, (struct measure){"ECE", "ECE", 100.0, 2, false}, out);
    add(records, (struct measure){"confusion_distance", "confusion", 1.0, 3, false}, out);
    for (int64_t i = 0; i < records->n_fields; i++) {
        const char *field = records->fields[i].name;
        if (!is_attack(field))
            continue;
        n_attacks++;
        add(records, (struct measure){field, field + strlen("MIA_"), 100.0, 2, false}, out);
    }
    if (n_attacks < 2 && records_find(records, "confusion_distance") < 0)
        out->n = 0;
}
