/* A sweep against what a results folder already holds, without touching it: what another start
 * would skip, repeat, continue and leave alone. */
#ifndef DISPATCH_DIFFERENCE_H
#define DISPATCH_DIFFERENCE_H

#include "dispatch/journal/run_state.h"

enum difference_state {
    DIFFERENCE_NEW,
    DIFFERENCE_CHANGED,    /* new, and in the place of an orphaned run: same method and swept
                              values, other settings */
    DIFFERENCE_UNFINISHED, /* begun, neither done nor failed */
    DIFFERENCE_STOPPED,    /* early, by early_terminate */
    DIFFERENCE_FAILED,     /* stays so unless asked for again */
    DIFFERENCE_DONE,
    N_DIFFERENCE_STATES
};
extern const char *const difference_names[N_DIFFERENCE_STATES]; /* "new", "changed", … */

struct lost_run { /* orphaned: in the journal, no longer asked for */
    const char *id;
    const char *name; /* "" when plan.json no longer knows it */
    enum run_phase phase;
    int64_t replaced_by; /* the changed run in its place; −1: none */
};

struct changed_setting {               /* among changed runs and what was in their place */
    const char *name, *before, *after; /* of the first such run; a file's content has no value */
    int64_t n_runs;
};

struct folder_difference {
    bool exists;                   /* the folder holds a sweep; otherwise all runs are new */
    enum difference_state *states; /* [n_runs] */
    int64_t counts[N_DIFFERENCE_STATES];
    struct lost_run *lost;
    int64_t n_lost;
    struct changed_setting *changed;
    int64_t n_changed;
    int64_t n_threads; /* of every trainer, that the folder began with; 0: not known */
    int n_shards;      /* that the folder's sweep was cut into; 0: it was not */
};

/* Everything in the arena. BAD_DATA when a journal is damaged; a damaged plan.json only costs
 * names, and what changed. */
CHECKED enum status folder_difference_find(const struct sweep *sweep, const char *folder,
                                           struct arena *arena, struct folder_difference *out);

#endif
