/* batch_norm: recalibrate, of a run that has trained and chosen its weights. */
#include "train/execution.h"

#include "base/clock.h"
#include "base/random.h"
#include "train/checkpoint.h"
#include "train/measure/recalibrate.h"

#include <stdlib.h>
#include <string.h>

enum { ORDER_LAYER = 2 }; /* among shuffles: epochs have those of enum phase_rows */

enum status execution_go_on(struct execution *execution, const char *phase, const char *doing)
{
    enum status status = STATUS_OK;
    const struct train_observer *observer = &execution->job->observer;

    execution_report_phase(execution, phase);
    if (observer->wants_stop == NULL || !observer->wants_stop(observer->context))
        return STATUS_OK;
    if (execution->lane.recipe != NULL)
        TRY(checkpoint_save(&execution->lane, execution->job->folder));
    return fail(STATUS_CANCELLED, "stopped on request while %s", doing);
done:
    return status;
}

static enum status between(void *context)
{
    return execution_go_on(context, "recalibrate", "recalibrating batch norm");
}

/* Files may lie class by class: an order of the seed's own, as an epoch's but none of theirs. */
static enum status order_of(const struct split *split, uint64_t seed, int32_t **out)
{
    enum status status = STATUS_OK;
    const struct random_key key = {.seed = seed, .purpose = RANDOM_SHUFFLE, .layer = ORDER_LAYER};

    TRY_ALLOC(*out, heap_alloc(split->n_retain, sizeof **out));
    memcpy(*out, split->retain, (size_t)split->n_retain * sizeof **out);
    random_shuffle(&key, *out, split->n_retain);
done:
    return status;
}

enum status execution_recalibrate(struct execution *execution)
{
    enum status status = STATUS_OK;
    struct network *network = &execution->network;
    const struct recipe *recipe = execution->lane.recipe;
    int64_t n = execution->split->n_retain;
    double start = clock_seconds();
    int32_t *order = NULL;

    if (!run_recalibrates(network->settings, network->method))
        return STATUS_OK;
    TRY(order_of(execution->split, network->spec.seed, &order));
    const struct recalibrate request = {.network = network,
                                        .images = order,
                                        .n = recipe->drop_last ? n - n % recipe->batch_size : n,
                                        .batch_size = recipe->batch_size,
                                        .between = between,
                                        .context = execution};
    TRY(recalibrate(&request));
    execution->eval_seconds += clock_seconds() - start;
done:
    free(order);
    return status;
}
