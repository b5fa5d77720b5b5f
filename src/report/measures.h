/* Which numbers a table shows. Private to src/report. */
#ifndef REPORT_MEASURES_H
#define REPORT_MEASURES_H

#include "report/records.h"

struct measure { /* a column of numbers */
    const char *field, *heading;
    double factor;
    int digits;
    bool is_gap_of_means; /* not a summary of the field: the gap between means, for groups only */
};
enum { MAX_MEASURES = 24 };
struct measures {
    int64_t n;
    struct measure items[MAX_MEASURES];
};
/* Those of the main table that the file has. */
void measures_find(const struct records *records, bool has_runs, struct measures *out);
/* Those of the second table: ECE, the distance of confusion profiles, every attack. None when the
 * sweep has but one attack and no retrain: the main table says it all. */
void measures_find_further(const struct records *records, struct measures *out);

#endif
