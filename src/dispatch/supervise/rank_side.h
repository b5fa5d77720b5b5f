/* A rank's side of a sweep: between rank 0's messages and its own trainer. Every rank has one,
 * rank 0 as well. */
#ifndef DISPATCH_MEMBER_H
#define DISPATCH_MEMBER_H

#include "dispatch/supervise/supervisor.h"
#include "dispatch/talk/message.h"
#include "store/results/shard.h"

struct member;
/* `complaint`: what is wrong with this rank's view of the sweep, "" when nothing; told to rank 0.
 * Borrows transport, sweep and folder. */
struct member_settings {
    struct transport *transport;
    const struct sweep *sweep;
    const char *folder; /* results folder */
    struct shard shard; /* of the sweep */
    char complaint[MESSAGE_TEXT_BYTES];
    enum status complaint_status; /* OK: BAD_CONFIG */
    struct supervisor_settings supervisor;
};
CHECKED enum status member_create(const struct member_settings *settings, struct member **out);
void member_destroy(struct member *member); /* kills a trainer that is busy; accepts NULL */
CHECKED enum status member_receive(struct member *member, const struct message *message);
/* Moves on what the trainer said; tells rank 0. COMM when rank 0 has been silent too long. */
CHECKED enum status member_poll(struct member *member);
/* Until a message, the trainer or a signal may be there to look at; not for long. */
void member_wait(const struct member *member, int signal_fd);
bool member_is_finished(const struct member *member); /* SHUTDOWN was received and answered */
/* This rank got a stop signal. */
CHECKED enum status member_request_stop(struct member *member);

#endif
