/* Runs that wait for a trainer, each at most once. */
#ifndef DISPATCH_RUN_QUEUE_H
#define DISPATCH_RUN_QUEUE_H

#include "base/status.h"

#include <stdint.h>

struct run_queue {
    int64_t *ring; /* owned: [capacity], from `first` on */
    int64_t capacity, first, n;
};

CHECKED enum status run_queue_init(struct run_queue *queue, int64_t capacity);
void run_queue_release(struct run_queue *queue);
void run_queue_push(struct run_queue *queue, int64_t run);       /* behind the others */
void run_queue_push_first(struct run_queue *queue, int64_t run); /* before them */
int64_t run_queue_pop(struct run_queue *queue);                  /* the queue is not empty */

#endif
