/* Copies between pageable host memory and a device, in order with everything else on the stream. A
 * device copies by itself from pinned memory only: a ring of pinned slots lets the caller's memory
 * go at once, and a step never waits for its own uploads. */
#include "kernels/cuda/cuda.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { N_SLOTS = 8, SLOT_BYTES = 1 << 20, ALIGNMENT = 64 };

struct pinned_slot {
    char *memory;            /* owned, pinned */
    struct gpu_event *event; /* owned; passed when the slot's copies are done */
    bool is_pending;
};

struct staging {
    /* borrowed: outlive this */
    const struct gpu *gpu;
    struct gpu_context *context;
    /* owned */
    struct pinned_slot slots[N_SLOTS];
    char *down; /* pinned */
    int current;
    size_t used; /* of the current slot */
};

enum status staging_create(const struct gpu *gpu, struct gpu_context *context, struct staging **out)
{
    enum status status = STATUS_OK;
    struct staging *staging = NULL;

    TRY_ALLOC(staging, heap_alloc(1, sizeof *staging));
    staging->gpu = gpu;
    staging->context = context;
    for (int i = 0; i < N_SLOTS; i++) {
        TRY(gpu->alloc_host(context, SLOT_BYTES, (void **)&staging->slots[i].memory));
        TRY(gpu->event_create(context, &staging->slots[i].event));
    }
    TRY(gpu->alloc_host(context, SLOT_BYTES, (void **)&staging->down));
    *out = staging;
    staging = NULL;
done:
    staging_destroy(staging);
    return status;
}

void staging_destroy(struct staging *staging)
{
    if (staging == NULL)
        return;
    for (int i = 0; i < N_SLOTS; i++) {
        staging->gpu->event_destroy(staging->slots[i].event);
        staging->gpu->release_host(staging->context, staging->slots[i].memory);
    }
    staging->gpu->release_host(staging->context, staging->down);
    free(staging);
}

/* The current slot is full: the next one must have been copied from. */
static enum status next_slot(struct staging *staging, struct gpu_stream *stream)
{
    enum status status = STATUS_OK;
    struct pinned_slot *full = &staging->slots[staging->current];
    struct pinned_slot *next = &staging->slots[(staging->current + 1) % N_SLOTS];

    TRY(staging->gpu->event_record(full->event, stream));
    full->is_pending = true;
    if (next->is_pending)
        TRY(staging->gpu->event_synchronize(next->event));
    next->is_pending = false;
    staging->current = (staging->current + 1) % N_SLOTS;
    staging->used = 0;
done:
    return status;
}

enum status staging_up(struct staging *staging, struct gpu_stream *stream, void *to,
                       const void *from, size_t bytes)
{
    enum status status = STATUS_OK;

    for (size_t done = 0; done < bytes;) {
        if (staging->used == SLOT_BYTES)
            TRY(next_slot(staging, stream));
        size_t room = SLOT_BYTES - staging->used, left = bytes - done;
        size_t piece = left < room ? left : room;
        char *pinned = staging->slots[staging->current].memory + staging->used;
        memcpy(pinned, (const char *)from + done, piece);
        TRY(staging->gpu->copy_up(stream, (char *)to + done, pinned, piece));
        staging->used += (piece + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        done += piece;
    }
done:
    return status;
}

enum status staging_down(struct staging *staging, struct gpu_stream *stream, void *to,
                         const void *from, size_t bytes)
{
    enum status status = STATUS_OK;

    for (size_t done = 0; done < bytes;) {
        size_t left = bytes - done, piece = left < SLOT_BYTES ? left : SLOT_BYTES;
        TRY(staging->gpu->copy_down(stream, staging->down, (const char *)from + done, piece));
        TRY(staging->gpu->stream_synchronize(stream));
        memcpy((char *)to + done, staging->down, piece);
        done += piece;
    }
done:
    return status;
}
