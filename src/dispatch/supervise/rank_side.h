/* A rank's side of a sweep: between rank 0's orders and its own trainer. Every rank has one,
 * rank 0 as well. */
#ifndef DISPATCH_RANK_SIDE_H
#define DISPATCH_RANK_SIDE_H

#include "dispatch/supervise/supervisor.h"
#include "dispatch/talk/mail.h"
#include "store/results/shard.h"
#include "sweep/sweep.h"

struct rank_side;
/* `complaint`: what is wrong with this rank's view of the sweep, "" when nothing; told to rank 0.
 * Borrows transport, sweep and folder. */
struct rank_side_settings {
    struct transport *transport;
    const struct sweep *sweep;
    const char *folder; /* results folder */
    struct shard shard; /* of the sweep */
    char complaint[EVENT_TEXT_BYTES];
    enum status complaint_status; /* OK: BAD_CONFIG */
    struct supervisor_settings supervisor;
};
CHECKED enum status rank_side_create(const struct rank_side_settings *settings,
                                     struct rank_side **out);
void rank_side_destroy(struct rank_side *side); /* kills a trainer that is busy; accepts NULL */
CHECKED enum status rank_side_receive(struct rank_side *side, const struct order *order);
/* Passes on what the trainer said to rank 0. COMM when rank 0 has been silent too long. */
CHECKED enum status rank_side_poll(struct rank_side *side);
/* Until a message, the trainer or a signal may be there to look at; not for long. */
void rank_side_wait(const struct rank_side *side, int signal_fd);
bool rank_side_is_finished(const struct rank_side *side); /* SHUTDOWN was received and answered */
/* This rank got a stop signal. */
CHECKED enum status rank_side_request_stop(struct rank_side *side);

#endif
