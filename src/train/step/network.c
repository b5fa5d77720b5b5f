/* From a run's settings to graphs: the architecture, then the method's passes, then parameters and
 * executors. */
#include "train/step/network.h"

#include "unlearn/method_graph.h"

#include <stdlib.h>
#include <string.h>

const struct recipe *network_recipe(const struct network *network)
{
    switch (network->method->training) {
    case TRAIN_RECIPE:
        return &network->settings->train;
    case TRAIN_BASE_RECIPE:
        return &network->settings->base_train;
    default:
        return NULL;
    }
}

/* What a recipe asks of the graph that it trains. */
static void apply_recipe(const struct recipe *recipe, struct graph_settings *settings)
{
    settings->is_augmented = recipe->augment != AUGMENT_NONE;
    settings->cutout = (int)recipe->cutout;
    settings->is_mixed = recipe->mixup > 0;
    settings->label_smoothing = recipe->label_smoothing;
}

bool network_reads_weights(const struct network *network)
{
    return network->method->starts_from_weights || network->settings->eval.relearn.max_steps > 0;
}

const char *network_prune_targets(const struct network *network, char text[PATTERN_BYTES])
{
    const struct settings *settings = network->settings;
    const struct architecture *architecture = network->architecture;

    return architecture_pattern(architecture, &settings->model.vit,
                                settings->prune.protect_head
                                    ? architecture->prune_targets
                                    : architecture->prune_targets_with_head,
                                text);
}

static struct graph_settings graph_settings_of(const struct network *network, enum graph_mode mode,
                                               int64_t batch_size)
{
    const struct dataset *dataset = network->data->dataset;
    uint64_t seed = (uint64_t)network->settings->seed;
    const struct recipe *recipe = network_recipe(network);
    struct graph_settings settings = {
        .mode = mode,
        .real = device_real(network->device),
        .map = device_map(network->device),
        .batch_size = batch_size,
        .height = dataset->height,
        .width = dataset->width,
        .channels = dataset->channels,
        .n_images = network->data->n,
        .n_classes = dataset->n_classes,
        .seed = seed,
        .vit = network->settings->model.vit,
    };
    if (mode == GRAPH_TRAIN && recipe != NULL)
        apply_recipe(recipe, &settings);
    for (int c = 0; c < 3; c++) {
        settings.mean[c] = network->mean.values[c];
        settings.std[c] = network->std.values[c];
    }
    return settings;
}

static enum status build_graph(const struct network *network, enum graph_mode mode,
                               int64_t batch_size, struct graph **out)
{
    enum status status = STATUS_OK;
    struct graph_settings settings = graph_settings_of(network, mode, batch_size);
    struct graph *graph = NULL;

    TRY(method_graph(network->settings, &settings, &graph));
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

    network->architecture = architecture_find(network->settings->model.arch);
    if (network->architecture == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown architecture '%s'", network->settings->model.arch);
    TRY(build_graph(network, GRAPH_EVAL, 1, &graph));
    TRY(parameters_create(graph, device_queue(network->device), (uint64_t)network->settings->seed,
                          &network->parameters));
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
    TRY(weights_check(weights, path, network->architecture->name, wanted, n_wanted));
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

enum status network_stage(const struct network *network, enum graph_mode mode, int64_t batch_size,
                          struct span arena, struct stage *out)
{
    enum status status = STATUS_OK;
    struct stage stage = {0};
    struct executor_settings settings = {
        .queue = device_queue(network->device), .parameters = network->parameters, .arena = arena};

    TRY(build_graph(network, mode, batch_size, &stage.graph));
    TRY(executor_create(stage.graph, &settings, &stage.executor));
    TRY(executor_bind(stage.executor, stage.graph->images, network->data->images));
    TRY(executor_bind(stage.executor, stage.graph->image_labels, network->data->labels));
    *out = stage;
    stage = (struct stage){0};
done:
    stage_release(&stage);
    return status;
}

enum status network_arena_bytes(const struct network *network, enum graph_mode mode,
                                int64_t batch_size, size_t *out)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;
    struct memory_plan plan = {0};

    TRY(build_graph(network, mode, batch_size, &graph));
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
