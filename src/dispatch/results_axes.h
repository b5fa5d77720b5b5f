/* The columns of results.h5 that come from the sweep alone: one per swept setting, typed. */
#ifndef DISPATCH_RESULTS_AXES_H
#define DISPATCH_RESULTS_AXES_H

#include "store/results.h"
#include "sweep/sweep.h"

struct axes {
    const struct sweep *sweep;     /* read */
    struct arena *arena;           /* owns what the columns point to */
    struct result_column *columns; /* [n_axes] written; missing where a method does not read it */
    const char **settings_json;    /* [n_runs] written: all settings of each run */
};
CHECKED enum status results_axes_fill(const struct axes *axes);

#endif
