/* Rows that agree in some fields, and what their finished runs measured. Private to src/report. */
#ifndef REPORT_GROUP_H
#define REPORT_GROUP_H

#include "report/records.h"

struct row_group {
    int64_t first;       /* row of /runs whose cells name the group */
    const int64_t *rows; /* [n_rows] ascending */
    int64_t n_rows, n_done;
};
struct row_groups {
    int64_t n;
    struct row_group *items; /* by first row */
};
/* Groups the rows by equal cells in the given fields. */
CHECKED enum status groups_create(const struct records *records, const int64_t *fields,
                                  int64_t n_fields, struct arena *arena, struct row_groups *out);

struct summary {
    int64_t n;              /* finished runs that have the number */
    double mean, deviation; /* sample standard deviation, NaN when n < 2 */
};
struct summary group_summary(const struct records *records, const struct row_group *group,
                             int64_t field);

#endif
