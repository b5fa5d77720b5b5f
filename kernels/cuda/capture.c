/* Recordings: a step of some hundred launches becomes one. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <stdlib.h>

struct recording {
    struct gpu_graph *graph; /* owned */
};

enum status cuda_capture_begin(struct device *device)
{
    return device->gpu->capture_begin(device->stream);
}

enum status cuda_capture_end(struct device *device, struct recording **out)
{
    enum status status = STATUS_OK;
    struct recording *recording = NULL;
    struct gpu_graph *graph = NULL;

    TRY(device->gpu->capture_end(device->stream, &graph));
    TRY_ALLOC(recording, heap_alloc(1, sizeof *recording));
    recording->graph = graph;
    graph = NULL;
    *out = recording;
done:
    device->gpu->graph_destroy(graph);
    return status;
}

void cuda_capture_abandon(struct device *device)
{
    device->gpu->capture_abandon(device->stream);
}

enum status cuda_replay(struct device *device, struct recording *recording)
{
    return device->gpu->graph_launch(recording->graph, device->stream);
}

void cuda_recording_release(struct device *device, struct recording *recording)
{
    if (recording == NULL)
        return;
    device->gpu->graph_destroy(recording->graph);
    free(recording);
}
