/* Element types of weights files: how wide they are, what they become in memory, and back. */
#ifndef STORE_ELEMENT_H
#define STORE_ELEMENT_H

#include "kernels/tensor.h"

struct element {
    const char *name;          /* "float32", as torch and numpy say it */
    const char *storage_class; /* "FloatStorage", in module torch */
    const char *code;          /* "F32", in .safetensors */
    int64_t bytes;
    enum dtype dtype; /* what convert writes */
    /* n elements, stride_bytes apart (0: the same one again), to a contiguous target. */
    void (*convert)(const unsigned char *source, int64_t stride_bytes, int64_t n, void *target);
    /* Back again: n values of type dtype to bytes. What convert made comes back to the bit; other
     * numbers are rounded to the nearest. NULL where both sides are the same bytes. */
    void (*narrow)(const void *source, int64_t n, unsigned char *target);
};

/* NULL when there is none. */
const struct element *element_by_class(const char *storage_class);
const struct element *element_by_name(const char *name);
const struct element *element_by_code(const char *code);
/* How a file stores values of type `dtype` that came as `stored_dtype` (NULL: anyhow). */
const struct element *element_of(const char *stored_dtype, enum dtype dtype);

#endif
