/* Recordings: a step of some hundred launches becomes one. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <stdlib.h>

struct recording {
    struct gpu_graph *graph; /* owned */
};

enum status cuda_capture_begin(struct queue *queue)
{
    return queue->gpu->capture_begin(queue->stream);
}

enum status cuda_capture_end(struct queue *queue, struct recording **out)
{
    enum status status = STATUS_OK;
    struct recording *recording = NULL;
    struct gpu_graph *graph = NULL;

    TRY(queue->gpu->capture_end(queue->stream, &graph));
    TRY_ALLOC(recording, heap_alloc(1, sizeof *recording));
    recording->graph = graph;
    graph = NULL;
    *out = recording;
done:
    queue->gpu->graph_destroy(graph);
    return status;
}

void cuda_capture_abandon(struct queue *queue)
{
    queue->gpu->capture_abandon(queue->stream);
}

enum status cuda_replay(struct queue *queue, struct recording *recording)
{
    return queue->gpu->graph_launch(recording->graph, queue->stream);
}

void cuda_recording_release(struct device *device, struct recording *recording)
{
    if (recording == NULL)
        return;
    device->gpu->graph_destroy(recording->graph);
    free(recording);
}
