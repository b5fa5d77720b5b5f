/* One verdict at a time, between two threads. */
#include "trainer/verdict_box.h"

#include "dispatch/talk/record.h"

#include <string.h>

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

void verdict_box_put(struct verdict_box *box, const cJSON *record)
{
    const char *word = record_text(record, "verdict");

    pthread_mutex_lock(&box->lock);
    if (record_integer(record, "run_number") == box->run &&
        record_integer(record, "attempt") == box->attempt) {
        box->verdict = strcmp(word, "go_on") == 0  ? TRAIN_GO_ON
                       : strcmp(word, "stop") == 0 ? TRAIN_STOP
                                                   : TRAIN_PAUSE;
        box->next_epoch = record_integer(record, "rung_epoch");
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

cJSON *verdict_box_question(const struct verdict_box *box, const struct train_rung *rung)
{
    cJSON *body = record_create("rung");
    bool is_made = cJSON_AddNumberToObject(body, "run_number", (double)box->run) != NULL &&
                   cJSON_AddNumberToObject(body, "attempt", (double)box->attempt) != NULL &&
                   cJSON_AddNumberToObject(body, "epoch", (double)rung->epoch) != NULL &&
                   record_add_exact(body, "value", rung->value);

    if (is_made)
        return body;
    cJSON_Delete(body);
    return NULL;
}

const char *train_verdict_words(enum train_verdict verdict)
{
    static const char *const words[] = {[TRAIN_GO_ON] = "goes on",
                                        [TRAIN_PAUSE] = "waits for other runs",
                                        [TRAIN_STOP] = "is stopped early",
                                        [TRAIN_CANCEL] = "has no verdict"};
    return words[verdict];
}
