/* The graph's values come back in the device's types and are widened to double. */
#include "train/measure/forward.h"

#include "base/log.h"
#include "train/measure/eval_batch.h"

#include <string.h>

static int64_t columns(const struct graph *graph, int value)
{
    return value >= 0 ? graph->values[value].shape[1] : 0;
}

/* Where the memory that is lent is too small, memory of its own. */
static enum status stage_create(struct forward *forward, struct span memory)
{
    enum status status = STATUS_OUT_OF_MEMORY;
    struct stage_request request = {
        .mode = GRAPH_EVAL, .batch_size = forward->batch_size, .arena = memory};

    if (memory.data != NULL)
        status = network_stage(forward->network, &request, &forward->stage);
    request.arena = (struct span){0};
    if (status == STATUS_OUT_OF_MEMORY)
        status = network_stage(forward->network, &request, &forward->stage);
    return status;
}

/* What auto chose is halved while memory is refused, by our own count or by the device: few sizes
 * are possible, whatever the memory, and the one it was is recorded. */
static enum status stage_create_fitting(struct forward *forward, struct span memory)
{
    enum status status = STATUS_OK;
    int64_t wanted = forward->batch_size;
    bool is_auto = forward->network->settings->eval.batch_size == EVAL_BATCH_AUTO, fits = true;

    for (;; forward->batch_size = (forward->batch_size + 1) / 2) {
        if (is_auto && forward->batch_size > 1)
            TRY(eval_batch_fits(forward->network, forward->batch_size, &fits));
        status = fits ? stage_create(forward, memory) : STATUS_OUT_OF_MEMORY;
        if (status != STATUS_OUT_OF_MEMORY || !is_auto || forward->batch_size == 1)
            break;
        fits = true;
    }
    if (status == STATUS_OK && forward->batch_size < wanted)
        log_warning("evaluation takes %lld images at a time, not %lld: there is no memory for more",
                    (long long)forward->batch_size, (long long)wanted);
done:
    return status;
}

enum status forward_create(const struct network *network, const struct forward_settings *settings,
                           struct arena *arena, struct forward *out)
{
    enum status status = STATUS_OK;
    struct forward forward = {.network = network};

    TRY(eval_batch_choose(network, settings->n_images, &forward.batch_size));
    TRY(stage_create_fitting(&forward, settings->memory));
    forward.n_classes = columns(forward.stage.graph, forward.stage.graph->logits);
    forward.n_features = columns(forward.stage.graph, forward.stage.graph->features);
    int64_t most = forward.n_features > forward.n_classes ? forward.n_features : forward.n_classes;
    TRY_ALLOC(forward.indices, ARENA_ARRAY(arena, forward.batch_size, int32_t));
    TRY_ALLOC(forward.logits, ARENA_ARRAY(arena, forward.batch_size * forward.n_classes, double));
    TRY_ALLOC(forward.features,
              ARENA_ARRAY(arena, forward.batch_size * forward.n_features, double));
    TRY_ALLOC(forward.raw, ARENA_ARRAY(arena, forward.batch_size * most, double));
    *out = forward;
    forward = (struct forward){0};
done:
    forward_release(&forward);
    return status;
}

void forward_release(struct forward *forward)
{
    stage_release(&forward->stage);
}

static enum status read_value(struct forward *forward, int value, double *out)
{
    enum status status = STATUS_OK;
    struct tensor tensor = executor_tensor(forward->stage.executor, value);
    int64_t n = tensor_elements(&tensor);

    TRY(executor_download(forward->stage.executor, value, forward->raw));
    for (int64_t i = 0; i < n; i++)
        out[i] = number_at(forward->raw, tensor.dtype, i);
done:
    return status;
}

static enum status run(struct forward *forward)
{
    enum status status = STATUS_OK;
    struct graph *graph = forward->stage.graph;

    TRY(executor_upload(forward->stage.executor, graph->indices, forward->indices));
    TRY(executor_run(forward->stage.executor));
    TRY(read_value(forward, graph->logits, forward->logits));
done:
    return status;
}

enum status forward_run(struct forward *forward, const int32_t *rows, int64_t count)
{
    for (int64_t i = 0; i < forward->batch_size; i++)
        forward->indices[i] = rows[i < count ? i : count - 1];
    return run(forward);
}

enum status forward_read_features(struct forward *forward)
{
    int features = forward->stage.graph->features;

    if (features < 0)
        return fail(STATUS_UNSUPPORTED, "'%s' has no linear layer that gives its logits",
                    forward->network->spec.architecture->name);
    return read_value(forward, features, forward->features);
}
