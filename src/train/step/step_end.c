/* Binds the tally's operation to a graph's loss, logits and labels. */
#include "train/step/step_end.h"

#include <stdlib.h>

struct step_end {
    /* borrowed */
    struct queue *queue;
    struct device *device; /* of queue */
    struct optimizer *optimizer;
    /* owned */
    union op_any op; /* step_tally */
    struct prepared *prepared;
    void *workspace;
};

static enum status enqueue(void *context)
{
    enum status status = STATUS_OK;
    struct step_end *end = context;

    TRY(optimizer_enqueue(end->optimizer));
    TRY(kernel_run(end->queue, OP_step_tally, end->prepared, &end->op));
done:
    return status;
}

enum status step_end_create(struct executor *executor, const struct graph *graph,
                            struct optimizer *optimizer, struct tally *tally, struct step_end **out)
{
    enum status status = STATUS_OK;
    struct step_end *end = NULL;

    TRY_ALLOC(end, heap_alloc(1, sizeof *end));
    end->queue = optimizer_queue(optimizer);
    end->device = queue_device(end->queue);
    end->optimizer = optimizer;
    end->op.step_tally.loss = executor_tensor(executor, graph->loss);
    end->op.step_tally.logits = executor_tensor(executor, graph->logits);
    end->op.step_tally.labels = executor_tensor(executor, graph->labels);
    end->op.step_tally.rates = optimizer_rates(optimizer);
    end->op.step_tally.totals = tally_totals(tally);
    TRY(kernel_prepare(end->device, OP_step_tally, &end->op, &end->prepared));
    TRY(device_alloc(end->device, end->prepared->workspace_bytes, &end->workspace));
    end->op.workspace = (struct span){end->workspace, end->prepared->workspace_bytes};
    executor_follow(executor, &(struct executor_tail){enqueue, end});
    *out = end;
    end = NULL;
done:
    step_end_destroy(end);
    return status;
}

void step_end_destroy(struct step_end *end)
{
    if (end == NULL)
        return;
    kernel_release(end->device, OP_step_tally, end->prepared);
    device_free(end->device, end->workspace);
    free(end);
}
