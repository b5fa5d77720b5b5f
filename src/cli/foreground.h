/* A run in the foreground, with its progress on standard error: what `train` and a trainer started
 * by hand do. */
#ifndef CLI_FOREGROUND_H
#define CLI_FOREGROUND_H

#include "train/train.h"

/* "auto", "cpu" or "ref" to a backend; BAD_CONFIG names the choices. "auto" is the best this build
 * has. */
CHECKED enum status backend_choose(const char *device, const struct backend **out);
/* Cores this process may use, or OMP_NUM_THREADS. */
int default_threads(void);
/* Opens a trainer, executes the job with progress lines, prints UA … MIA of run.h5. n_threads 0:
 * the default. */
CHECKED enum status foreground_run(struct train_job *job, const char *device, int n_threads);

#endif
