/* What is said to rank 0: by a trainer to its rank, which passes it on, and by the rank itself.
 * Every event names its run and attempt, but for those of a rank or trainer without one. */
#ifndef PROTOCOL_EVENT_H
#define PROTOCOL_EVENT_H

#include "base/process.h"
#include "eval/measures.h"
#include "protocol/run_progress.h"

enum event_kind {
    EVENT_NONE,
    /* of a trainer */
    EVENT_HELLO,  /* build, n_devices; of a rank: host, and in text what is wrong with its view of
                     the sweep, with a status, or "" */
    EVENT_UNABLE, /* no trainer of this rank can compute: text */
    EVENT_HEARTBEAT, /* progress; of a rank: nothing else */
    EVENT_READY,     /* waits for a run */
    EVENT_PROGRESS,  /* progress */
    EVENT_RUNG,      /* at a rung of early_terminate: epoch, value; waits for a verdict */
    EVENT_PAUSED,    /* ended at a rung, as the verdict said */
    EVENT_DONE,      /* scores, summary */
    EVENT_FAILED,    /* status, text */
    /* of a rank */
    EVENT_CRASHED,      /* its trainer died or was killed as hung: signal, text */
    EVENT_GAVE_UP,      /* no trainer can be started there: text */
    EVENT_STOP_REQUEST, /* it got a stop signal */
    EVENT_BYE,
    N_EVENT_KINDS
};

enum { EVENT_TEXT_BYTES = 512, BUILD_BYTES = 96 };

struct event {
    enum event_kind kind;
    int64_t run, attempt; /* index into the plan */
    enum status status;
    int64_t signal; /* 0: it exited by itself */
    int64_t n_devices;
    struct run_progress progress;
    int64_t epoch;           /* epochs done */
    double value;            /* of the sweep's early_terminate metric */
    double scores[N_SCORES]; /* measure_score; NaN when unknown */
    const char *summary;     /* a run_summary as text; borrowed; NULL and "" are one */
    char build[BUILD_BYTES]; /* of the program, as build_name says it */
    char host[HOST_BYTES];
    char text[EVENT_TEXT_BYTES];
};

/* Version and commit of this program: who speaks this protocol with each other is one build. */
const char *build_name(void);

/* Appends to `out`. */
CHECKED enum status event_encode(const struct event *event, struct text *out);
/* `summary` is borrowed from the bytes. COMM for what is no event. */
CHECKED enum status event_decode(const char *bytes, int64_t n, struct event *out);

#endif
