/* Where a trainer's standard output and error go: to its rank's log, and during a run to that
 * run's. What libraries print is caught as well, and a crash loses nothing of it. */
#ifndef CLI_TRAINER_LOG_H
#define CLI_TRAINER_LOG_H

#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>

/* Then FILE becomes FILE.1, and a new FILE is begun. Of FILE.1 little more than that is kept. */
enum { TRAINER_LOG_BYTES = 1 << 20 };

struct trainer_log {
    char path[4096];  /* "" before it begins */
    int saved[2];     /* where output and error went before */
    pthread_t keeper; /* looks at its size many times a second: a library may print fast */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_ending;
};

/* Both go to the end of the file at `path`, whose folder is created. IO when it cannot be written;
 * they stay as they were then. */
CHECKED enum status trainer_log_begin(struct trainer_log *log, const char *path);
/* Both go where they went before. Does nothing when the log has not begun. */
void trainer_log_end(struct trainer_log *log);

#endif
