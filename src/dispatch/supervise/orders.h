/* Records from a rank to its trainer, as src/dispatch/talk/record.h describes them. */
#ifndef DISPATCH_ORDERS_H
#define DISPATCH_ORDERS_H

#include "dispatch/talk/message.h"
#include "dispatch/talk/record.h"

struct supervisor_job {
    int64_t run, attempt;
    const char *id, *name, *folder, *settings_json;
    const char *split_hash, *weights_hash; /* as in struct run; NULL: not held to any */
    int64_t rung_epoch;                    /* epochs done at which to ask for a verdict; 0: never */
    const char *metric;                    /* what to say then; NULL without early_terminate */
    const int64_t *passed_rungs;           /* [n_passed_rungs] at which it was asked before */
    int64_t n_passed_rungs;
};

/* cJSON_Delete them; NULL when memory ran out. */
cJSON *order_assign(const struct supervisor_job *job);
cJSON *order_verdict(const struct message *verdict);

#endif
