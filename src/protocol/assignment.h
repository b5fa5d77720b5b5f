/* What rank 0 gives to a trainer: lanes, each with the runs that it trains. Rank 0 names runs by
 * their index in the plan that every rank has; the rank adds what its trainer, which has no plan,
 * needs of it. */
#ifndef PROTOCOL_ASSIGNMENT_H
#define PROTOCOL_ASSIGNMENT_H

#include "base/arena.h"

struct wire;

struct assigned_run {
    int64_t run, attempt; /* attempts are counted per run */
    int64_t rung_epoch;   /* epochs done at which to ask for a verdict; 0: never */
    /* added by the rank; "" or NULL before */
    const char *id, *name;
    const char *folder;   /* "…/runs/<id>/a<attempt>" */
    const char *settings; /* JSON */
    /* of what it must read, else it fails; "": not held to any */
    const char *split_hash, *weights_hash;
    const char *metric;          /* what to say at a rung; "": there are none */
    const int64_t *passed_rungs; /* [n_passed_rungs] epochs at which it was asked before */
    int64_t n_passed_rungs;
};
struct assigned_lane { /* runs that are trained as one */
    struct assigned_run *runs;
    int64_t n_runs;
};
struct assignment {
    struct assigned_lane *lanes;
    int64_t n_lanes;
};

/* Reads into the arena, texts too; NULL when writing. */
void assignment_pass(struct wire *wire, struct assignment *assignment, struct arena *arena);
#endif
