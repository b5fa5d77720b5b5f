/* The attempts of a run that have a folder. */
#ifndef DISPATCH_ATTEMPTS_H
#define DISPATCH_ATTEMPTS_H

#include "base/arena.h"

/* The highest number; 0: there is none. Not all before it need be there: a rank may have died
 * before it made the folder of an attempt. */
CHECKED enum status attempts_newest(const char *results, const char *run_id, struct arena *arena,
                                    int64_t *out);

#endif
