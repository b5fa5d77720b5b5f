/* The substitute's table and what tests steer it by. */
#include "kernels/cuda/host/host_gpu.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gpu_context {
    int index;
};

static const struct host_gpu healthy = {
    .machine = {.presence = GPU_PRESENT,
                .n_devices = 1,
                .driver_version = 13000,
                .runtime_version = 13000},
    .properties = {.name = "host substitute", .major = 9, .minor = 0},
    .memory_bytes = (size_t)4 << 30,
    .proposals = {{.answer = {.is_wanted = true}}},
    .n_proposals = 1,
};

struct host_gpu *host_gpu(void)
{
    static struct host_gpu only;

    if (only.properties.major == 0)
        only = healthy;
    return &only;
}

void host_gpu_reset(void)
{
    size_t used = host_gpu()->used_bytes;
    int64_t n_plans = host_gpu()->n_plans;

    *host_gpu() = healthy;
    host_gpu()->used_bytes = used;
    host_gpu()->n_plans = n_plans;
}

enum status host_gpu_enter(const char *entry)
{
    struct host_gpu *gpu = host_gpu();

    if (gpu->failing != NULL && strcmp(gpu->failing, entry) == 0 && gpu->fails_after-- <= 0)
        gpu->is_broken = true;
    if (gpu->is_broken)
        return fail(STATUS_DEVICE, "%s: made to fail: an illegal memory access was encountered",
                    entry);
    return STATUS_OK;
}

static void machine(struct gpu_machine *out)
{
    *out = host_gpu()->machine;
}

void host_versions(char *text, size_t bytes)
{
    snprintf(text, bytes, "host substitute, float64 loops");
}

static enum status properties(int index, struct gpu_properties *out)
{
    enum status status = host_gpu_enter("properties");

    (void)index;
    if (status == STATUS_OK)
        *out = host_gpu()->properties;
    return status;
}

static enum status context_open(int index, struct gpu_context **out)
{
    enum status status = STATUS_OK;
    struct gpu_context *context = NULL;

    TRY(host_gpu_enter("open"));
    TRY_ALLOC(context, heap_alloc(1, sizeof *context));
    host_requests_forget(); /* plans go with their context */
    context->index = index;
    *out = context;
done:
    return status;
}

static void context_close(struct gpu_context *context)
{
    host_requests_forget();
    free(context);
}

static enum status copy_up(struct gpu_stream *stream, void *to, const void *from, size_t bytes)
{
    enum status status = host_gpu_enter("copy_up");

    return status == STATUS_OK ? host_copy(stream, to, from, bytes, true) : status;
}

static enum status copy_down(struct gpu_stream *stream, void *to, const void *from, size_t bytes)
{
    enum status status = host_gpu_enter("copy_down");

    return status == STATUS_OK ? host_copy(stream, to, from, bytes, false) : status;
}

const struct gpu gpu_host = {
    .machine = machine,
    .versions = host_versions,
    .open = context_open,
    .close = context_close,
    .properties = properties,
    .alloc = host_alloc,
    .release = host_release,
    .alloc_host = host_alloc_host,
    .release_host = host_release_host,
    .memory_info = host_memory_info,
    .copy_up = copy_up,
    .copy_down = copy_down,
    .zero = host_zero,
    .stream_create = host_stream_create,
    .stream_destroy = host_stream_destroy,
    .stream_synchronize = host_stream_synchronize,
    .stream_drain = host_stream_drain,
    .event_create = host_event_create,
    .event_destroy = host_event_destroy,
    .event_record = host_event_record,
    .event_query = host_event_query,
    .event_synchronize = host_event_synchronize,
    .capture_begin = host_capture_begin,
    .capture_end = host_capture_end,
    .capture_abandon = host_capture_abandon,
    .graph_launch = host_graph_launch,
    .graph_destroy = host_graph_destroy,
    .propose_convolution = host_propose_convolution,
    .propose_product = host_propose_product,
    .proposals_count = host_proposals_count,
    .proposal_look = host_proposal_look,
    .proposal_plan = host_proposal_plan,
    .proposals_destroy = host_proposals_destroy,
    .plan_workspace_bytes = host_plan_workspace_bytes,
    .plan_name = host_plan_name,
    .plan_run = host_plan_run,
    .plan_destroy = host_plan_destroy,
};
