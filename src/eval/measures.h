/* The catalogue of measures: everything a finished run says in numbers, each by one row. What
 * computes, stores, sends, shows and compares them goes by these rows. To add a measure: a row
 * here, and where its phase computes it, its value under that name. */
#ifndef EVAL_MEASURES_H
#define EVAL_MEASURES_H

#include <stdbool.h>

enum measure_phase {                   /* what computes it */
                     PHASE_EVALUATION, /* eval/metrics.c: from predictions and split */
                     PHASE_ATTACK,     /* eval/attack.c, as far as eval.mia asks */
                     PHASE_INSPECTION, /* train/inspect.c: from the final weights, and what trains
                                          on them */
                     PHASE_ACCOUNT,    /* train/outcome.c: what the run cost, which epoch it took */
                     PHASE_COMPARISON, /* dispatch/results/comparisons.c: needs the run's retrained
                                          reference */
};
enum measure_better { BETTER_NEITHER, BETTER_HIGH, BETTER_LOW, BETTER_NEAR_REFERENCE };
enum measure_table { TABLE_NONE, TABLE_MAIN, TABLE_FURTHER }; /* of `prunelora report` */

struct measure {
    const char *name, *unit, *long_name; /* of its column in results.h5 */
    enum measure_phase phase;
    enum measure_better better;
    bool is_score;    /* shown when a run is done, and part of average_gap */
    bool is_standard; /* has a column before any run has the number */
    bool is_at_rungs; /* early_terminate may go by it */
    enum measure_table table;
    const char *heading; /* there; NULL: its name */
    double factor;       /* there: 100 shows percent */
    int digits;
};

/* In the order of columns; NULL behind the last. */
const struct measure *measure_at(int i);
const struct measure *measure_find(const char *name); /* NULL when there is none */
/* The k-th score: UA, RA, TA, MIA. */
enum { N_SCORES = 4 };
const struct measure *measure_score(int k);

#endif
