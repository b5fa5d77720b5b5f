/* Runs and the retrained models they are compared with. Private to src/report. */
#ifndef REPORT_REFERENCE_H
#define REPORT_REFERENCE_H

#include "report/group.h"

/* [n_rows] row of each run's reference, −1 when it has none. In the arena. */
CHECKED enum status references_find(const struct records *records, struct arena *arena,
                                    const int64_t **out);
/* Average gap between the group's means and those of its references: mean over UA, RA, TA, MIA of
 * |mean of the runs − mean of their references|, over the finished runs that have a gap. Below the
 * mean of the gaps when runs miss to both sides. NaN when no run has one. */
double reference_gap_of_means(const struct records *records, const int64_t *references,
                              const struct row_group *group);

#endif
