/* Tensors: dense, row-major views of memory somebody else owns. C and C++ both read this file. */
#ifndef KERNELS_TENSOR_H
#define KERNELS_TENSOR_H

#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32 = 1, DTYPE_F64, DTYPE_U8, DTYPE_I32, DTYPE_I64, DTYPE_BF16 };

enum { TENSOR_MAX_DIMS = 4 };

struct tensor {
    void *data; /* borrowed; NULL means "absent" for an optional tensor */
    enum dtype dtype;
    int n_dims; /* 0: one element */
    int64_t shape[TENSOR_MAX_DIMS];
};

struct span {
    void *data;
    size_t bytes;
};

static inline size_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_U8                          ? 1
           : dtype == DTYPE_BF16                      ? 2
           : dtype == DTYPE_F32 || dtype == DTYPE_I32 ? 4
                                                      : 8;
}

static inline const char *dtype_name(enum dtype dtype)
{
    return dtype == DTYPE_F32   ? "f32"
           : dtype == DTYPE_F64 ? "f64"
           : dtype == DTYPE_U8  ? "u8"
           : dtype == DTYPE_I32 ? "i32"
           : dtype == DTYPE_I64 ? "i64"
                                : "bf16";
}

static inline int64_t tensor_elements(const struct tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->n_dims; i++)
        n *= tensor->shape[i];
    return n;
}

/* A [.., C] tensor as rows of C columns. */
static inline int64_t tensor_columns(const struct tensor *tensor)
{
    return tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 1;
}

static inline int64_t tensor_rows(const struct tensor *tensor)
{
    return tensor_elements(tensor) / tensor_columns(tensor);
}

static inline size_t tensor_bytes(const struct tensor *tensor)
{
    return (size_t)tensor_elements(tensor) * dtype_bytes(tensor->dtype);
}

#endif
