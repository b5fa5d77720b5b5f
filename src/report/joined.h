/* The tables of several results files, of shards, as the one of the whole sweep. */
#ifndef REPORT_JOINED_H
#define REPORT_JOINED_H

#include "report/records.h"

/* Rows in the order of the sweep, which is that of the numbers their names begin with; a run that
 * several files know (an edit may have dealt it to another shard) counts once, done rather than
 * not. Fields of all, each where its own file has it. In the arena. */
CHECKED enum status records_join(const struct records *parts, int64_t n, struct arena *arena,
                                 struct records *out);

#endif
