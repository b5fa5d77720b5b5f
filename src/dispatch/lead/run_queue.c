/* A ring. */
#include "dispatch/lead/run_queue.h"

#include "base/arena.h"

#include <stdlib.h>

enum status run_queue_init(struct run_queue *queue, int64_t capacity)
{
    queue->ring = heap_alloc(capacity, sizeof *queue->ring);
    queue->capacity = capacity;
    return queue->ring != NULL ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

void run_queue_release(struct run_queue *queue)
{
    free(queue->ring);
    *queue = (struct run_queue){0};
}

void run_queue_push(struct run_queue *queue, int64_t run)
{
    queue->ring[(queue->first + queue->n++) % queue->capacity] = run;
}

void run_queue_push_first(struct run_queue *queue, int64_t run)
{
    queue->first = (queue->first + queue->capacity - 1) % queue->capacity;
    queue->ring[queue->first] = run;
    queue->n++;
}

int64_t run_queue_pop(struct run_queue *queue)
{
    int64_t run = queue->ring[queue->first];

    queue->first = (queue->first + 1) % queue->capacity;
    queue->n--;
    return run;
}
