/* Runs against the retrained models of the same sweep: each pair of attempts is compared once, when
 * both have ended, and remembered. Reads HDF5, so on rank 0 only the recorder's thread comes here.
 */
#ifndef DISPATCH_COMPARISONS_H
#define DISPATCH_COMPARISONS_H

#include "store/results/run_file.h"
#include "sweep/sweep.h"

enum {
    COMPARISON_GAP,
    COMPARISON_TOW,
    COMPARISON_TOW_MIA,
    COMPARISON_JS,
    COMPARISON_CONFUSION,
    N_COMPARISON
};
const char *comparison_name(int k); /* in the catalogue of measures */

/* One attempt of a run that is done. */
struct finished_run {
    const struct run *run;
    int64_t attempt;
    const struct run_file *file; /* without samples */
    const char *path;            /* of its run.h5 */
};

struct comparisons; /* holds what the references say of D_f, and four numbers for each run */
/* Borrows sweep. */
CHECKED enum status comparisons_create(const struct sweep *sweep, struct comparisons **out);
void comparisons_destroy(struct comparisons *comparisons);       /* accepts NULL */
bool comparisons_has_any(const struct comparisons *comparisons); /* a run has a reference */
/* Whether these attempts were compared before. */
bool comparisons_are_made(const struct comparisons *comparisons, const struct finished_run *run,
                          const struct finished_run *reference);
/* Compares unless these attempts were compared before. Values that cannot be had (a file without
 * predictions, other images) are NaN, with a warning in the log. Fails OUT_OF_MEMORY only. */
CHECKED enum status comparisons_update(struct comparisons *comparisons,
                                       const struct finished_run *run,
                                       const struct finished_run *reference);
/* [N_COMPARISON] of run i of the sweep, NaN before its first update. */
const double *comparisons_of(const struct comparisons *comparisons, int64_t i);

#endif
