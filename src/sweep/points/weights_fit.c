/* Does a weights file fit an architecture, do adapters find modules: asked before anything runs. */
#include "graph/pattern.h"
#include "model/network_spec.h"
#include "store/weights/weights.h"
#include "sweep/points/point.h"

/* The smallest graph with the architecture's parameters: names and shapes do not depend on the
 * batch. */
static enum status build_model(const struct fit_model *model, struct graph **out)
{
    const struct network_spec spec = {.architecture = model->architecture,
                                      .vit = model->vit,
                                      .image = model->image,
                                      .std = {1, 1, 1}};
    const struct network_use use = {
        .mode = GRAPH_EVAL, .real = DTYPE_F32, .batch_size = 1, .n_images = 1};

    return network_graph(&spec, &use, out);
}

/* A parameter as PyTorch stores it: convolutions are KRSC here, KCRS there. */
static struct weight_wanted wanted_of(const struct param *param)
{
    struct weight_wanted wanted = {.name = param->name, .n_dims = param->n_dims};

    for (int i = 0; i < param->n_dims; i++)
        wanted.shape[i] = param->shape[i];
    if (param->is_conv) {
        wanted.shape[1] = param->shape[3];
        wanted.shape[2] = param->shape[1];
        wanted.shape[3] = param->shape[2];
    }
    return wanted;
}

enum status fit_weights(const struct weights *weights, const char *path,
                        const struct fit_model *model)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct graph *graph = NULL;
    struct weight_wanted *wanted = NULL;

    TRY(arena_create(&arena));
    TRY(build_model(model, &graph));
    TRY_ALLOC(wanted, ARENA_ARRAY(arena, graph->n_params, struct weight_wanted));
    for (int64_t i = 0; i < graph->n_params; i++)
        wanted[i] = wanted_of(&graph->params[i]);
    TRY(weights_check(weights, path, model->architecture->name, wanted, graph->n_params));
done:
    graph_destroy(graph);
    arena_destroy(arena);
    return status;
}

enum status fit_shape(const struct fit_model *model)
{
    struct graph *graph = NULL;
    enum status status = build_model(model, &graph);

    graph_destroy(graph);
    return status;
}

/* Does the pattern name a layer that can have adapters, or a part of attention's projection? */
static bool matches_layer(const struct pattern *pattern, const struct param *param)
{
    char module[PARAM_NAME_BYTES];
    bool is_matched = false;

    if (param->is_buffer || param->n_dims < 2)
        return false;
    if (!param->is_qkv)
        return pattern_matches(pattern, param->module);
    for (int part = 0; part < QKV_PARTS; part++) {
        qkv_part_module(param->module, part, module);
        is_matched = is_matched || pattern_matches(pattern, module);
    }
    return is_matched;
}

enum status fit_targets(const char *targets, const struct fit_model *model)
{
    enum status status = STATUS_OK;
    struct pattern *pattern = NULL;
    struct graph *graph = NULL;
    bool is_matched = false;

    TRY(pattern_create(targets, &pattern));
    TRY(build_model(model, &graph));
    for (int64_t i = 0; i < graph->n_params; i++)
        is_matched = is_matched || matches_layer(pattern, &graph->params[i]);
    if (!is_matched)
        TRY(fail(STATUS_BAD_CONFIG, "'lora.targets' matches no convolution or linear layer of %s",
                 model->architecture->name));
done:
    pattern_destroy(pattern);
    graph_destroy(graph);
    return status;
}
