/* Streams of the substitute: work is put on a list and runs, in order, when somebody waits. */
#include "kernels/cuda/host/host_gpu.h"

#include "base/arena.h"
#include "kernels/cuda/host/grid.h"

#include <stdlib.h>
#include <string.h>

struct call {
    void (*run)(void *context);
    void *context;
    void (*release)(void *context); /* may be NULL */
};

struct calls {
    struct call *items; /* owned */
    int64_t n, capacity;
};

struct gpu_graph {
    struct calls calls;
    int n_holders; /* its owner, and every launch that has not run */
};

struct gpu_stream {
    struct gpu_stream *next; /* all of this process */
    struct calls queue;
    struct gpu_graph *recording; /* not NULL while capturing */
};

struct gpu_event {
    struct gpu_stream *stream; /* where it was last recorded */
    int n_pending;             /* recorded, not passed */
};

static struct gpu_stream **streams(void)
{
    static struct gpu_stream *first;

    return &first;
}

static void calls_release(struct calls *calls)
{
    for (int64_t i = 0; i < calls->n; i++)
        if (calls->items[i].release != NULL)
            calls->items[i].release(calls->items[i].context);
    free(calls->items);
    *calls = (struct calls){0};
}

/* What is enqueued cannot be refused: a substitute without memory is of no use to a test. */
static void calls_add(struct calls *calls, const struct call *call)
{
    if (heap_grow(&calls->items, &calls->capacity, calls->n + 1, sizeof *calls->items) != STATUS_OK)
        abort();
    calls->items[calls->n++] = *call;
}

static void run_calls(const struct calls *calls)
{
    host_memory_show(true);
    for (int64_t i = 0; i < calls->n; i++)
        calls->items[i].run(calls->items[i].context);
    host_gpu()->n_run += calls->n;
    host_memory_show(false);
}

static void stream_run(struct gpu_stream *stream)
{
    struct calls calls = stream->queue;

    stream->queue = (struct calls){0};
    if (!host_gpu()->is_broken)
        run_calls(&calls);
    calls_release(&calls);
}

void host_stream_run_all(void)
{
    for (struct gpu_stream *stream = *streams(); stream != NULL; stream = stream->next)
        stream_run(stream);
}

bool host_stream_is_capturing(void)
{
    for (struct gpu_stream *stream = *streams(); stream != NULL; stream = stream->next)
        if (stream->recording != NULL)
            return true;
    return false;
}

void gpu_host_enqueue(struct gpu_stream *stream, void (*run)(void *context), void *context,
                      void (*release)(void *context))
{
    const struct call call = {run, context, release};

    host_gpu()->n_enqueued += stream->recording == NULL;
    calls_add(stream->recording != NULL ? &stream->recording->calls : &stream->queue, &call);
}

enum status host_stream_create(struct gpu_context *context, struct gpu_stream **out)
{
    enum status status = STATUS_OK;
    struct gpu_stream *stream = NULL;

    (void)context;
    TRY(host_gpu_enter("stream_create"));
    TRY_ALLOC(stream, heap_alloc(1, sizeof *stream));
    stream->next = *streams();
    *streams() = stream;
    *out = stream;
done:
    return status;
}

void host_stream_destroy(struct gpu_stream *stream)
{
    if (stream == NULL)
        return;
    stream_run(stream);
    host_graph_destroy(stream->recording);
    for (struct gpu_stream **at = streams(); *at != NULL; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    free(stream);
}

static enum status wait_for(struct gpu_stream *stream, const char *entry)
{
    enum status status = STATUS_OK;

    host_gpu()->n_wait++;
    TRY(host_gpu_enter(entry));
    if (host_stream_is_capturing())
        TRY(fail(STATUS_DEVICE, "%s: operation not permitted when stream is capturing", entry));
    stream_run(stream);
    TRY(host_grid_status());
done:
    return status;
}

enum status host_stream_synchronize(struct gpu_stream *stream)
{
    return wait_for(stream, "stream_synchronize");
}

void host_stream_drain(struct gpu_stream *stream)
{
    if (stream != NULL)
        stream_run(stream);
}

/* ---- copies ---- */

struct transfer {
    void *to;
    const void *from; /* NULL: zeros */
    size_t bytes;
};

static void transfer_run(void *context)
{
    const struct transfer *transfer = context;

    if (transfer->from != NULL)
        memcpy(transfer->to, transfer->from, transfer->bytes);
    else
        memset(transfer->to, 0, transfer->bytes);
}

static enum status transfer_enqueue(struct gpu_stream *stream, const struct transfer *transfer)
{
    struct transfer *copy = heap_alloc(1, sizeof *copy);

    if (copy == NULL)
        return STATUS_OUT_OF_MEMORY;
    *copy = *transfer;
    gpu_host_enqueue(stream, transfer_run, copy, free);
    return STATUS_OK;
}

enum status host_copy(struct gpu_stream *stream, void *to, const void *from, size_t bytes,
                      bool is_up)
{
    enum status status = STATUS_OK;
    const struct transfer transfer = {to, from, bytes};

    TRY(host_memory_check(is_up ? from : to, bytes, true, is_up ? "copy_up" : "copy_down"));
    TRY(host_memory_check(is_up ? to : from, bytes, false, is_up ? "copy_up" : "copy_down"));
    TRY(transfer_enqueue(stream, &transfer));
done:
    return status;
}

enum status host_zero(struct gpu_stream *stream, void *memory, size_t bytes)
{
    enum status status = STATUS_OK;
    const struct transfer transfer = {memory, NULL, bytes};

    TRY(host_gpu_enter("zero"));
    TRY(host_memory_check(memory, bytes, false, "zero"));
    TRY(transfer_enqueue(stream, &transfer));
done:
    return status;
}

/* ---- events ---- */

static void event_pass(void *context)
{
    ((struct gpu_event *)context)->n_pending--;
}

enum status host_event_create(struct gpu_context *context, struct gpu_event **out)
{
    enum status status = STATUS_OK;
    struct gpu_event *event = NULL;

    (void)context;
    TRY(host_gpu_enter("event_create"));
    TRY_ALLOC(event, heap_alloc(1, sizeof *event));
    *out = event;
done:
    return status;
}

void host_event_destroy(struct gpu_event *event)
{
    if (event != NULL && event->n_pending > 0)
        host_stream_run_all();
    free(event);
}

enum status host_event_record(struct gpu_event *event, struct gpu_stream *stream)
{
    enum status status = STATUS_OK;

    TRY(host_gpu_enter("event_record"));
    if (stream->recording != NULL)
        TRY(fail(STATUS_DEVICE, "event_record: operation not permitted when stream is capturing"));
    event->stream = stream;
    event->n_pending++;
    gpu_host_enqueue(stream, event_pass, event, NULL);
done:
    return status;
}

enum status host_event_query(struct gpu_event *event, bool *is_passed)
{
    enum status status = host_gpu_enter("event_query");

    if (status == STATUS_OK)
        *is_passed = event->n_pending == 0;
    return status;
}

enum status host_event_synchronize(struct gpu_event *event)
{
    return event->n_pending > 0 ? wait_for(event->stream, "event_synchronize") : STATUS_OK;
}

/* ---- recordings ---- */

enum status host_capture_begin(struct gpu_stream *stream)
{
    enum status status = STATUS_OK;

    TRY(host_gpu_enter("capture_begin"));
    TRY_ALLOC(stream->recording, heap_alloc(1, sizeof *stream->recording));
    stream->recording->n_holders = 1;
    host_gpu()->n_capture++;
done:
    return status;
}

enum status host_capture_end(struct gpu_stream *stream, struct gpu_graph **out)
{
    enum status status = host_gpu_enter("capture_end");
    struct gpu_graph *graph = stream->recording;

    stream->recording = NULL;
    if (status == STATUS_OK)
        *out = graph;
    else
        host_graph_destroy(graph);
    return status;
}

void host_capture_abandon(struct gpu_stream *stream)
{
    host_graph_destroy(stream->recording);
    stream->recording = NULL;
}

static void graph_run(void *context)
{
    run_calls(&((struct gpu_graph *)context)->calls);
}

static void graph_drop(void *context)
{
    host_graph_destroy(context);
}

enum status host_graph_launch(struct gpu_graph *graph, struct gpu_stream *stream)
{
    enum status status = STATUS_OK;

    TRY(host_gpu_enter("graph_launch"));
    graph->n_holders++;
    host_gpu()->n_launch++;
    gpu_host_enqueue(stream, graph_run, graph, graph_drop);
done:
    return status;
}

void host_graph_destroy(struct gpu_graph *graph)
{
    if (graph == NULL || --graph->n_holders > 0)
        return;
    calls_release(&graph->calls);
    free(graph);
}
