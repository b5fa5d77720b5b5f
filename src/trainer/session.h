/* A trainer's side of the pipe to its rank: takes runs until the pipe ends, executes them one by
 * one, answers. A second thread reads the pipe, so that a request to stop is seen between steps,
 * and sends heartbeats. What they say to each other: src/protocol/. */
#ifndef CLI_TRAINER_SESSION_H
#define CLI_TRAINER_SESSION_H

#include "base/status.h"

struct trainer_session_settings {
    int in_fd, out_fd;
    const char *device; /* "auto": each run's resources.device */
    int device_index;   /* of the GPUs CUDA shows */
    int n_threads;      /* of runs whose resources.threads is 0 */
};
/* Blocks until the rank closes the pipe, or after an error that makes this process unfit for more
 * runs (it was reported; the rank starts another trainer). */
CHECKED enum status trainer_session_run(const struct trainer_session_settings *settings);

#endif
