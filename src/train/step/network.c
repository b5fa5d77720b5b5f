/* From a spec to parameters and executors on a device. */
#include "train/step/network.h"

#include <stdlib.h>
#include <string.h>

bool network_reads_weights(const struct network *network)
{
    return method_starts_from_weights(network->method) ||
           network->settings->eval.relearn.max_steps > 0;
}

const char *network_prune_targets(const struct network *network, char text[PATTERN_BYTES])
{
    const struct settings *settings = network->settings;
    const struct architecture *architecture = network->spec.architecture;

    return architecture_pattern(architecture, &network->spec.vit,
                                settings->prune.protect_head
                                    ? architecture->prune_targets
                                    : architecture->prune_targets_with_head,
                                text);
}

static enum status build_graph(const struct network *network, const struct stage_request *request,
                               struct graph **out)
{
    enum status status = STATUS_OK;
    struct network_spec spec = network->spec;
    const struct network_use use = {.mode = request->mode,
                                    .real = device_real(network->device),
                                    .map = device_map(network->device),
                                    .batch_size = request->batch_size,
                                    .n_images = network->data->n};
    struct graph *graph = NULL;

    spec.objective.loss_weight = request->loss_weight;
    TRY(network_graph(&spec, &use, &graph));
    if (!network->is_unfused)
        TRY(pass_fuse(graph));
    TRY(graph_check(graph));
    *out = graph;
    graph = NULL;
done:
    graph_destroy(graph);
    return status;
}

static int row_of(const struct graph *graph, int value)
{
    return value >= 0 ? graph->values[value].param : -1;
}

enum status network_create(struct network *network)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;

    TRY(build_graph(network, &(struct stage_request){.mode = GRAPH_EVAL, .batch_size = 1}, &graph));
    TRY(parameters_create(graph, network->queue, network->spec.seed, &network->parameters));
    network->head_weight = row_of(graph, graph->head_weight);
    network->head_bias = row_of(graph, graph->head_bias);
done:
    graph_destroy(graph);
    return status;
}

void network_release(struct network *network)
{
    parameters_destroy(network->parameters);
    network->parameters = NULL;
}

bool param_is_adapter(const struct param *param)
{
    return strstr(param->name, ".lora_") != NULL;
}

void param_disk_shape(const struct param *param, int64_t *shape)
{
    memcpy(shape, param->shape, sizeof param->shape);
    if (param->is_conv) { /* KRSC → KCRS */
        shape[1] = param->shape[3];
        shape[2] = param->shape[1];
        shape[3] = param->shape[2];
    }
}

static struct weight_wanted wanted_of(const struct param *param)
{
    struct weight_wanted wanted = {.name = param->name, .n_dims = param->n_dims};

    param_disk_shape(param, wanted.shape);
    return wanted;
}

static enum status check_weights(const struct network *network, const struct weights *weights,
                                 const char *path)
{
    enum status status = STATUS_OK;
    int64_t n = parameters_count(network->parameters), n_wanted = 0;
    struct weight_wanted *wanted = NULL;

    TRY_ALLOC(wanted, heap_alloc(n, sizeof *wanted));
    for (int64_t i = 0; i < n; i++)
        if (!param_is_adapter(parameters_row(network->parameters, i)))
            wanted[n_wanted++] = wanted_of(parameters_row(network->parameters, i));
    TRY(weights_check(weights, path, network->spec.architecture->name, wanted, n_wanted));
done:
    free(wanted);
    return status;
}

static enum status load_tensor(struct network *network, int64_t i,
                               const struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    int64_t n = weight_elements(tensor);
    double *values = NULL;

    TRY_ALLOC(values, heap_alloc(n, sizeof *values));
    for (int64_t e = 0; e < n; e++)
        values[e] = weight_value(tensor, e);
    TRY(parameters_set(network->parameters, i, values));
done:
    free(values);
    return status;
}

enum status network_load_weights(struct network *network, const struct weights *weights,
                                 const char *path)
{
    enum status status = STATUS_OK;

    TRY(check_weights(network, weights, path));
    for (int64_t i = 0; i < parameters_count(network->parameters); i++) {
        const struct param *param = parameters_row(network->parameters, i);
        if (!param_is_adapter(param))
            TRY(load_tensor(network, i, weights_find(weights, param->name)));
    }
done:
    return status;
}

enum status network_stage(const struct network *network, const struct stage_request *request,
                          struct stage *out)
{
    enum status status = STATUS_OK;
    struct stage stage = {0};
    struct executor_settings settings = {
        .queue = network->queue, .parameters = network->parameters, .arena = request->arena};
    void *labels = request->labels != NULL ? request->labels : network->data->labels;

    TRY(build_graph(network, request, &stage.graph));
    TRY(executor_create(stage.graph, &settings, &stage.executor));
    TRY(executor_bind(stage.executor, stage.graph->images, network->data->images));
    TRY(executor_bind(stage.executor, stage.graph->image_labels, labels));
    *out = stage;
    stage = (struct stage){0};
done:
    stage_release(&stage);
    return status;
}

enum status network_arena_bytes(const struct network *network, int64_t batch_size, size_t *out)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;
    struct memory_plan plan = {0};

    TRY(build_graph(network, &(struct stage_request){.mode = GRAPH_EVAL, .batch_size = batch_size},
                    &graph));
    TRY(pass_plan_memory(graph, &plan));
    *out = plan.arena_bytes;
done:
    graph_destroy(graph);
    return status;
}

void stage_release(struct stage *stage)
{
    executor_destroy(stage->executor);
    graph_destroy(stage->graph);
    *stage = (struct stage){0};
}
