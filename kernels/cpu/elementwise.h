/* Operations that make an element of one or two: each says what becomes of a range, and this runs
 * it over all of them on the device's threads. */
#ifndef KERNELS_CPU_ELEMENTWISE_H
#define KERNELS_CPU_ELEMENTWISE_H

#include "kernels/cpu/cpu.h"

struct elementwise {
    const float *a, *b; /* b: NULL where there is one operand */
    float factor;       /* where there is one */
    float *y;           /* may be a or b */
};

/* Makes the first n elements. */
typedef void elementwise_range(const struct elementwise *at, int64_t n);

void elementwise_run(const struct queue *queue, const struct elementwise *all, int64_t n,
                     elementwise_range *range);

#endif
