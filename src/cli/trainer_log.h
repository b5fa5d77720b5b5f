/* Where a trainer's standard output and error go: to its rank's log, and during a run to that
 * run's. What libraries print is caught as well, and a crash loses nothing of it. */
#ifndef CLI_TRAINER_LOG_H
#define CLI_TRAINER_LOG_H

#include "base/status.h"

enum { TRAINER_LOG_BYTES = 1 << 20 }; /* then FILE becomes FILE.1, and a new FILE is begun */

struct trainer_log {
    char path[4096]; /* "" before it begins */
    int saved[2];    /* where output and error went before */
};

/* Both go to the end of the file at `path`, whose folder is created. IO when it cannot be written;
 * they stay as they were then. */
CHECKED enum status trainer_log_begin(struct trainer_log *log, const char *path);
/* Keeps the file bounded; to be called now and then. */
void trainer_log_trim(const struct trainer_log *log);
/* Both go where they went before. Does nothing when the log has not begun. */
void trainer_log_end(struct trainer_log *log);

#endif
