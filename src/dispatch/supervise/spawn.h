/* Starts a trainer process: its pipes, its environment without MPI, its own process group. */
#ifndef DISPATCH_SPAWN_H
#define DISPATCH_SPAWN_H

#include "base/process.h"
#include "base/status.h"

enum { TRAINER_IN_FD = 3, TRAINER_OUT_FD = 4 }; /* numbers inside the trainer */

struct spawn_settings {
    const char *program, *device;
    int device_index; /* of the GPUs the machine shows */
    int n_threads;
    const char *cores; /* "0,2-3" */
    const char *log;   /* file for its output; NULL: goes where ours goes */
};
struct spawned {
    pid_t pid;
    int to_fd, from_fd; /* non-blocking, ours */
};
/* None: a pid of 0 would mean our own process group, a descriptor of 0 our input. */
#define SPAWNED_NONE ((struct spawned){.pid = NO_PROCESS, .to_fd = -1, .from_fd = -1})
CHECKED enum status spawn_trainer(const struct spawn_settings *settings, struct spawned *out);

#endif
