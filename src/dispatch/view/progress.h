/* What people see of a running sweep. On a terminal: one line per trainer with a bar and one for
 * the whole, redrawn. In a log: one plain line per event, progress of a run every ten seconds. */
#ifndef DISPATCH_PROGRESS_H
#define DISPATCH_PROGRESS_H

#include "dispatch/journal/run_state.h"

struct progress_settings {
    const struct sweep *sweep; /* borrowed */
    int n_ranks;
    int64_t n_finished_before; /* done or failed at an earlier start */
    bool is_quiet;             /* only failures and notes */
    int fd;                    /* where to: standard output */
    bool is_plain;             /* never redraw */
};
struct progress;
CHECKED enum status progress_create(const struct progress_settings *settings,
                                    struct progress **out);
void progress_destroy(struct progress *progress); /* clears the redrawn lines; accepts NULL */
void progress_event(struct progress *progress, const struct journal_event *event);
void progress_heard(struct progress *progress, int rank, const struct event *said);
void progress_note(struct progress *progress, const char *text);
void progress_tick(struct progress *progress, double now);

#endif
