/* Pass `fuse`: fewer passes over memory, the same values to the last bit, or in bf16 rounded less
 * often. Forward, batch norm takes over the addition and the ReLU behind it; backward, batch norm's
 * sums take over the gradients of both: the addition of two contributions and the ReLU's mask.
 * Layer norm takes over the addition before it; its gradient the addition of what comes by the way
 * around it. An adapter's second convolution takes over its factor, so do its gradients, and the
 * addition to what it adapts: another product where a backend's order of sums follows its shape.
 * Nodes that are taken over are dropped; values that no node mentions any more get no memory. */
#include "graph/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BN_X = 0, BN_Y = 5, BN_RESIDUAL = 6 };                        /* of batch_norm_apply */
enum { SUMS_D_Y = 1, SUMS_RELU_Y = 6, SUMS_ADDEND = 7, SUMS_D = 8 }; /* of …_gradient_sums */
enum { RELU_X = 0, RELU_Y = 1 };                                     /* of relu_forward */
enum { MASK_Y = 0, MASK_D_Y = 1, MASK_D_X = 2 };                     /* of relu_backward */
enum { LN_X = 0, LN_RESIDUAL = 6, LN_SUM = 7 };                      /* of layer_norm_forward */
enum { LN_D_X = 5, LN_ADDEND = 8 };                                  /* of …_backward */
enum { CONV_X = 0, CONV_WEIGHT = 1, CONV_Y = 2, CONV_ADDEND = 3 };   /* of conv2d_forward */
enum { CONV_D_X = 2 };                                               /* of conv2d_backward_data */
enum { SCALE_X = 0, SCALE_Y = 1 };                                   /* of scale */
/* Of a product that takes an addition over: a library's with more is worth a pass of its own. */
enum { MOST_INPUTS = 64 };
enum { ADD_A = 0, ADD_B = 1, ADD_Y = 2 }; /* of add */

struct fuse {
    struct graph *graph;
    int64_t *writer;       /* [n_values] node that writes it, −1 = none */
    int *n_readers;        /* [n_values] */
    int64_t *first_reader; /* [n_values] node, −1 = none */
    bool *is_dropped;      /* [n_nodes] */
    int64_t *moved_to;     /* [n_nodes] the place it takes: its own, or a dropped node's */
};

static struct graph_node *node_at(const struct fuse *fuse, int64_t i)
{
    return &fuse->graph->nodes[i];
}

/* The node that writes v if it is of this kind, else −1. */
static int64_t writer_of_kind(const struct fuse *fuse, int v, enum op_kind kind)
{
    int64_t i = v >= 0 ? fuse->writer[v] : -1;

    return i >= 0 && node_at(fuse, i)->kind == kind && !fuse->is_dropped[i] ? i : -1;
}

static bool is_kept(const struct graph *graph, int v)
{
    return v == graph->logits || v == graph->d_logits;
}

static void index_values(struct fuse *fuse)
{
    const struct graph *graph = fuse->graph;

    for (int64_t v = 0; v < graph->n_values; v++)
        fuse->writer[v] = fuse->first_reader[v] = -1;
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct op_info *info = op_info(graph->nodes[i].kind);
        fuse->moved_to[i] = i;
        for (int t = 0; t < info->n_tensors; t++) {
            int v = graph->nodes[i].values[t];
            if (v >= 0 && info->tensors[t].access == ACCESS_READ && fuse->n_readers[v]++ == 0)
                fuse->first_reader[v] = i;
            if (v >= 0 && info->tensors[t].access == ACCESS_WRITTEN)
                fuse->writer[v] = i;
        }
    }
}

static void drop(struct fuse *fuse, int64_t i)
{
    fuse->is_dropped[i] = true;
}

/* An operand of `add` that batch norm writes for it alone, else −1. */
static int batch_norm_operand(const struct fuse *fuse, const struct graph_node *add)
{
    for (int t = ADD_A; t <= ADD_B; t++) {
        int64_t i = writer_of_kind(fuse, add->values[t], OP_batch_norm_apply);
        if (i >= 0 && fuse->n_readers[add->values[t]] == 1 && !is_kept(fuse->graph, add->values[t]))
            return t;
    }
    return -1;
}

/* batch norm, ReLU → batch norm with ReLU. */
static bool fuse_relu(struct fuse *fuse, int64_t relu)
{
    const int *values = node_at(fuse, relu)->values;
    int64_t norm = writer_of_kind(fuse, values[RELU_X], OP_batch_norm_apply);

    if (norm < 0)
        return false;
    node_at(fuse, norm)->values[BN_Y] = values[RELU_Y];
    node_at(fuse, norm)->attributes.batch_norm_apply.has_relu = true;
    drop(fuse, relu);
    return true;
}

/* batch norm, + residual, ReLU → all three where the ReLU was: the residual may be computed after
 * the batch norm. */
static void fuse_add_relu(struct fuse *fuse, int64_t relu)
{
    const int *values = node_at(fuse, relu)->values;
    int64_t add = writer_of_kind(fuse, values[RELU_X], OP_add);

    if (add < 0 || node_at(fuse, add)->attributes.add.factor != 1)
        return;
    const struct graph_node *sum = node_at(fuse, add);
    int operand = batch_norm_operand(fuse, sum);
    if (operand < 0)
        return;
    int64_t norm = fuse->writer[sum->values[operand]];
    node_at(fuse, norm)->values[BN_RESIDUAL] = sum->values[operand == ADD_A ? ADD_B : ADD_A];
    node_at(fuse, norm)->values[BN_Y] = values[RELU_Y];
    node_at(fuse, norm)->attributes.batch_norm_apply.has_relu = true;
    fuse->moved_to[norm] = relu;
    drop(fuse, add);
    drop(fuse, relu);
}

static void fuse_forward(struct fuse *fuse, int64_t relu)
{
    int x = node_at(fuse, relu)->values[RELU_X];

    if (fuse->n_readers[x] == 1 && !is_kept(fuse->graph, x) && !fuse_relu(fuse, relu))
        fuse_add_relu(fuse, relu);
}

/* The first batch norm whose sums start from gradient v, −1 = none. */
static int64_t first_sums(const struct fuse *fuse, int v)
{
    for (int64_t i = 0; i < fuse->graph->n_nodes; i++)
        if (node_at(fuse, i)->kind == OP_batch_norm_gradient_sums &&
            node_at(fuse, i)->values[SUMS_D_Y] == v)
            return i;
    return -1;
}

/* [contributions added,] ReLU's mask, batch norm's sums → sums that mask, where the mask was:
 * others than this batch norm may read what it leaves. */
static void fuse_backward(struct fuse *fuse, int64_t mask)
{
    const int *values = node_at(fuse, mask)->values;
    int d_y = values[MASK_D_Y], d_x = values[MASK_D_X];
    int64_t sums = first_sums(fuse, d_x);

    if (sums < 0)
        return;
    int64_t add = writer_of_kind(fuse, d_y, OP_add);
    struct graph_node *node = node_at(fuse, sums);
    node->values[SUMS_RELU_Y] = values[MASK_Y];
    node->values[SUMS_D] = fuse->n_readers[d_x] > 1 ? d_x : -1;
    node->values[SUMS_D_Y] = d_y;
    fuse->moved_to[sums] = mask;
    drop(fuse, mask);
    if (add < 0 || fuse->n_readers[d_y] > 1 || node_at(fuse, add)->attributes.add.factor != 1)
        return;
    node->values[SUMS_D_Y] = node_at(fuse, add)->values[ADD_A];
    node->values[SUMS_ADDEND] = node_at(fuse, add)->values[ADD_B];
    drop(fuse, add);
}

/* sum = a + b, layer norm of the sum → both in one where the layer norm was: whoever reads the sum
 * comes later, or it stays. */
static void fuse_layer_norm(struct fuse *fuse, int64_t norm)
{
    struct graph_node *node = node_at(fuse, norm);
    int64_t add = writer_of_kind(fuse, node->values[LN_X], OP_add);

    if (add < 0 || node_at(fuse, add)->attributes.add.factor != 1 ||
        fuse->first_reader[node->values[LN_X]] != norm)
        return;
    node->values[LN_SUM] = node->values[LN_X];
    node->values[LN_X] = node_at(fuse, add)->values[ADD_A];
    node->values[LN_RESIDUAL] = node_at(fuse, add)->values[ADD_B];
    drop(fuse, add);
}

/* layer norm's d_x, added to another contribution → both in one where the addition was. */
static void fuse_layer_norm_backward(struct fuse *fuse, int64_t norm)
{
    struct graph_node *node = node_at(fuse, norm);
    int d_x = node->values[LN_D_X];
    int64_t add = d_x >= 0 && fuse->n_readers[d_x] == 1 ? fuse->first_reader[d_x] : -1;

    if (add < 0 || node_at(fuse, add)->kind != OP_add ||
        node_at(fuse, add)->attributes.add.factor != 1)
        return;
    const int *values = node_at(fuse, add)->values;
    node->values[LN_ADDEND] = values[ADD_A] == d_x ? values[ADD_B] : values[ADD_A];
    node->values[LN_D_X] = values[ADD_Y];
    fuse->moved_to[norm] = add;
    drop(fuse, add);
}

/* ---- adapters: y = a + B⋆(factor · t) ---- */

struct convolution_part { /* of any of the three parts */
    int weight, stride, padding;
    double *factor; /* NULL: the node is something else */
};

static struct convolution_part convolution_at(const struct fuse *fuse, int64_t i)
{
    struct graph_node *node = node_at(fuse, i);
    struct conv2d_forward *forward = &node->attributes.conv2d_forward;
    struct conv2d_backward_data *data = &node->attributes.conv2d_backward_data;
    struct conv2d_backward_weight *weight = &node->attributes.conv2d_backward_weight;

    switch (node->kind) {
    case OP_conv2d_forward:
        return (struct convolution_part){node->values[1], forward->stride, forward->padding,
                                         &forward->factor};
    case OP_conv2d_backward_data:
        return (struct convolution_part){node->values[1], data->stride, data->padding,
                                         &data->factor};
    case OP_conv2d_backward_weight:
        return (struct convolution_part){node->values[2], weight->stride, weight->padding,
                                         &weight->factor};
    default:
        return (struct convolution_part){.factor = NULL};
    }
}

/* Only what is a product of rows takes a factor and an addend. */
static bool is_product(const struct fuse *fuse, int64_t i)
{
    struct convolution_part conv = convolution_at(fuse, i);
    const int64_t *filter = fuse->graph->values[conv.factor != NULL ? conv.weight : 0].shape + 1;

    return conv.factor != NULL &&
           conv2d_is_product(filter[0], filter[1], conv.stride, conv.padding);
}

/* Where a product keeps its factor, if it has none yet; else NULL. */
static double *free_factor(const struct fuse *fuse, int64_t i)
{
    double *factor = convolution_at(fuse, i).factor;

    return is_product(fuse, i) && *factor == 1 ? factor : NULL;
}

/* The same of a convolution, or of a weight's gradient, that reads v as its x. */
static double *factor_of_reader(const struct fuse *fuse, int64_t i, int v)
{
    const struct graph_node *node = node_at(fuse, i);

    if (fuse->is_dropped[i] || node->values[CONV_X] != v || node->values[1] == v ||
        node->kind == OP_conv2d_backward_data)
        return NULL;
    return free_factor(fuse, i);
}

/* factor·x, read by products alone → products of x with that factor. */
static bool fuse_scale_forward(struct fuse *fuse, int64_t scale)
{
    const struct graph_node *from = node_at(fuse, scale);
    int x = from->values[SCALE_X], y = from->values[SCALE_Y], n = 0;

    for (int64_t i = 0; i < fuse->graph->n_nodes; i++)
        n += factor_of_reader(fuse, i, y) != NULL;
    if (n == 0 || n != fuse->n_readers[y] || is_kept(fuse->graph, y))
        return false;
    for (int64_t i = 0; i < fuse->graph->n_nodes; i++) {
        double *factor = factor_of_reader(fuse, i, y);
        if (factor == NULL)
            continue;
        *factor = from->attributes.scale.factor;
        node_at(fuse, i)->values[CONV_X] = x;
    }
    fuse->n_readers[x] += n - 1;
    drop(fuse, scale);
    return true;
}

/* A product's gradient that only a scale reads → the scaled one at once. */
static void fuse_scale_backward(struct fuse *fuse, int64_t scale)
{
    const struct graph_node *to = node_at(fuse, scale);
    int x = to->values[SCALE_X];
    int64_t conv = writer_of_kind(fuse, x, OP_conv2d_backward_data);
    double *factor = conv >= 0 ? free_factor(fuse, conv) : NULL;

    if (factor == NULL || fuse->n_readers[x] != 1 || is_kept(fuse->graph, x))
        return;
    *factor = to->attributes.scale.factor;
    node_at(fuse, conv)->values[CONV_D_X] = to->values[SCALE_Y];
    fuse->writer[to->values[SCALE_Y]] = conv;
    drop(fuse, scale);
}

static void fuse_scale(struct fuse *fuse, int64_t scale)
{
    double factor = node_at(fuse, scale)->attributes.scale.factor;

    if (isfinite(factor) && factor != 0 && !fuse_scale_forward(fuse, scale))
        fuse_scale_backward(fuse, scale);
}

/* An operand of `add` that a product of few channels writes for it alone, else −1. */
static int product_operand(const struct fuse *fuse, const struct graph_node *add)
{
    int found = -1;
    int64_t fewest = MOST_INPUTS;

    for (int t = ADD_A; t <= ADD_B; t++) {
        int64_t conv = writer_of_kind(fuse, add->values[t], OP_conv2d_forward);
        if (conv < 0 || fuse->n_readers[add->values[t]] != 1 ||
            is_kept(fuse->graph, add->values[t]) || node_at(fuse, conv)->values[CONV_ADDEND] >= 0)
            continue;
        const struct graph_node *node = node_at(fuse, conv);
        const int64_t *shape = fuse->graph->values[node->values[CONV_WEIGHT]].shape;
        if (is_product(fuse, conv) && shape[3] <= fewest) {
            fewest = shape[3] - 1;
            found = t;
        }
    }
    return found;
}

/* a + product → both in one where the addition was: the other operand may be computed after the
 * product. */
static void fuse_product_and_add(struct fuse *fuse, int64_t add)
{
    const struct graph_node *sum = node_at(fuse, add);
    int operand = product_operand(fuse, sum);

    if (operand < 0 || sum->attributes.add.factor != 1)
        return;
    int64_t conv = fuse->writer[sum->values[operand]];
    node_at(fuse, conv)->values[CONV_ADDEND] = sum->values[operand == ADD_A ? ADD_B : ADD_A];
    node_at(fuse, conv)->values[CONV_Y] = sum->values[ADD_Y];
    fuse->writer[sum->values[ADD_Y]] = conv;
    fuse->moved_to[conv] = add;
    drop(fuse, add);
}

static enum status rebuild(struct fuse *fuse)
{
    enum status status = STATUS_OK;
    struct graph *graph = fuse->graph;
    struct graph_node *nodes = NULL;
    int64_t n = 0;

    TRY_ALLOC(nodes, heap_alloc(graph->n_nodes, sizeof *nodes));
    for (int64_t i = 0; i < graph->n_nodes; i++)
        if (!fuse->is_dropped[i])
            nodes[fuse->moved_to[i]] = graph->nodes[i];
    for (int64_t i = 0; i < graph->n_nodes; i++)
        if (nodes[i].module != NULL) /* the place is taken */
            graph->nodes[n++] = nodes[i];
    graph->n_nodes = n;
done:
    free(nodes);
    return status;
}

static void fuse_node(struct fuse *fuse, int64_t i)
{
    enum op_kind kind = fuse->graph->nodes[i].kind;

    if (fuse->is_dropped[i])
        return;
    if (kind == OP_relu_forward)
        fuse_forward(fuse, i);
    else if (kind == OP_relu_backward)
        fuse_backward(fuse, i);
    else if (kind == OP_scale)
        fuse_scale(fuse, i);
    else if (kind == OP_add)
        fuse_product_and_add(fuse, i);
    else if (kind == OP_layer_norm_forward)
        fuse_layer_norm(fuse, i);
    else if (kind == OP_layer_norm_backward)
        fuse_layer_norm_backward(fuse, i);
}

enum status pass_fuse(struct graph *graph)
{
    enum status status = STATUS_OK;
    struct fuse fuse = {.graph = graph};

    TRY(graph_check(graph));
    TRY_ALLOC(fuse.writer, heap_alloc(graph->n_values, sizeof *fuse.writer));
    TRY_ALLOC(fuse.n_readers, heap_alloc(graph->n_values, sizeof *fuse.n_readers));
    TRY_ALLOC(fuse.first_reader, heap_alloc(graph->n_values, sizeof *fuse.first_reader));
    TRY_ALLOC(fuse.is_dropped, heap_alloc(graph->n_nodes, sizeof *fuse.is_dropped));
    TRY_ALLOC(fuse.moved_to, heap_alloc(graph->n_nodes, sizeof *fuse.moved_to));
    index_values(&fuse);
    for (int64_t i = 0; i < graph->n_nodes; i++)
        fuse_node(&fuse, i);
    TRY(rebuild(&fuse));
    TRY(graph_check(graph));
done:
    free(fuse.writer);
    free(fuse.n_readers);
    free(fuse.first_reader);
    free(fuse.is_dropped);
    free(fuse.moved_to);
    return status;
}
