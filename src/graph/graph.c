/* The graph's arrays: creating it, adding values, parameters and nodes, finding parameters. */
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status check_settings(const struct graph_settings *settings)
{
    if (settings->real != DTYPE_F32 && settings->real != DTYPE_F64)
        return fail(STATUS_BAD_CONFIG, "a graph computes in f32 or f64, got %s",
                    dtype_name(settings->real));
    if (settings->map != settings->real && settings->map != DTYPE_BF16)
        return fail(STATUS_BAD_CONFIG, "a graph's maps hold %s or bf16, got %s",
                    dtype_name(settings->real), dtype_name(settings->map));
    if (settings->batch_size < 1)
        return fail(STATUS_BAD_CONFIG, "batch size must be at least 1, got %lld",
                    (long long)settings->batch_size);
    if (settings->height < 1 || settings->width < 1)
        return fail(STATUS_BAD_CONFIG, "images must be at least 1 × 1 pixels, got %lld × %lld",
                    (long long)settings->height, (long long)settings->width);
    if (settings->channels < 1 || settings->channels > 3)
        return fail(STATUS_BAD_CONFIG, "images must have 1 to 3 channels, got %lld",
                    (long long)settings->channels);
    if (settings->n_images < 1 || settings->n_images > INT32_MAX)
        return fail(STATUS_BAD_CONFIG, "an image table has 1 to 2^31 - 1 images, got %lld",
                    (long long)settings->n_images);
    if (settings->n_classes < 2)
        return fail(STATUS_BAD_CONFIG, "a classifier needs at least 2 classes, got %lld",
                    (long long)settings->n_classes);
    return STATUS_OK;
}

enum status graph_create(const struct graph_settings *settings, struct graph **out)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;

    TRY_ALLOC(graph, heap_alloc(1, sizeof *graph));
    graph->settings = *settings;
    if (graph->settings.map == 0)
        graph->settings.map = settings->real;
    TRY(check_settings(&graph->settings));
    TRY(arena_create(&graph->arena));
    graph->images = graph->image_labels = graph->indices = graph->offsets = graph->epoch = -1;
    graph->holes = graph->mix = -1;
    graph->x = graph->labels = graph->partner_labels = -1;
    graph->logits = graph->loss = graph->sample_loss = graph->d_logits = -1;
    graph->features = graph->head_weight = graph->head_bias = -1;
    *out = graph;
    graph = NULL;
done:
    graph_destroy(graph);
    return status;
}

void graph_destroy(struct graph *graph)
{
    if (graph == NULL)
        return;
    free(graph->values);
    free(graph->nodes);
    free(graph->params);
    arena_destroy(graph->arena);
    free(graph);
}

int graph_value_add(struct graph *graph, const struct value *value)
{
    enum status status = graph->status;
    char *name = NULL;

    TRY(status);
    TRY(heap_grow(&graph->values, &graph->values_capacity, graph->n_values + 1,
                  sizeof *graph->values));
    TRY_ALLOC(name, arena_strdup(graph->arena, value->name));
    graph->values[graph->n_values] = *value;
    graph->values[graph->n_values].name = name;
    graph->values[graph->n_values].alias = -1;
    return (int)graph->n_values++;
done:
    graph->status = status;
    return -1;
}

int graph_param_add(struct graph *graph, const struct param *param)
{
    enum status status = graph->status;
    char *module = NULL;
    struct value value = {.name = param->name,
                          .role = param->is_buffer ? VALUE_BUFFER : VALUE_PARAMETER,
                          .dtype = param->is_factor ? graph->settings.map : graph->settings.real,
                          .n_dims = param->n_dims,
                          .param = (int)graph->n_params};

    TRY(status);
    if (graph_param_find(graph, param->name) >= 0)
        TRY(fail(STATUS_BAD_CONFIG, "the model has two parameters named '%s'", param->name));
    memcpy(value.shape, param->shape, sizeof value.shape);
    TRY(heap_grow(&graph->params, &graph->params_capacity, graph->n_params + 1,
                  sizeof *graph->params));
    TRY_ALLOC(module, arena_strdup(graph->arena, param->module));
    int id = graph_value_add(graph, &value);
    if (id < 0)
        return -1;
    struct param *row = &graph->params[graph->n_params++];
    *row = *param;
    row->name = graph->values[id].name;
    row->module = module;
    row->is_trainable = param->is_trainable && !param->is_buffer;
    row->value = id;
    return id;
done:
    graph->status = status;
    return -1;
}

struct graph_node *graph_node_add(struct graph *graph, enum op_kind kind, const char *module)
{
    enum status status = graph->status;
    char *name = NULL;

    TRY(status);
    TRY(heap_grow(&graph->nodes, &graph->nodes_capacity, graph->n_nodes + 1, sizeof *graph->nodes));
    TRY_ALLOC(name, arena_strdup(graph->arena, module));
    struct graph_node *node = &graph->nodes[graph->n_nodes++];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->module = name;
    for (int i = 0; i < OP_MAX_TENSORS; i++)
        node->values[i] = -1;
    return node;
done:
    graph->status = status;
    return NULL;
}

int graph_param_find(const struct graph *graph, const char *name)
{
    for (int64_t i = 0; i < graph->n_params; i++)
        if (strcmp(graph->params[i].name, name) == 0)
            return (int)i;
    return -1;
}

void qkv_part_module(const char *module, int part, char name[PARAM_NAME_BYTES])
{
    snprintf(name, PARAM_NAME_BYTES, "%s.in_proj_%c", module, "qkv"[part]);
}
