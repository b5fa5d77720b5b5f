/* The columns of results.h5 that come from the sweep alone, typed: one per swept setting, one per
 * other setting of a run's identity in which runs differ, and always method, architecture, what is
 * forgotten, and the seed. */
#ifndef DISPATCH_RESULTS_AXES_H
#define DISPATCH_RESULTS_AXES_H

#include "store/results/results.h"
#include "sweep/sweep.h"

struct results_axes {
    const struct sweep *sweep;     /* read; outlives the columns, which point to its texts */
    struct arena *arena;           /* owns what follows, which is written */
    struct result_column *columns; /* [n] missing where a method does not read it */
    int64_t n;
    const char **settings_json; /* [n_runs] all settings of each run */
};
CHECKED enum status results_axes_fill(struct results_axes *axes);

#endif
