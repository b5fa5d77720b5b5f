/* Which numbers a table shows. Private to src/report. */
#ifndef REPORT_MEASURES_H
#define REPORT_MEASURES_H

#include "eval/measures.h"
#include "report/records.h"

struct number_column {
    const struct measure *measure;
    const char *heading;
    bool is_gap_of_means; /* not a summary of the field: the gap between means, for groups only */
};
enum { MAX_COLUMNS = 24 };
struct number_columns {
    int64_t n;
    struct number_column items[MAX_COLUMNS];
};
/* Those of the main table that the file has. */
void columns_find(const struct records *records, bool has_runs, struct number_columns *out);
/* Those of the second table: ECE, the distance of confusion profiles, every attack. None when the
 * sweep has but one attack and no retrain: the main table says it all. */
void columns_find_further(const struct records *records, struct number_columns *out);

#endif
