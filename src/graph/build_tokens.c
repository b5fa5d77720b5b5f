/* Layers of vision transformers, as build.c has those of ResNets: a builder that gets the −1 of an
 * earlier failure passes it on. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

static const double layer_norm_epsilon = 1e-6; /* the published models' */

static bool has_failed(const struct graph *graph, int x)
{
    return graph->status != STATUS_OK || x < 0;
}

static int refuse(struct graph *graph, enum status status)
{
    graph->status = status;
    return -1;
}

/* An activation of x's type and this shape. */
static int activation(struct graph *graph, const char *name, int n_dims, const int64_t *shape)
{
    struct value value = {.name = name,
                          .role = VALUE_ACTIVATION,
                          .dtype = graph->settings.real,
                          .n_dims = n_dims,
                          .param = -1};

    memcpy(value.shape, shape, (size_t)n_dims * sizeof *shape);
    return graph_value_add(graph, &value);
}

static int same_shape(struct graph *graph, const char *name, int x)
{
    struct value like = graph->values[x];

    return activation(graph, name, like.n_dims, like.shape);
}

static int vector_new(struct graph *graph, const char *module, const char *suffix, int64_t n,
                      enum init_kind init)
{
    char name[NAME_BYTES];
    struct param row = {.name = name,
                        .module = module,
                        .n_dims = 1,
                        .shape = {n},
                        .init = init,
                        .is_trainable = true};

    if (snprintf(name, sizeof name, "%s.%s", module, suffix) >= (int)sizeof name)
        return refuse(graph, fail(STATUS_BAD_CONFIG, "module name '%.40s…' is too long", module));
    return graph_param_add(graph, &row);
}

static struct graph_node *node_new(struct graph *graph, enum op_kind kind, const char *module,
                                   const int values[OP_MAX_TENSORS])
{
    struct graph_node *node = graph_node_add(graph, kind, module);

    for (int t = 0; node != NULL && t < op_info(kind)->n_tensors; t++)
        node->values[t] = values[t];
    return node;
}

int graph_patch_tokens(struct graph *graph, const char *module, int x)
{
    if (has_failed(graph, x))
        return -1;
    const struct value map = graph->values[x];
    if (map.n_dims != 4)
        return refuse(graph, fail(STATUS_BAD_CONFIG,
                                  "tokens are made of a map, but '%s' has %d dimensions", map.name,
                                  map.n_dims));
    int64_t n_tokens = map.shape[1] * map.shape[2], width = map.shape[3];
    const struct param position = {.name = "pos_embedding",
                                   .module = "",
                                   .n_dims = 2,
                                   .shape = {n_tokens, width},
                                   .init = INIT_POSITION,
                                   .fan_in = map.shape[2],
                                   .is_buffer = true};
    int bias = vector_new(graph, module, "bias", width, INIT_ZERO);
    int buffer = graph_param_add(graph, &position);
    int y = activation(graph, "tokens", 3, (const int64_t[]){map.shape[0], n_tokens, width});
    struct graph_node *node = node_new(graph, OP_patch_tokens_forward, module,
                                       (const int[OP_MAX_TENSORS]){x, bias, buffer, y});

    return node != NULL ? y : -1;
}

int graph_layer_norm(struct graph *graph, const char *module, int x)
{
    if (has_failed(graph, x))
        return -1;
    int64_t width = graph->values[x].shape[graph->values[x].n_dims - 1];
    int weight = vector_new(graph, module, "weight", width, INIT_ONE);
    int bias = vector_new(graph, module, "bias", width, INIT_ZERO);
    if (has_failed(graph, bias))
        return -1;
    int y = same_shape(graph, module, x);
    struct graph_node *node =
        node_new(graph, OP_layer_norm_forward, module,
                 (const int[OP_MAX_TENSORS]){x, weight, bias, y, -1, -1, -1, -1});
    if (node == NULL)
        return -1;
    node->attributes.layer_norm_forward.epsilon = layer_norm_epsilon;
    return y;
}

int graph_gelu(struct graph *graph, int x)
{
    if (has_failed(graph, x))
        return -1;
    int y = same_shape(graph, "gelu", x);

    return node_new(graph, OP_gelu_forward, "", (const int[OP_MAX_TENSORS]){x, y}) != NULL ? y : -1;
}

int graph_attention(struct graph *graph, int qkv, int64_t n_heads)
{
    if (has_failed(graph, qkv))
        return -1;
    const struct value rows = graph->values[qkv];
    int64_t width = rows.shape[2] / 3;
    if (rows.n_dims != 3 || rows.shape[2] % 3 != 0 || n_heads < 1 || width % n_heads != 0)
        return refuse(graph, fail(STATUS_BAD_CONFIG,
                                  "%lld heads do not divide the width of '%s' into equal parts",
                                  (long long)n_heads, rows.name));
    int y =
        activation(graph, "attention", 3, (const int64_t[]){rows.shape[0], rows.shape[1], width});
    struct graph_node *node =
        node_new(graph, OP_attention_forward, "", (const int[OP_MAX_TENSORS]){qkv, y, -1});
    if (node == NULL)
        return -1;
    node->attributes.attention_forward.n_heads = (int)n_heads;
    return y;
}

int graph_columns_add(struct graph *graph, int x, int part, int64_t first)
{
    if (has_failed(graph, x) || part < 0)
        return -1;
    int y = same_shape(graph, "columns", x);
    struct graph_node *node =
        node_new(graph, OP_columns_add, "", (const int[OP_MAX_TENSORS]){x, part, y});
    if (node == NULL)
        return -1;
    node->attributes.columns_add.first = first;
    return y;
}
