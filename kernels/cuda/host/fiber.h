/* Fibers: several flows of control in one thread, each with a stack, switched by hand. */
#ifndef KERNELS_CUDA_HOST_FIBER_H
#define KERNELS_CUDA_HOST_FIBER_H

#include "base/status.h"

struct fiber;

/* A fiber that begins with run(argument) at the first switch to it; run must never return. */
CHECKED enum status fiber_create(struct fiber **out, void (*run)(void *argument), void *argument);
/* The calling flow itself, so that others can switch back to it. */
CHECKED enum status fiber_adopt(struct fiber **out);
void fiber_destroy(struct fiber *fiber); /* accepts NULL; wherever it stands, it never goes on */
/* Leaves `from`, which is running, and goes on with `to`; returns when somebody switches to `from`.
 */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
