/* Convolutions by cuDNN's graph interface: one operation, and the first engine its heuristics
 * propose that computes the way we want: deterministic, no transforms (FFT, Winograd), and in fp32
 * no tensor cores. The choice is a function of shapes, GPU model and version, never of a timing. */
#include "kernels/cuda/cuda_gpu.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_CONFIGS = 64, MOST_DESCRIPTORS = 8 };
enum { UID_X = 'x', UID_WEIGHT = 'w', UID_Y = 'y' };

/* by part: what left, right and out are */
static const int64_t uids[][3] = {
    [GPU_CONVOLUTION_FORWARD] = {UID_X, UID_WEIGHT, UID_Y},
    [GPU_CONVOLUTION_BACKWARD_DATA] = {UID_Y, UID_WEIGHT, UID_X},
    [GPU_CONVOLUTION_BACKWARD_WEIGHT] = {UID_Y, UID_X, UID_WEIGHT},
};

/* An engine that wants more scratch than this is passed over: it would take it from the images. */
static const int64_t most_workspace_bytes = (int64_t)1 << 30;

struct convolution_plan {
    struct gpu_plan base;
    enum gpu_convolution_part part;
    cudnnBackendDescriptor_t plan; /* owned, as all that follow */
    cudnnBackendDescriptor_t graph;
    cudnnBackendDescriptor_t parts[MOST_DESCRIPTORS]; /* what the graph is made of */
    int n_parts;
};

typedef cudnnBackendDescriptor_t descriptor;

static void destroy(struct gpu_plan *base)
{
    struct convolution_plan *plan = (struct convolution_plan *)base;

    if (plan->plan != NULL)
        (void)cudnnBackendDestroyDescriptor(plan->plan);
    if (plan->graph != NULL)
        (void)cudnnBackendDestroyDescriptor(plan->graph);
    for (int i = 0; i < plan->n_parts; i++)
        (void)cudnnBackendDestroyDescriptor(plan->parts[i]);
    free(plan);
}

static enum status run(struct gpu_plan *base, struct gpu_stream *stream,
                       const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    struct convolution_plan *plan = (struct convolution_plan *)base;
    const void *pointers[3] = {operands->left, operands->right, operands->out};
    cudnnHandle_t cudnn = stream->context->cudnn;
    descriptor pack = NULL;

    TRY(cudnn_check(cudnnSetStream(cudnn, stream->stream)));
    TRY(cudnn_check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack)));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                             CUDNN_TYPE_INT64, 3, uids[plan->part])));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                             CUDNN_TYPE_VOID_PTR, 3, pointers)));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                             CUDNN_TYPE_VOID_PTR, 1, &operands->workspace.data)));
    TRY(cudnn_check(cudnnBackendFinalize(pack)));
    TRY(cudnn_check(cudnnBackendExecute(cudnn, plan->plan, pack)));
done:
    if (pack != NULL)
        (void)cudnnBackendDestroyDescriptor(pack);
    return status;
}

/* ---- the operation ---- */

/* A new descriptor that belongs to the plan. */
static enum status part_create(struct convolution_plan *plan, cudnnBackendDescriptorType_t type,
                               descriptor *out)
{
    enum status status = cudnn_check(cudnnBackendCreateDescriptor(type, out));

    if (status == STATUS_OK)
        plan->parts[plan->n_parts++] = *out;
    return status;
}

struct attribute {
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t n;
    const void *values;
};

static enum status finish(descriptor target, const struct attribute *attributes, int n)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < n; i++)
        TRY(cudnn_check(cudnnBackendSetAttribute(target, attributes[i].name, attributes[i].type,
                                                 attributes[i].n, attributes[i].values)));
    TRY(cudnn_check(cudnnBackendFinalize(target)));
done:
    return status;
}

/* Images [n, h, w, c] or weights [k, r, s, c]: dimensions are told in the order NCHW, where they
 * lie in memory by strides. */
static enum status describe_tensor(struct convolution_plan *plan, const struct gpu_convolution *g,
                                   int64_t uid, const int64_t shape[4], descriptor *out)
{
    enum status status = STATUS_OK;
    bool is_bf16 = uid == uids[g->part][2] ? g->is_out_bf16 : g->math == GPU_MATH_BF16;
    const cudnnDataType_t type = is_bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int64_t alignment = g->alignment;
    const int64_t sizes[4] = {shape[0], shape[3], shape[1], shape[2]};
    const int64_t strides[4] = {shape[1] * shape[2] * shape[3], 1, shape[2] * shape[3], shape[3]};
    const struct attribute attributes[] = {
        {CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type},
        {CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, sizes},
        {CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides},
        {CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid},
        {CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment},
    };

    TRY(part_create(plan, CUDNN_BACKEND_TENSOR_DESCRIPTOR, out));
    TRY(finish(*out, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

static enum status describe_window(struct convolution_plan *plan, const struct gpu_convolution *g,
                                   descriptor *out)
{
    enum status status = STATUS_OK;
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const int64_t n_axes = 2, ones[2] = {1, 1}, strides[2] = {g->stride, g->stride};
    const int64_t paddings[2] = {g->padding, g->padding};
    const struct attribute attributes[] = {
        {CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type},
        {CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode},
        {CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &n_axes},
        {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, paddings},
        {CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, paddings},
        {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides},
        {CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, ones},
    };

    TRY(part_create(plan, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, out));
    TRY(finish(*out, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

struct operation_names { /* each part calls the same things differently */
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t window, x, weight, y, alpha, beta;
};

static const struct operation_names operation_names[] = {
    [GPU_CONVOLUTION_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [GPU_CONVOLUTION_BACKWARD_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                       CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [GPU_CONVOLUTION_BACKWARD_WEIGHT] =
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static enum status describe_operation(struct convolution_plan *plan,
                                      const struct gpu_convolution *g, descriptor *out)
{
    enum status status = STATUS_OK;
    const struct operation_names *names = &operation_names[g->part];
    const int64_t shapes[3][4] = {
        {g->n, g->h, g->w, g->c}, {g->k, g->r, g->s, g->c}, {g->n, g->p, g->q, g->k}};
    const float one = 1, nothing = 0;
    descriptor window = NULL, x = NULL, weight = NULL, y = NULL;
    const struct attribute attributes[] = {
        {names->window, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &window},
        {names->x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x},
        {names->weight, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &weight},
        {names->y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y},
        {names->alpha, CUDNN_TYPE_FLOAT, 1, &one},
        {names->beta, CUDNN_TYPE_FLOAT, 1, &nothing},
    };

    TRY(describe_window(plan, g, &window));
    TRY(describe_tensor(plan, g, UID_X, shapes[0], &x));
    TRY(describe_tensor(plan, g, UID_WEIGHT, shapes[1], &weight));
    TRY(describe_tensor(plan, g, UID_Y, shapes[2], &y));
    TRY(part_create(plan, names->type, out));
    TRY(finish(*out, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

static enum status describe_graph(struct gpu_context *context, struct convolution_plan *plan,
                                  const struct gpu_convolution *g)
{
    enum status status = STATUS_OK;
    descriptor operation = NULL;
    const struct attribute attributes[] = {
        {CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation},
        {CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &context->cudnn},
    };

    TRY(describe_operation(plan, g, &operation));
    TRY(cudnn_check(
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, &plan->graph)));
    TRY(finish(plan->graph, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

/* ---- the engine ---- */

static bool is_wanted_note(cudnnBackendNumericalNote_t note, enum gpu_math math)
{
    switch (note) {
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_FFT:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        return false;
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        return math != GPU_MATH_FP32;
    default:
        return true;
    }
}

/* Does the configuration's engine compute the way we want, and which one is it? */
static enum status look_at_engine(descriptor config, enum gpu_math math, int64_t *index,
                                  bool *is_wanted)
{
    enum status status = STATUS_OK;
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    descriptor engine = NULL;
    int64_t n = 0, n_notes = 0;

    *is_wanted = true;
    TRY(cudnn_check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine)));
    TRY(cudnn_check(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine)));
    TRY(cudnn_check(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                             CUDNN_TYPE_INT64, 1, &n, index)));
    TRY(cudnn_check(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                             CUDNN_TYPE_NUMERICAL_NOTE,
                                             CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &n_notes, notes)));
    for (int64_t i = 0; i < n_notes && i < CUDNN_NUMERICAL_NOTE_TYPE_COUNT; i++)
        *is_wanted &= is_wanted_note(notes[i], math);
done:
    if (engine != NULL)
        (void)cudnnBackendDestroyDescriptor(engine);
    return status;
}

/* Makes a plan of a configuration; *is_made false when cuDNN cannot, which heuristics allow. */
static enum status try_config(struct gpu_context *context, struct convolution_plan *plan,
                              descriptor config, bool *is_made)
{
    enum status status = STATUS_OK;
    descriptor made = NULL;
    int64_t workspace = 0, n = 0;

    *is_made = false;
    TRY(cudnn_check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &made)));
    TRY(cudnn_check(cudnnBackendSetAttribute(made, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
                                             CUDNN_TYPE_HANDLE, 1, &context->cudnn)));
    TRY(cudnn_check(cudnnBackendSetAttribute(made, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config)));
    if (cudnnBackendFinalize(made) != CUDNN_STATUS_SUCCESS)
        goto done;
    TRY(cudnn_check(cudnnBackendGetAttribute(made, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                             CUDNN_TYPE_INT64, 1, &n, &workspace)));
    if (workspace > most_workspace_bytes)
        goto done;
    plan->base.workspace_bytes = (size_t)workspace;
    plan->plan = made;
    made = NULL;
    *is_made = true;
done:
    if (made != NULL)
        (void)cudnnBackendDestroyDescriptor(made);
    return status;
}

static enum status take_first(struct gpu_context *context, struct convolution_plan *plan,
                              const struct gpu_convolution *g, descriptor *configs, int64_t n)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < n && plan->plan == NULL; i++) {
        bool is_wanted = false, is_made = false;
        int64_t index = 0;
        TRY(look_at_engine(configs[i], g->math, &index, &is_wanted));
        if (!is_wanted)
            continue;
        TRY(try_config(context, plan, configs[i], &is_made));
        if (is_made)
            snprintf(plan->base.name, sizeof plan->base.name, "cudnn engine %lld",
                     (long long)index);
    }
done:
    return status;
}

/* Asks the heuristics in one mode; leaves plan->plan NULL when none of its proposals will do. */
static enum status ask(struct gpu_context *context, struct convolution_plan *plan,
                       const struct gpu_convolution *g, cudnnBackendHeurMode_t mode)
{
    enum status status = STATUS_OK;
    descriptor heuristics = NULL, configs[MOST_CONFIGS] = {NULL};
    int64_t n = 0;
    const struct attribute attributes[] = {
        {CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &plan->graph},
        {CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode},
    };

    TRY(cudnn_check(
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristics)));
    TRY(finish(heuristics, attributes, sizeof attributes / sizeof *attributes));
    for (int i = 0; i < MOST_CONFIGS; i++)
        TRY(cudnn_check(
            cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[i])));
    TRY(cudnn_check(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_CONFIGS, &n,
                                             configs)));
    TRY(take_first(context, plan, g, configs, n < MOST_CONFIGS ? n : MOST_CONFIGS));
done:
    for (int i = 0; i < MOST_CONFIGS; i++)
        if (configs[i] != NULL)
            (void)cudnnBackendDestroyDescriptor(configs[i]);
    if (heuristics != NULL)
        (void)cudnnBackendDestroyDescriptor(heuristics);
    return status == STATUS_UNSUPPORTED ? STATUS_OK : status; /* nothing to propose */
}

static enum status fill(struct gpu_context *context, struct gpu_plan *base, const void *wanted)
{
    enum status status = STATUS_OK;
    struct convolution_plan *plan = (struct convolution_plan *)base;
    const struct gpu_convolution *g = wanted;

    plan->part = g->part;
    TRY(describe_graph(context, plan, g));
    TRY(ask(context, plan, g, CUDNN_HEUR_MODE_A));
    if (plan->plan == NULL)
        TRY(ask(context, plan, g, CUDNN_HEUR_MODE_FALLBACK));
    if (plan->plan == NULL)
        TRY(fail(
            STATUS_UNSUPPORTED,
            "cuDNN has no deterministic convolution [%lld, %lld, %lld, %lld] with %lld filters "
            "%lldx%lld, stride %d, from %s to %s",
            (long long)g->n, (long long)g->h, (long long)g->w, (long long)g->c, (long long)g->k,
            (long long)g->r, (long long)g->s, g->stride, g->math == GPU_MATH_BF16 ? "bf16" : "f32",
            g->is_out_bf16 ? "bf16" : "f32"));
done:
    return status;
}

const struct planner planner_convolution = {sizeof(struct convolution_plan), fill, run, destroy};
