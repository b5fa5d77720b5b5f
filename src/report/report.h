/* What a sweep found, for people (table) and for programs (CSV, JSON), from its results.h5 alone.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/text.h"

enum report_format { REPORT_TABLE, REPORT_CSV, REPORT_JSON };
/* "table", "csv", "json"; BAD_CONFIG for any other name. */
CHECKED enum status report_format_find(const char *name, enum report_format *out);

struct report_settings {
    enum report_format format;
    const char *const *by; /* dotted settings to group the table by; none: those the sweep varies */
    int64_t n_by;
    bool has_runs; /* table: one row per run instead of groups */
};

/* Appends the report on `folder`/results.h5, or on those of its shards together, to `out`.
 *   table  one row per group of runs that agree in everything swept but the seed: percent, mean ±
 *          standard deviation over its finished runs, their number; with retrain runs the gap to
 *          them, also that of the means; a second table of ECE and attacks where the sweep has
 *          several of those or retrain; failed runs with messages below
 *   csv    one row per run, fractions, empty where missing
 *   json   an array of one object per run: every column, settings under their dotted names (a
 *          setting that the run's method does not read is null when it is swept), NaN as null
 * BAD_CONFIG when the folder has no results or `by` names no setting, BAD_DATA for a damaged file.
 */
CHECKED enum status report_compose(const char *folder, const struct report_settings *settings,
                                   struct text *out);

#endif
