/* A sweep played without processes: a coordinator and ranks whose trainers are some numbers. What
 * trainers say at rungs, who crashes and who diverges is the test's to say; the order in which
 * ranks get to act is random. The whole can be killed after any number of events and started again
 * from the journal, as often as wanted. */
#ifndef MPI_PLAYED_H
#define MPI_PLAYED_H

#include "dispatch/lead/coordinator.h"
#include "dispatch/talk/mail.h"
#include "support/random_stream.h"

struct play_settings {
    int n_ranks;
    struct sweep *sweep;                                         /* borrowed */
    double (*metric)(void *context, int64_t run, int64_t epoch); /* at a rung */
    bool (*diverges)(void *context, int64_t run, int64_t epoch); /* may be NULL */
    void *context;
    uint32_t crash_percent; /* of the epochs trained */
    uint64_t seed;
    bool acts_in_turn;   /* ranks act one after the other instead of at random */
    bool tells_progress; /* after every epoch */
    bool forgets;        /* keeps no journal: there is one start */
};

struct played_rank {
    struct transport *transport;
    bool is_gone, is_busy, waits; /* waits: for a verdict */
    int64_t run, attempt, epoch, rung_epoch;
};

struct play {
    struct play_settings settings;
    struct random_stream stream;
    struct run_state *states;      /* owned, [n_runs] */
    int64_t *checkpoints;          /* owned, [n_runs] epochs done that a new attempt starts from */
    struct journal_event *journal; /* owned: everything that was journaled */
    int64_t n_events, capacity;
    struct played_rank *ranks; /* owned */
    struct arena *arena;       /* owned: of the order under way */
    struct rungs *rungs;
    struct coordinator *coordinator;
    int64_t n_epochs_trained, n_messages, n_starts;
    double coordinator_seconds; /* spent in rank 0's head */
    double heap_megabytes;      /* when the last start ended: states, rungs, ranks and queues */
    int next;                   /* whose turn it is */
};

void play_open(struct play *play, const struct play_settings *settings);
/* One start of the sweep, from the journal so far. Ends when the sweep is over (true), or as killed
 * once the journal has `most_events` events (false). */
bool play_start(struct play *play, int64_t most_events);
void play_close(struct play *play);

#endif
