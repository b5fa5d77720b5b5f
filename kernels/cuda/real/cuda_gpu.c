/* The real table: each entry is a call or two of the CUDA runtime. */
#include "kernels/cuda/real/cuda_gpu.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

struct gpu_event {
    cudaEvent_t event; /* owned */
};

struct gpu_graph {
    cudaGraphExec_t graph; /* owned */
};

/* ---- the machine ---- */

static enum gpu_presence presence_of(cudaError_t error, const struct gpu_machine *machine)
{
    switch (error) {
    case cudaSuccess:
        return machine->n_devices > 0 ? GPU_PRESENT : GPU_NO_DEVICE;
    case cudaErrorInsufficientDriver: /* also without any driver */
        return machine->driver_version > 0 ? GPU_DRIVER_TOO_OLD : GPU_NO_DRIVER;
    case cudaErrorNoDevice:
        return GPU_NO_DEVICE;
    default:
        return GPU_UNUSABLE;
    }
}

static void machine(struct gpu_machine *out)
{
    *out = (struct gpu_machine){0};
    if (cudaDriverGetVersion(&out->driver_version) != cudaSuccess)
        out->driver_version = 0;
    if (cudaRuntimeGetVersion(&out->runtime_version) != cudaSuccess)
        out->runtime_version = 0;
    cudaError_t error = cudaGetDeviceCount(&out->n_devices);
    (void)cudaGetLastError();
    out->error = cudaGetErrorString(error);
    out->presence = presence_of(error, out);
}

static void versions(char *text, size_t bytes)
{
    size_t cudnn = cudnnGetVersion(), cublas = cublasLtGetVersion();
    int runtime = 0;

    if (cudaRuntimeGetVersion(&runtime) != cudaSuccess)
        runtime = 0;
    snprintf(text, bytes, "CUDA %d.%d, cuDNN %zu.%zu.%zu, cuBLASLt %zu.%zu.%zu", runtime / 1000,
             runtime % 1000 / 10, cudnn / 10000, cudnn % 10000 / 100, cudnn % 100, cublas / 10000,
             cublas % 10000 / 100, cublas % 100);
}

static enum status properties(int index, struct gpu_properties *out)
{
    enum status status = STATUS_OK;
    struct cudaDeviceProp found;

    TRY(cuda_check(cudaGetDeviceProperties(&found, index)));
    snprintf(out->name, sizeof out->name, "%.127s", found.name);
    out->major = found.major;
    out->minor = found.minor;
done:
    return status;
}

static void context_close(struct gpu_context *context)
{
    if (context == NULL)
        return;
    if (context->cudnn != NULL)
        (void)cudnnDestroy(context->cudnn);
    if (context->cublas != NULL)
        (void)cublasLtDestroy(context->cublas);
    free(context);
}

static enum status context_open(int index, struct gpu_context **out)
{
    enum status status = STATUS_OK;
    struct gpu_context *context = NULL;

    TRY_ALLOC(context, heap_alloc(1, sizeof *context));
    context->index = index;
    TRY(cuda_check(
        cudaInitDevice(index, cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid)));
    TRY(cuda_check(cudaSetDevice(index)));
    TRY(cudnn_check(cudnnCreate(&context->cudnn)));
    TRY(cublas_check(cublasLtCreate(&context->cublas)));
    *out = context;
    context = NULL;
done:
    context_close(context);
    return status;
}

/* ---- memory ---- */

static enum status alloc(struct gpu_context *context, size_t bytes, void **out)
{
    (void)context;
    return cuda_check(cudaMalloc(out, bytes));
}

/* Errors of work before it are reported by the next wait. */
static void release(struct gpu_context *context, void *memory)
{
    (void)context;
    (void)cudaFree(memory);
}

static enum status alloc_host(struct gpu_context *context, size_t bytes, void **out)
{
    (void)context;
    return cuda_check(cudaMallocHost(out, bytes));
}

static void release_host(struct gpu_context *context, void *memory)
{
    (void)context;
    (void)cudaFreeHost(memory);
}

static enum status memory_info(struct gpu_context *context, size_t *free_bytes, size_t *total_bytes)
{
    (void)context;
    return cuda_check(cudaMemGetInfo(free_bytes, total_bytes));
}

static enum status copy_up(struct gpu_stream *stream, void *to, const void *from, size_t bytes)
{
    return cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream->stream));
}

static enum status copy_down(struct gpu_stream *stream, void *to, const void *from, size_t bytes)
{
    return cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream->stream));
}

static enum status zero(struct gpu_stream *stream, void *memory, size_t bytes)
{
    return cuda_check(cudaMemsetAsync(memory, 0, bytes, stream->stream));
}

/* ---- streams ---- */

void *gpu_stream_native(struct gpu_stream *stream)
{
    return stream->stream;
}

enum status gpu_launched(const char *kernel)
{
    return cuda_check_at(cudaGetLastError(), kernel, __FILE__, __LINE__);
}

static void stream_destroy(struct gpu_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->cudnn != NULL)
        (void)cudnnDestroy(stream->cudnn);
    if (stream->cublas != NULL)
        (void)cublasLtDestroy(stream->cublas);
    if (stream->stream != NULL)
        (void)cudaStreamDestroy(stream->stream);
    free(stream);
}

static enum status stream_create(struct gpu_context *context, struct gpu_stream **out)
{
    enum status status = STATUS_OK;
    struct gpu_stream *stream = NULL;

    (void)context;
    TRY_ALLOC(stream, heap_alloc(1, sizeof *stream));
    TRY(cuda_check(cudaStreamCreateWithFlags(&stream->stream, cudaStreamNonBlocking)));
    TRY(cudnn_check(cudnnCreate(&stream->cudnn)));
    TRY(cudnn_check(cudnnSetStream(stream->cudnn, stream->stream)));
    TRY(cublas_check(cublasLtCreate(&stream->cublas)));
    *out = stream;
    stream = NULL;
done:
    stream_destroy(stream);
    return status;
}

static enum status stream_synchronize(struct gpu_stream *stream)
{
    return cuda_check(cudaStreamSynchronize(stream->stream));
}

static void stream_drain(struct gpu_stream *stream)
{
    if (stream != NULL)
        (void)cudaStreamSynchronize(stream->stream);
}

/* ---- events ---- */

static void event_destroy(struct gpu_event *event)
{
    if (event == NULL)
        return;
    if (event->event != NULL)
        (void)cudaEventDestroy(event->event);
    free(event);
}

static enum status event_create(struct gpu_context *context, struct gpu_event **out)
{
    enum status status = STATUS_OK;
    struct gpu_event *event = NULL;

    (void)context;
    TRY_ALLOC(event, heap_alloc(1, sizeof *event));
    TRY(cuda_check(
        cudaEventCreateWithFlags(&event->event, cudaEventBlockingSync | cudaEventDisableTiming)));
    *out = event;
    event = NULL;
done:
    event_destroy(event);
    return status;
}

static enum status event_record(struct gpu_event *event, struct gpu_stream *stream)
{
    return cuda_check(cudaEventRecord(event->event, stream->stream));
}

static enum status event_query(struct gpu_event *event, bool *is_passed)
{
    cudaError_t found = cudaEventQuery(event->event);

    if (found != cudaSuccess && found != cudaErrorNotReady)
        return cuda_check_at(found, "cudaEventQuery(event->event)", __FILE__, __LINE__);
    (void)cudaGetLastError(); /* "not ready" is no error */
    *is_passed = found == cudaSuccess;
    return STATUS_OK;
}

static enum status event_synchronize(struct gpu_event *event)
{
    return cuda_check(cudaEventSynchronize(event->event));
}

/* ---- recordings ---- */

static void graph_destroy(struct gpu_graph *graph)
{
    if (graph == NULL)
        return;
    if (graph->graph != NULL)
        (void)cudaGraphExecDestroy(graph->graph);
    free(graph);
}

static enum status capture_begin(struct gpu_stream *stream)
{
    return cuda_check(cudaStreamBeginCapture(stream->stream, cudaStreamCaptureModeThreadLocal));
}

static enum status capture_end(struct gpu_stream *stream, struct gpu_graph **out)
{
    enum status status = STATUS_OK;
    struct gpu_graph *graph = NULL;
    cudaGraph_t recorded = NULL;

    TRY(cuda_check(cudaStreamEndCapture(stream->stream, &recorded)));
    TRY_ALLOC(graph, heap_alloc(1, sizeof *graph));
    TRY(cuda_check(cudaGraphInstantiate(&graph->graph, recorded, 0)));
    TRY(cuda_check(cudaGraphUpload(graph->graph, stream->stream)));
    *out = graph;
    graph = NULL;
done:
    if (recorded != NULL)
        (void)cudaGraphDestroy(recorded);
    graph_destroy(graph);
    return status;
}

static void capture_abandon(struct gpu_stream *stream)
{
    cudaGraph_t recorded = NULL;

    (void)cudaStreamEndCapture(stream->stream, &recorded);
    (void)cudaGetLastError();
    if (recorded != NULL)
        (void)cudaGraphDestroy(recorded);
}

static enum status graph_launch(struct gpu_graph *graph, struct gpu_stream *stream)
{
    return cuda_check(cudaGraphLaunch(graph->graph, stream->stream));
}

/* ---- plans ---- */

static void proposals_destroy(struct gpu_proposals *proposals)
{
    if (proposals == NULL)
        return;
    proposals->planner->release(proposals);
    free(proposals);
}

static enum status propose(struct gpu_context *context, const struct planner *planner,
                           const void *wanted, struct gpu_proposals **out)
{
    enum status status = STATUS_OK;
    struct gpu_proposals *proposals = NULL;

    TRY_ALLOC(proposals, heap_alloc(1, planner->proposals_bytes));
    proposals->planner = planner;
    proposals->context = context;
    TRY(planner->propose(proposals, wanted));
    *out = proposals;
    proposals = NULL;
done:
    proposals_destroy(proposals);
    return status;
}

static enum status propose_convolution(struct gpu_context *context,
                                       const struct gpu_convolution *wanted,
                                       struct gpu_proposals **out)
{
    return propose(context, &planner_convolution, wanted, out);
}

static enum status propose_product(struct gpu_context *context, const struct gpu_product *wanted,
                                   struct gpu_proposals **out)
{
    return propose(context, &planner_product, wanted, out);
}

static int proposals_count(const struct gpu_proposals *proposals)
{
    return proposals->n;
}

static enum status proposal_look(struct gpu_proposals *proposals, int i, struct gpu_proposal *out)
{
    return proposals->planner->look(proposals, i, out);
}

static enum status proposal_plan(struct gpu_proposals *proposals, int i, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    struct gpu_plan *plan = NULL;

    TRY(proposals->planner->plan(proposals, i, &plan));
    plan->planner = proposals->planner;
    *out = plan;
done:
    return status;
}

static size_t plan_workspace_bytes(const struct gpu_plan *plan)
{
    return plan->workspace_bytes;
}

static const char *plan_name(const struct gpu_plan *plan)
{
    return plan->name;
}

static enum status plan_run(const struct gpu_plan *plan, struct gpu_stream *stream,
                            const struct gpu_operands *operands)
{
    return plan->planner->run(plan, stream, operands);
}

static void plan_destroy(struct gpu_plan *plan)
{
    if (plan != NULL)
        plan->planner->destroy(plan);
}

const struct gpu gpu_cuda = {
    .machine = machine,
    .versions = versions,
    .open = context_open,
    .close = context_close,
    .properties = properties,
    .alloc = alloc,
    .release = release,
    .alloc_host = alloc_host,
    .release_host = release_host,
    .memory_info = memory_info,
    .copy_up = copy_up,
    .copy_down = copy_down,
    .zero = zero,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .stream_synchronize = stream_synchronize,
    .stream_drain = stream_drain,
    .event_create = event_create,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_query = event_query,
    .event_synchronize = event_synchronize,
    .capture_begin = capture_begin,
    .capture_end = capture_end,
    .capture_abandon = capture_abandon,
    .graph_launch = graph_launch,
    .graph_destroy = graph_destroy,
    .propose_convolution = propose_convolution,
    .propose_product = propose_product,
    .proposals_count = proposals_count,
    .proposal_look = proposal_look,
    .proposal_plan = proposal_plan,
    .proposals_destroy = proposals_destroy,
    .plan_workspace_bytes = plan_workspace_bytes,
    .plan_name = plan_name,
    .plan_run = plan_run,
    .plan_destroy = plan_destroy,
};
