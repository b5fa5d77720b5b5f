/* A run in the foreground, with its progress on standard error: what `train` and a trainer started
 * by hand do. */
#ifndef CLI_FOREGROUND_H
#define CLI_FOREGROUND_H

#include "train/train.h"

/* Cores this process may use, or OMP_NUM_THREADS. */
int default_threads(void);
/* Opens a trainer, executes the job with progress lines, prints UA … MIA of run.h5. n_threads 0:
 * the default. */
CHECKED enum status foreground_run(struct train_job *job, const char *device, int device_index,
                                   int n_threads);

#endif
