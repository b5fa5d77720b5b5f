/* What trainers do, one row each: for who watches a sweep and for who runs it. */
#ifndef DISPATCH_TRAINER_TABLE_H
#define DISPATCH_TRAINER_TABLE_H

#include "base/screen.h"
#include "dispatch/folder/status_file.h"

struct trainer_table {
    const struct rank_status *ranks;
    int n_ranks;
    bool has_title; /* a first row that names the columns */
};
struct region {
    int row, column, rows, columns;
};
/* Ranks [first, …) as far as the rows go, in as many columns as the width has room for. */
void trainer_table_draw(struct screen *screen, struct region region,
                        const struct trainer_table *table, int first);
/* How many ranks fit. */
int trainer_table_capacity(struct region region, const struct trainer_table *table);

#endif
