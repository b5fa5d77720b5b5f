/* A pack of runs in one trainer: they take turns, a step each, so that none waits for another's end
 * and a device that works ahead always has something queued. A run alone is a pack of one. */
#include "train/execution.h"

#include <stdio.h>
#include <stdlib.h>

struct pack {
    struct execution *executions; /* [n] owned */
    struct train_end *ends;       /* [n] borrowed */
    bool *are_over;               /* [n] owned */
    int n, n_left;
};

static void put_end(struct pack *pack, int i, enum status worked)
{
    enum status status = execution_end(&pack->executions[i], worked);
    struct train_end *end = &pack->ends[i];

    end->status = status;
    snprintf(end->message, sizeof end->message, "%s", status != STATUS_OK ? status_message() : "");
    pack->are_over[i] = true;
    pack->n_left--;
}

/* What becomes of one is of no concern to the others. */
static void begin(struct pack *pack, struct trainer *trainer, const struct train_job *jobs)
{
    for (int i = 0; i < pack->n; i++) {
        enum status status = execution_begin(trainer, &jobs[i], &pack->executions[i]);
        if (status != STATUS_OK)
            put_end(pack, i, status);
    }
}

static void take_turns(struct pack *pack)
{
    for (int i = 0; pack->n_left > 0; i = (i + 1) % pack->n) {
        bool is_over = false;
        if (pack->are_over[i])
            continue;
        enum status status = execution_advance(&pack->executions[i], &is_over);
        if (status != STATUS_OK || is_over)
            put_end(pack, i, status);
    }
}

enum status trainer_execute_pack(struct trainer *trainer, const struct train_job *jobs, int n,
                                 struct train_end *ends)
{
    enum status status = STATUS_OK;
    struct pack pack = {.ends = ends, .n = n, .n_left = n};

    TRY_ALLOC(pack.executions, heap_alloc(n, sizeof *pack.executions));
    TRY_ALLOC(pack.are_over, heap_alloc(n, sizeof *pack.are_over));
    begin(&pack, trainer, jobs);
    take_turns(&pack);
done:
    free(pack.executions);
    free(pack.are_over);
    return status;
}

enum status trainer_execute(struct trainer *trainer, const struct train_job *job)
{
    struct train_end end = {0};
    enum status status = trainer_execute_pack(trainer, job, 1, &end);

    return status != STATUS_OK ? status : end.status; /* the message is still this thread's last */
}
