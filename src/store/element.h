/* Element types of PyTorch storages: how wide they are and what they become in memory. */
#ifndef STORE_ELEMENT_H
#define STORE_ELEMENT_H

#include "kernels/tensor.h"

struct element {
    const char *name;          /* "float32", as torch and numpy say it */
    const char *storage_class; /* "FloatStorage", in module torch */
    int64_t bytes;
    enum dtype dtype; /* what convert writes */
    /* n elements, stride_bytes apart (0: the same one again), to a contiguous target. */
    void (*convert)(const unsigned char *source, int64_t stride_bytes, int64_t n, void *target);
};

/* NULL when there is none. */
const struct element *element_by_class(const char *storage_class);
const struct element *element_by_name(const char *name);

#endif
