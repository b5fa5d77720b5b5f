/* Where the training thread of a trainer waits at a rung until its talking thread hears from the
 * rank what becomes of the run. */
#ifndef CLI_VERDICT_BOX_H
#define CLI_VERDICT_BOX_H

#include "protocol/verdict.h"
#include "train/train.h"

#include <pthread.h>

struct verdict_box {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    int64_t run, attempt; /* under way */
    bool has_verdict, is_cancelled;
    enum train_verdict verdict;
    int64_t next_epoch;
};

void verdict_box_init(struct verdict_box *box);
/* A run begins: no verdict is there. */
void verdict_box_begin(struct verdict_box *box, int64_t run, int64_t attempt);
/* The run is to end where it is: nobody waits any longer. */
void verdict_box_cancel(struct verdict_box *box);
/* Of another run: ignored. */
void verdict_box_put(struct verdict_box *box, const struct verdict *verdict);
/* Blocks. TRAIN_CANCEL when cancelled before a verdict came. */
enum train_verdict verdict_box_wait(struct verdict_box *box, int64_t *next_epoch);
const char *train_verdict_words(enum train_verdict verdict); /* for the log */

#endif
