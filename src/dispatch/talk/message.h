/* What ranks say to each other: one plain struct, small enough for an eager send. All ranks run the
 * same build (checked at start-up), so the struct travels as it lies in memory. */
#ifndef DISPATCH_MESSAGE_H
#define DISPATCH_MESSAGE_H

#include "dispatch/talk/run_progress.h"
#include "dispatch/talk/transport.h"

#include "base/hash.h"
#include "eval/measures.h"
#include "sweep/sweep.h"

#include <stdint.h>

enum message_kind {
    /* to rank 0 */
    MESSAGE_HELLO = 1, /* text: what is wrong with this rank's view of the sweep, or "" */
    MESSAGE_READY,     /* a trainer is idle */
    MESSAGE_PROGRESS,
    MESSAGE_RUNG,   /* at a rung: value; the run waits for a VERDICT */
    MESSAGE_PAUSED, /* the run ended at a rung, as the verdict said */
    MESSAGE_PART,   /* of the summary of a run that is DONE, which comes next: dispatch/parts.h */
    MESSAGE_DONE,
    MESSAGE_FAILED,       /* the trainer reported a status and a text */
    MESSAGE_CRASHED,      /* the trainer died or was killed as hung: signal, text */
    MESSAGE_GAVE_UP,      /* no trainer can be started here: text */
    MESSAGE_HEARTBEAT,    /* both ways */
    MESSAGE_STOP_REQUEST, /* this rank got a stop signal */
    MESSAGE_BYE,
    /* from rank 0 */
    MESSAGE_ASSIGN,
    MESSAGE_VERDICT,
    MESSAGE_RESTART,  /* after a silence: kill the trainer, whose run is another rank's, start anew
                       */
    MESSAGE_STOP,     /* checkpoint and end the run under way */
    MESSAGE_SHUTDOWN, /* end the trainer, say BYE */
};

/* What becomes of a run at a rung of early_terminate. On its way to the trainer NONE says: pause.
 */
enum run_verdict { VERDICT_NONE, VERDICT_GO_ON, VERDICT_STOP };

enum { MESSAGE_TEXT_BYTES = 512, HOST_BYTES = 64 };

struct message {
    int32_t kind;    /* enum message_kind */
    int32_t status;  /* enum status, of FAILED */
    int32_t signal;  /* of CRASHED; 0 when it exited by itself */
    int32_t verdict; /* enum run_verdict, of VERDICT */
    int64_t run, attempt;
    int64_t rung_epoch; /* of RUNG: where it is; of ASSIGN, VERDICT: the next, 0: none */
    double value;       /* of RUNG: the metric */
    int64_t n_bytes;    /* of PART: ahead of it; of DONE: of all its parts */
    char run_id[RUN_ID_BYTES + 7];
    char split_hash[HASH_HEX_BYTES + 7], weights_hash[HASH_HEX_BYTES + 7]; /* of ASSIGN */
    struct run_progress progress;
    double scores[N_SCORES]; /* measure_score; NaN when unknown */
    char host[HOST_BYTES];
    char text[MESSAGE_TEXT_BYTES];
};
_Static_assert(sizeof(struct message) <= TRANSPORT_MAX_BYTES, "a message must be sent eagerly");

CHECKED enum status message_send(struct transport *transport, int to,
                                 const struct message *message);
/* *from is -1 when nothing has arrived. */
CHECKED enum status message_receive(struct transport *transport, int *from,
                                    struct message *message);

/* Copies what fits, never half of a UTF-8 character. */
void copy_text(char *to, size_t capacity, const char *from);
void host_name(char host[HOST_BYTES]);

#endif
