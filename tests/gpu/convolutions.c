/* Every convolution of every model, with and without adapters, forward and both gradients, on a
 * named backend against float64: libraries have been wrong for single shapes.
 *   gpu_convolutions BACKEND BATCH [tf32|bf16]
 * The reference computes the first and the last image, and of a weight's gradient the first and the
 * last filter over all images. Tolerance per element: |terms| · (ε(result) + 4·√terms·ε(factors)).
 */
#include "base/random.h"
#include "graph/passes.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 32, CLASSES = 10, MOST_SHAPES = 512, MOST_TENSORS = 4 };

struct suite {
    struct device *device;
    double factor_epsilon; /* what factors and their sums err by */
    double result_epsilon; /* what maps, and gradients of weights, are rounded by */
    int64_t batch_size;
    struct conv { /* the three parts have three tensors each, factor, stride and padding */
        enum op_kind kind;
        int n_tensors; /* 4: with an addend */
        union op_any op;
        const char *arch;
    } shapes[MOST_SHAPES];
    int n_shapes, n_failed;
};

/* ---- which shapes there are ---- */

static bool is_convolution(enum op_kind kind)
{
    return kind == OP_conv2d_forward || kind == OP_conv2d_backward_data ||
           kind == OP_conv2d_backward_weight;
}

static bool is_known(const struct suite *suite, const struct conv *wanted)
{
    for (int i = 0; i < suite->n_shapes; i++)
        if (suite->shapes[i].kind == wanted->kind &&
            memcmp(&suite->shapes[i].op, &wanted->op, sizeof wanted->op) == 0)
            return true;
    return false;
}

static void note_shapes(struct suite *suite, const struct graph *graph, const char *arch)
{
    for (int64_t i = 0; i < graph->n_nodes && suite->n_shapes < MOST_SHAPES; i++) {
        const struct node *node = &graph->nodes[i];
        struct conv conv = {.kind = node->kind, .op = node->attributes, .arch = arch};
        if (!is_convolution(node->kind))
            continue;
        conv.n_tensors = node->kind == OP_conv2d_forward && node->values[3] >= 0 ? 4 : 3;
        for (int t = 0; t < conv.n_tensors; t++) {
            const struct value *value = &graph->values[node->values[t]];
            struct tensor *tensor = op_tensor(node->kind, &conv.op, t);
            tensor->dtype = device_dtype(suite->device, op_info(node->kind)->tensors[t].type);
            tensor->n_dims = value->n_dims;
            memcpy(tensor->shape, value->shape, sizeof tensor->shape);
        }
        if (!is_known(suite, &conv))
            suite->shapes[suite->n_shapes++] = conv;
    }
}

static enum status collect(struct suite *suite, const struct architecture *architecture,
                           bool has_adapters)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;
    const struct graph_settings settings = {.mode = GRAPH_TRAIN,
                                            .real = DTYPE_F32,
                                            .batch_size = suite->batch_size,
                                            .height = SIZE,
                                            .width = SIZE,
                                            .channels = 3,
                                            .n_images = suite->batch_size,
                                            .n_classes = CLASSES,
                                            .std = {1, 1, 1}};
    char text[PATTERN_BYTES];
    const struct lora_inject lora = {
        .targets =
            architecture_pattern(architecture, &settings.vit, architecture->lora_targets, text),
        .lora_rank = 8,
        .alpha = 16};

    TRY(model_build(architecture, &settings, &graph));
    if (has_adapters) {
        TRY(pass_freeze_except(graph, &architecture->head, architecture->head != NULL));
        TRY(pass_lora_inject(graph, &lora));
    }
    TRY(pass_autodiff(graph));
    TRY(pass_fuse(graph));
    note_shapes(suite, graph, architecture->name);
done:
    graph_destroy(graph);
    return status;
}

/* ---- one shape on the device ---- */

struct host { /* the tensors of an operation in float64; owned */
    double *values[MOST_TENSORS];
};

static int written(enum op_kind kind)
{
    for (int t = 0; t < op_info(kind)->n_tensors; t++)
        if (op_info(kind)->tensors[t].access == ACCESS_WRITTEN)
            return t;
    return -1;
}

/* bf16 is the upper half of a float32. */
static double rounded(enum dtype dtype, double value)
{
    float single = (float)value;
    uint32_t bits;

    if (dtype != DTYPE_BF16)
        return (double)single;
    memcpy(&bits, &single, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&single, &bits, sizeof bits);
    return (double)single;
}

static enum status host_create(const struct conv *conv, struct host *host)
{
    enum status status = STATUS_OK;

    for (int t = 0; t < conv->n_tensors; t++) {
        union op_any op = conv->op;
        int64_t n = tensor_elements(op_tensor(conv->kind, &op, t));
        const struct random_key key = {
            .seed = 1, .purpose = RANDOM_INITIAL_VALUES, .layer = (uint32_t)t};
        TRY_ALLOC(host->values[t], heap_alloc(n, sizeof(double)));
        for (int64_t e = 0; e < n && t != written(conv->kind); e++)
            host->values[t][e] =
                rounded(op_tensor(conv->kind, &op, t)->dtype, random_normal(&key, (uint32_t)e));
    }
done:
    return status;
}

static void host_release(struct host *host)
{
    for (int t = 0; t < MOST_TENSORS; t++)
        free(host->values[t]);
}

static enum status move(struct device *device, const struct tensor *tensor, double *values,
                        bool is_up)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(tensor);
    char *narrow = NULL;
    size_t each = dtype_bytes(tensor->dtype), skipped = sizeof(float) - each;

    TRY_ALLOC(narrow, heap_alloc(n, each));
    for (int64_t e = 0; e < n && is_up; e++) {
        float value = (float)values[e];
        memcpy(narrow + (size_t)e * each, (char *)&value + skipped, each);
    }
    if (is_up)
        TRY(device_upload(device, tensor->data, narrow, tensor_bytes(tensor)));
    else
        TRY(device_download(device, narrow, tensor->data, tensor_bytes(tensor)));
    for (int64_t e = 0; e < n && !is_up; e++) {
        float value = 0;
        memcpy((char *)&value + skipped, narrow + (size_t)e * each, each);
        values[e] = (double)value;
    }
done:
    free(narrow);
    return status;
}

static void fill_nan(double *values, int64_t n)
{
    for (int64_t e = 0; e < n; e++)
        values[e] = NAN;
}

/* Leaves the result in host->values[written]. */
static enum status run_on_device(struct suite *suite, const struct conv *conv, struct host *host,
                                 char name[64])
{
    enum status status = STATUS_OK;
    union op_any op = conv->op;
    struct prepared *prepared = NULL;
    struct tensor *out = op_tensor(conv->kind, &op, written(conv->kind));

    fill_nan(host->values[written(conv->kind)], tensor_elements(out));
    for (int t = 0; t < conv->n_tensors; t++) {
        struct tensor *tensor = op_tensor(conv->kind, &op, t);
        TRY(device_alloc(suite->device, tensor_bytes(tensor), &tensor->data));
        TRY(move(suite->device, tensor, host->values[t], true));
    }
    TRY(kernel_prepare(suite->device, conv->kind, &op, &prepared));
    op.workspace.bytes = prepared->workspace_bytes;
    TRY(device_alloc(suite->device, prepared->workspace_bytes, &op.workspace.data));
    TRY(kernel_run(suite->device, conv->kind, prepared, &op));
    TRY(move(suite->device, out, host->values[written(conv->kind)], false));
    snprintf(name, 64, "%.63s", prepared->implementation);
done:
    kernel_release(suite->device, conv->kind, prepared);
    device_free(suite->device, op.workspace.data);
    for (int t = 0; t < conv->n_tensors; t++)
        device_free(suite->device, op_tensor(conv->kind, &op, t)->data);
    return status;
}

/* ---- the reference on a part ---- */

/* Takes `count` of dimension `axis` from `first` on; 0: images, 3: filters of a map. */
static enum status cut(const struct tensor *whole, const double *values, int axis, int64_t first,
                       struct tensor *out)
{
    enum status status = STATUS_OK;
    int64_t inner = 1, outer = 1;

    *out = *whole;
    out->dtype = DTYPE_F64;
    out->shape[axis] = 1;
    TRY_ALLOC(out->data, heap_alloc(tensor_elements(out), sizeof(double)));
    for (int i = axis + 1; i < whole->n_dims; i++)
        inner *= whole->shape[i];
    for (int i = 0; i < axis; i++)
        outer *= whole->shape[i];
    for (int64_t o = 0; o < outer; o++)
        memcpy((double *)out->data + o * inner, values + (o * whole->shape[axis] + first) * inner,
               (size_t)inner * sizeof(double));
done:
    return status;
}

static enum status run_ref(enum op_kind kind, const union op_any *op)
{
    const struct kernel_ops *ref = &backend_ref.kernels;

    switch (kind) {
    case OP_conv2d_forward:
        return ref->conv2d_forward.run(NULL, NULL, &op->conv2d_forward);
    case OP_conv2d_backward_data:
        return ref->conv2d_backward_data.run(NULL, NULL, &op->conv2d_backward_data);
    default:
        return ref->conv2d_backward_weight.run(NULL, NULL, &op->conv2d_backward_weight);
    }
}

static void make_absolute(const struct tensor *tensor)
{
    for (int64_t e = 0; e < tensor_elements(tensor); e++)
        ((double *)tensor->data)[e] = fabs(((double *)tensor->data)[e]);
}

/* Products that an element of the result is the sum of. */
static double terms_of(const struct conv *conv)
{
    union op_any op = conv->op;
    const int64_t *second = op_tensor(conv->kind, &op, 1)->shape;

    if (conv->kind == OP_conv2d_forward) /* R·S·C of the weight, and the addend */
        return (double)(second[1] * second[2] * second[3] + (conv->n_tensors > 3));
    return (double)(second[0] * second[1] * second[2]); /* K·R·S of it, N·P·Q of d_y */
}

/* Which part of tensor t the check looks at: an image, a filter, or all (−1). */
static int axis_of(enum op_kind kind, int t)
{
    if (kind == OP_conv2d_backward_weight)
        return t == 0 ? -1 : t == 1 ? 3 : 0; /* x, d_y, d_weight */
    return t == 1 ? -1 : 0;                  /* weight; the others are maps */
}

static enum status part_create(const struct conv *conv, const struct host *host, bool is_last,
                               union op_any *part)
{
    enum status status = STATUS_OK;
    union op_any whole = conv->op;

    *part = conv->op;
    for (int t = 0; t < conv->n_tensors; t++) {
        const struct tensor *tensor = op_tensor(conv->kind, &whole, t);
        struct tensor *out = op_tensor(conv->kind, part, t);
        int axis = axis_of(conv->kind, t);
        int64_t n = tensor_elements(tensor);
        if (axis >= 0) {
            TRY(cut(tensor, host->values[t], axis, is_last ? tensor->shape[axis] - 1 : 0, out));
            continue;
        }
        out->dtype = DTYPE_F64;
        TRY_ALLOC(out->data, heap_alloc(n, sizeof(double)));
        memcpy(out->data, host->values[t], (size_t)n * sizeof(double));
    }
done:
    return status;
}

static void part_release(const struct conv *conv, union op_any *part)
{
    for (int t = 0; t < conv->n_tensors; t++)
        free(op_tensor(conv->kind, part, t)->data);
}

/* The reference's result for the part's inputs, or for their absolute values; owned by the caller.
 */
static enum status reference(const struct conv *conv, const union op_any *part, bool is_absolute,
                             double **out)
{
    enum status status = STATUS_OK;
    union op_any op = *part;
    struct tensor *result = op_tensor(conv->kind, &op, written(conv->kind));

    for (int t = 0; t < conv->n_tensors && is_absolute; t++)
        if (t != written(conv->kind))
            make_absolute(op_tensor(conv->kind, &op, t));
    TRY_ALLOC(result->data, heap_alloc(tensor_elements(result), sizeof(double)));
    TRY(run_ref(conv->kind, &op));
    *out = result->data;
done:
    return status;
}

/* Raises *worst to the largest error of the first or last part, as a share of its tolerance. */
static enum status compare_part(struct suite *suite, const struct conv *conv,
                                const struct host *host, bool is_last, double *worst)
{
    enum status status = STATUS_OK;
    union op_any part;
    double *exact = NULL, *magnitude = NULL;
    double epsilon = suite->result_epsilon + 4 * sqrt(terms_of(conv)) * suite->factor_epsilon;

    TRY(part_create(conv, host, is_last, &part));
    TRY(reference(conv, &part, false, &exact));
    TRY(reference(conv, &part, true, &magnitude));
    const struct tensor *out = op_tensor(conv->kind, &part, written(conv->kind));
    for (int64_t e = 0; e < tensor_elements(out); e++) {
        double error = fabs(((double *)out->data)[e] - exact[e]);
        double share = error == 0 ? 0 : error / (epsilon * magnitude[e]);
        *worst = share <= *worst ? *worst : share; /* a NaN stays */
    }
done:
    part_release(conv, &part);
    free(exact);
    free(magnitude);
    return status;
}

/* ---- all of them ---- */

static enum status check(struct suite *suite, const struct conv *conv)
{
    enum status status = STATUS_OK;
    struct host host = {{NULL}};
    union op_any op = conv->op;
    const int64_t *x =
        op_tensor(conv->kind, &op, conv->kind == OP_conv2d_backward_data ? 2 : 0)->shape;
    const int64_t *weight =
        op_tensor(conv->kind, &op, conv->kind == OP_conv2d_backward_weight ? 2 : 1)->shape;
    char name[64] = "";
    double worst = 0;

    TRY(host_create(conv, &host));
    TRY(run_on_device(suite, conv, &host, name));
    TRY(compare_part(suite, conv, &host, false, &worst));
    TRY(compare_part(suite, conv, &host, true, &worst));
    suite->n_failed += !(worst <= 1);
    printf("%s %s [%lld, %lld, %lld, %lld] filters %lld of %lldx%lld stride %d (%s, %s): worst "
           "error %.2g of its tolerance\n",
           worst <= 1 ? "ok" : "FAILED", op_info(conv->kind)->name, (long long)x[0],
           (long long)x[1], (long long)x[2], (long long)x[3], (long long)weight[0],
           (long long)weight[1], (long long)weight[2], conv->op.conv2d_forward.stride, conv->arch,
           name, worst);
    fflush(stdout);
done:
    host_release(&host);
    return status;
}

static enum status run(struct suite *suite, const char *name, enum precision precision)
{
    enum status status = STATUS_OK;
    const struct backend *backend = NULL;
    const struct device_settings settings = {.n_threads = 2, .precision = precision};

    /* a factor of tf32 may be cut off instead of rounded: both errors below 2^-10 */
    suite->factor_epsilon = precision == PRECISION_TF32 ? 0x1p-10 : 0x1p-23;
    suite->result_epsilon = precision == PRECISION_BF16 ? 0x1p-8 : 0x1p-23;
    TRY(backend_load(name, &backend));
    TRY(device_open(backend, &settings, &suite->device));
    for (int i = 0; architecture_at(i) != NULL; i++) {
        TRY(collect(suite, architecture_at(i), false));
        TRY(collect(suite, architecture_at(i), true));
    }
    for (int i = 0; i < suite->n_shapes; i++)
        TRY(check(suite, &suite->shapes[i]));
    printf("%d convolutions, %d wrong\n", suite->n_shapes, suite->n_failed);
done:
    device_close(suite->device);
    return status;
}

int main(int argc, char **argv)
{
    static struct suite suite;

    if (argc < 3) {
        fprintf(stderr, "usage: gpu_convolutions BACKEND BATCH [tf32|bf16]\n");
        return 2;
    }
    suite.batch_size = strtoll(argv[2], NULL, 10);
    const char *word = argc > 3 ? argv[3] : "";
    enum status status = run(&suite, argv[1],
                             strcmp(word, "tf32") == 0   ? PRECISION_TF32
                             : strcmp(word, "bf16") == 0 ? PRECISION_BF16
                                                         : PRECISION_FP32);
    if (status != STATUS_OK)
        fprintf(stderr, "gpu_convolutions: %s (%s)\n", status_message(), status_origin());
    if (status == STATUS_UNSUPPORTED)
        return 77;
    return status != STATUS_OK ? status_exit_code(status) : suite.n_failed > 0;
}
