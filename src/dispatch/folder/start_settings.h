/* What a start of a sweep is told. */
#ifndef DISPATCH_START_SETTINGS_H
#define DISPATCH_START_SETTINGS_H

#include "store/results/shard.h"
#include "sweep/sweep.h"

struct dispatch_settings {
    const char *folder;  /* results folder */
    const char *command; /* the command line, for the record */
    const char *program; /* path of this executable, to spawn `<program> trainer` */
    const char *device;  /* auto, cuda, cpu, ref */
    bool is_fresh;       /* rename an existing folder away first */
    bool is_quiet;
    bool mixes_numerics;  /* go on in a folder whose runs another arithmetic computed */
    bool retries_failed;  /* runs that failed at an earlier start are pending again */
    bool needs_earlier;   /* refuse a folder that no sweep has begun in */
    struct shard shard;   /* which one `sweep` is; count 0: the whole */
    const bool *is_asked; /* [n_runs] runs to do at this start; NULL: all */
    double stop_at;       /* clock_seconds() at which to stop in order; 0: never */
};

#endif
