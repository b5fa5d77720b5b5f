/* Chunks of elements, each to a thread. */
#include "kernels/cpu/elementwise.h"

#include <stddef.h>

void elementwise_run(const struct queue *queue, const struct elementwise *all, int64_t n,
                     elementwise_range *range)
{
#pragma omp parallel for schedule(static) num_threads(cpu_threads(queue, n))
    for (int i = 0; i < CPU_CHUNKS; i++) {
        struct range chunk = cpu_chunk(n, i);
        struct elementwise at = *all;
        at.a += chunk.begin;
        at.b = at.b != NULL ? at.b + chunk.begin : NULL;
        at.y += chunk.begin;
        range(&at, chunk.end - chunk.begin);
    }
}
