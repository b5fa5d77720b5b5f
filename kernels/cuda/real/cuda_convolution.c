/* Convolutions by cuDNN's graph interface: one operation, and what its heuristics propose for it.
 * Wanted is what computes our way: deterministic, no transforms (FFT, Winograd), and in fp32 no
 * tensor cores. Proposals are a function of shapes, GPU model and version, never of a timing. */
#include "kernels/cuda/real/cuda_gpu.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_CONFIGS = 64, N_MODES = 2, MOST_DESCRIPTORS = 8 };
enum { UID_X = 'x', UID_WEIGHT = 'w', UID_Y = 'y' };

/* by part: what left, right and out are */
static const int64_t uids[][3] = {
    [GPU_CONVOLUTION_FORWARD] = {UID_X, UID_WEIGHT, UID_Y},
    [GPU_CONVOLUTION_BACKWARD_DATA] = {UID_Y, UID_WEIGHT, UID_X},
    [GPU_CONVOLUTION_BACKWARD_WEIGHT] = {UID_Y, UID_X, UID_WEIGHT},
};

/* An engine that wants more scratch than this is passed over: it would take it from the images. */
static const int64_t most_workspace_bytes = (int64_t)1 << 30;

typedef cudnnBackendDescriptor_t descriptor;

/* A convolution in the library's words. */
struct convolution_call {
    enum gpu_convolution_part part;
    descriptor graph;                   /* owned, as all that follow */
    descriptor parts[MOST_DESCRIPTORS]; /* what the graph is made of */
    int n_parts;
};

struct convolution_proposals {
    struct gpu_proposals base;
    enum gpu_math math;
    struct convolution_call call;               /* owned, until a plan takes it */
    descriptor configs[N_MODES * MOST_CONFIGS]; /* owned; those that were not filled in are NULL */
};

struct convolution_plan {
    struct gpu_plan base;
    struct convolution_call call; /* owned */
    descriptor plan;              /* owned */
};

static void descriptor_destroy(descriptor target)
{
    if (target != NULL)
        (void)cudnnBackendDestroyDescriptor(target);
}

static void call_release(struct convolution_call *call)
{
    descriptor_destroy(call->graph);
    for (int i = 0; i < call->n_parts; i++)
        descriptor_destroy(call->parts[i]);
    *call = (struct convolution_call){0};
}

/* ---- a plan ---- */

static void destroy(struct gpu_plan *base)
{
    struct convolution_plan *plan = (struct convolution_plan *)base;

    descriptor_destroy(plan->plan);
    call_release(&plan->call);
    free(plan);
}

/* By the stream's handle, not the one it was planned by: cuDNN has given up tying plans to handles
 * (CUDNN_ATTR_EXECUTION_PLAN_HANDLE is deprecated). */
static enum status run(const struct gpu_plan *base, struct gpu_stream *stream,
                       const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    const struct convolution_plan *plan = (const struct convolution_plan *)base;
    const void *pointers[3] = {operands->left, operands->right, operands->out};
    descriptor pack = NULL;

    TRY(cudnn_check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack)));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                             CUDNN_TYPE_INT64, 3, uids[plan->call.part])));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                             CUDNN_TYPE_VOID_PTR, 3, pointers)));
    TRY(cudnn_check(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                                             CUDNN_TYPE_VOID_PTR, 1, &operands->workspace.data)));
    TRY(cudnn_check(cudnnBackendFinalize(pack)));
    TRY(cudnn_check(cudnnBackendExecute(stream->cudnn, plan->plan, pack)));
done:
    if (pack != NULL)
        (void)cudnnBackendDestroyDescriptor(pack);
    return status;
}

/* ---- the operation ---- */

/* A new descriptor that belongs to the call. */
static enum status part_create(struct convolution_call *call, cudnnBackendDescriptorType_t type,
                               descriptor *out)
{
    enum status status = cudnn_check(cudnnBackendCreateDescriptor(type, out));

    if (status == STATUS_OK)
        call->parts[call->n_parts++] = *out;
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
static enum status describe_tensor(struct convolution_call *call, const struct gpu_convolution *g,
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

    TRY(part_create(call, CUDNN_BACKEND_TENSOR_DESCRIPTOR, out));
    TRY(finish(*out, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

static enum status describe_window(struct convolution_call *call, const struct gpu_convolution *g,
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

    TRY(part_create(call, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, out));
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

static enum status describe_operation(struct convolution_call *call,
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

    TRY(describe_window(call, g, &window));
    TRY(describe_tensor(call, g, UID_X, shapes[0], &x));
    TRY(describe_tensor(call, g, UID_WEIGHT, shapes[1], &weight));
    TRY(describe_tensor(call, g, UID_Y, shapes[2], &y));
    TRY(part_create(call, names->type, out));
    TRY(finish(*out, attributes, sizeof attributes / sizeof *attributes));
done:
    return status;
}

static enum status describe_graph(struct gpu_context *context, struct convolution_call *call,
                                  const struct gpu_convolution *g)
{
    enum status status = STATUS_OK;
    descriptor operation = NULL;
    const struct attribute attributes[] = {
        {CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation},
        {CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &context->cudnn},
    };

    TRY(describe_operation(call, g, &operation));
    TRY(cudnn_check(
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, &call->graph)));
    TRY(finish(call->graph, attributes, sizeof attributes / sizeof *attributes));
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

struct note_kind {
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t most;
};
static const struct note_kind numerical_notes = {
    CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT};
static const struct note_kind behavior_notes = {
    CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT};

/* The notes of an engine, of one kind, and how many there are. */
static enum status notes_of(descriptor engine, const struct note_kind *kind, int64_t *n,
                            void *notes)
{
    enum status status =
        cudnn_check(cudnnBackendGetAttribute(engine, kind->name, kind->type, kind->most, n, notes));

    if (status == STATUS_OK && *n > kind->most)
        *n = kind->most;
    return status;
}

static enum status engine_of(descriptor config, descriptor *engine)
{
    enum status status = STATUS_OK;
    int64_t n = 0;

    TRY(cudnn_check(cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, engine)));
    TRY(cudnn_check(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, engine)));
done:
    return status;
}

static enum status look(struct gpu_proposals *base, int i, struct gpu_proposal *out)
{
    enum status status = STATUS_OK;
    const struct convolution_proposals *proposals = (struct convolution_proposals *)base;
    struct gpu_proposal found = {.is_wanted = true};
    cudnnBackendNumericalNote_t numerical[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t behavior[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    descriptor engine = NULL;
    int64_t n = 0;

    TRY(engine_of(proposals->configs[i], &engine));
    TRY(notes_of(engine, &numerical_notes, &n, numerical));
    for (int64_t note = 0; note < n; note++)
        found.is_wanted &= is_wanted_note(numerical[note], proposals->math);
    TRY(notes_of(engine, &behavior_notes, &n, behavior));
    for (int64_t note = 0; note < n; note++)
        found.is_compiled |= behavior[note] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    *out = found;
done:
    descriptor_destroy(engine);
    return status;
}

/* Heuristics propose what may turn out impossible here. */
static enum status plan_finish(struct gpu_context *context, descriptor config,
                               struct convolution_plan *plan)
{
    enum status status = STATUS_OK;
    int64_t workspace = 0, n = 0;
    const struct attribute attributes[] = {
        {CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &context->cudnn},
        {CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config},
    };

    TRY(cudnn_check(
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan->plan)));
    TRY(finish(plan->plan, attributes, sizeof attributes / sizeof *attributes));
    TRY(cudnn_check(cudnnBackendGetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                             CUDNN_TYPE_INT64, 1, &n, &workspace)));
    if (workspace > most_workspace_bytes)
        TRY(fail(STATUS_UNSUPPORTED,
                 "an engine of cuDNN needs %lld bytes of scratch, but only %lld are allowed",
                 (long long)workspace, (long long)most_workspace_bytes));
    plan->base.workspace_bytes = (size_t)workspace;
done:
    return status;
}

static enum status plan_name_fill(descriptor config, struct convolution_plan *plan)
{
    enum status status = STATUS_OK;
    descriptor engine = NULL;
    int64_t n = 0, index = 0;

    TRY(engine_of(config, &engine));
    TRY(cudnn_check(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                             CUDNN_TYPE_INT64, 1, &n, &index)));
    snprintf(plan->base.name, sizeof plan->base.name, "cudnn engine %lld", (long long)index);
done:
    descriptor_destroy(engine);
    return status;
}

static enum status plan(struct gpu_proposals *base, int i, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    struct convolution_proposals *proposals = (struct convolution_proposals *)base;
    struct convolution_plan *made = NULL;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    TRY(plan_name_fill(proposals->configs[i], made));
    TRY(plan_finish(base->context, proposals->configs[i], made));
    made->call = proposals->call;
    proposals->call = (struct convolution_call){0};
    *out = &made->base;
    made = NULL;
done:
    if (made != NULL)
        destroy(&made->base);
    return status;
}

/* ---- what there is ---- */

/* Appends what the heuristics say in one mode. */
static enum status ask(struct convolution_proposals *proposals, cudnnBackendHeurMode_t mode)
{
    enum status status = STATUS_OK;
    descriptor heuristics = NULL, *configs = proposals->configs + proposals->base.n;
    int64_t n = 0;
    const struct attribute attributes[] = {
        {CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
         &proposals->call.graph},
        {CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode},
    };

    TRY(cudnn_check(
        cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristics)));
    TRY(finish(heuristics, attributes, sizeof attributes / sizeof *attributes));
    for (int i = 0; i < MOST_CONFIGS; i++)
        if (configs[i] == NULL)
            TRY(cudnn_check(
                cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[i])));
    TRY(cudnn_check(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_CONFIGS, &n,
                                             configs)));
    proposals->base.n += (int)(n < MOST_CONFIGS ? n : MOST_CONFIGS);
done:
    descriptor_destroy(heuristics);
    return status;
}

/* One mode's failure is no reason not to ask in the other, but that there is no memory is. */
static enum status propose(struct gpu_proposals *base, const void *wanted)
{
    static const cudnnBackendHeurMode_t modes[N_MODES] = {CUDNN_HEUR_MODE_A,
                                                          CUDNN_HEUR_MODE_FALLBACK};
    enum status status = STATUS_OK, last = STATUS_OK;
    struct convolution_proposals *proposals = (struct convolution_proposals *)base;
    const struct gpu_convolution *g = wanted;

    proposals->math = g->math;
    proposals->call.part = g->part;
    TRY(describe_graph(base->context, &proposals->call, g));
    for (int i = 0; i < N_MODES && last != STATUS_OUT_OF_MEMORY; i++) {
        enum status asked = ask(proposals, modes[i]);
        last = asked != STATUS_OK ? asked : last;
    }
    if (base->n == 0 || last == STATUS_OUT_OF_MEMORY)
        TRY(last);
done:
    return status;
}

static void release(struct gpu_proposals *base)
{
    struct convolution_proposals *proposals = (struct convolution_proposals *)base;

    for (int i = 0; i < N_MODES * MOST_CONFIGS; i++)
        descriptor_destroy(proposals->configs[i]);
    call_release(&proposals->call);
}

const struct planner planner_convolution = {
    .proposals_bytes = sizeof(struct convolution_proposals),
    .propose = propose,
    .look = look,
    .plan = plan,
    .release = release,
    .run = run,
    .destroy = destroy,
};
