/* What becomes of a run at a rung of early_terminate. */
#ifndef PROTOCOL_VERDICT_H
#define PROTOCOL_VERDICT_H

#include <stdint.h>

struct wire;

/* On its way to the trainer NONE says: pause. */
enum run_verdict { VERDICT_NONE, VERDICT_GO_ON, VERDICT_STOP, N_VERDICTS };

struct verdict {
    int64_t run, attempt; /* of the trainer that waits for it */
    enum run_verdict verdict;
    int64_t rung_epoch; /* epochs done at which to ask next; 0: never */
};

void verdict_pass(struct wire *wire, struct verdict *verdict);

#endif
