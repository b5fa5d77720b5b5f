/* results.h5, composed in memory and replaced whole: /runs one compound row per run with typed
 * columns, /history, /points, /run/<name> external links.
 * `pandas.DataFrame(h5py.File(p)["runs"][:])` works. */
#ifndef STORE_RESULTS_H
#define STORE_RESULTS_H

#include "store/results/run_file.h"

enum column_kind { COLUMN_TEXT, COLUMN_INTEGER, COLUMN_FLOAT };
struct result_column {
    const char *name, *units, *long_name;
    enum column_kind kind;
    const char *const *texts; /* [n_rows] when TEXT   */
    const int64_t *integers;  /* [n_rows] when INTEGER */
    const double *floats;     /* [n_rows] when FLOAT, NaN where missing */
};
struct result_link {
    const char *name;   /* the run's name for people */
    const char *target; /* relative: "runs/<id>/a1/run.h5" */
};
struct result_history { /* concatenated series of all runs; `run` indexes rows of /runs */
    const int64_t *run;
    const struct run_series *columns;
    int64_t n_columns, n_rows;
};
struct results {
    int64_t n_rows, n_columns, n_points, n_links, n_attributes;
    const struct result_column *columns;
    const int64_t *points; /* [n_points] row of /runs for each point of the grid */
    const struct result_link *links;
    struct result_history history;
    const char *const *attribute_names,
        *const *attribute_values; /* root attributes besides format, version, created */
};
CHECKED enum status results_write(const char *path, const struct results *results);
/* Reads rows and points back (no links, no history). Everything in the arena. BAD_DATA names a
 * damaged file. */
CHECKED enum status results_read(const char *path, struct arena *arena, struct results *out);

#endif
