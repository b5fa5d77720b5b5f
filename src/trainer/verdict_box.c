/* One verdict at a time, between two threads. */
#include "trainer/verdict_box.h"

void verdict_box_init(struct verdict_box *box)
{
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->changed, NULL);
}

void verdict_box_begin(struct verdict_box *box, int64_t run, int64_t attempt)
{
    pthread_mutex_lock(&box->lock);
    box->run = run;
    box->attempt = attempt;
    box->has_verdict = box->is_cancelled = false;
    pthread_mutex_unlock(&box->lock);
}

void verdict_box_cancel(struct verdict_box *box)
{
    pthread_mutex_lock(&box->lock);
    box->is_cancelled = true;
    pthread_cond_signal(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

void verdict_box_put(struct verdict_box *box, const struct verdict *verdict)
{
    static const enum train_verdict meant[] = {
        [VERDICT_NONE] = TRAIN_PAUSE, [VERDICT_GO_ON] = TRAIN_GO_ON, [VERDICT_STOP] = TRAIN_STOP};

    pthread_mutex_lock(&box->lock);
    if (verdict->run == box->run && verdict->attempt == box->attempt) {
        box->verdict = meant[verdict->verdict];
        box->next_epoch = verdict->rung_epoch;
        box->has_verdict = true;
        pthread_cond_signal(&box->changed);
    }
    pthread_mutex_unlock(&box->lock);
}

enum train_verdict verdict_box_wait(struct verdict_box *box, int64_t *next_epoch)
{
    enum train_verdict verdict = TRAIN_CANCEL;

    pthread_mutex_lock(&box->lock);
    while (!box->has_verdict && !box->is_cancelled)
        pthread_cond_wait(&box->changed, &box->lock);
    if (box->has_verdict) {
        verdict = box->verdict;
        *next_epoch = box->next_epoch;
    }
    box->has_verdict = false;
    pthread_mutex_unlock(&box->lock);
    return verdict;
}

const char *train_verdict_words(enum train_verdict verdict)
{
    static const char *const words[] = {[TRAIN_GO_ON] = "goes on",
                                        [TRAIN_PAUSE] = "waits for other runs",
                                        [TRAIN_STOP] = "is stopped early",
                                        [TRAIN_CANCEL] = "has no verdict"};
    return words[verdict];
}
