/* The checks behind kernel_prepare; no backend sees an operation that failed them. */
#ifndef KERNELS_FRONT_DOOR_H
#define KERNELS_FRONT_DOOR_H

#include "kernels/kernels.h"

/* The sizes the letters of an operation's shapes stand for. */
struct dimensions {
    int64_t of[26]; /* by letter, 'A' first; 0 = not met */
    int64_t run[TENSOR_MAX_DIMS];
    int n_run; /* dimensions that '.' stands for; −1 = not met */
};

static inline int64_t dimension(const struct dimensions *dimensions, char letter)
{
    return dimensions->of[letter - 'A'];
}

/* Presence, types, shapes and overlaps of all tensors, by op_info; `dimensions` is filled. */
CHECKED enum status check_tensors(const struct device *device, enum op_kind kind,
                                  const union op_any *op, struct dimensions *dimensions);
/* What shapes alone do not say: strides, paddings, probabilities, pairs of optional tensors. */
CHECKED enum status check_attributes(enum op_kind kind, const union op_any *op,
                                     const struct dimensions *dimensions);

#endif
