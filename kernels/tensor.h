/* Tensors: dense, row-major views of memory somebody else owns. C and C++ both read this file. */
#ifndef KERNELS_TENSOR_H
#define KERNELS_TENSOR_H

#include "kernels/bf16_bits.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Element i of dense numbers in the host's memory, which need not be aligned. */
static inline double number_at(const void *numbers, enum dtype dtype, int64_t i)
{
    const char *at = (const char *)numbers + dtype_bytes(dtype) * (size_t)i;
    double f64 = 0;
    float f32;
    uint16_t bf16;
    int32_t i32;
    int64_t i64;

    switch (dtype) {
    case DTYPE_F32:
        memcpy(&f32, at, sizeof f32);
        return (double)f32;
    case DTYPE_F64:
        memcpy(&f64, at, sizeof f64);
        return f64;
    case DTYPE_U8:
        return *(const uint8_t *)at;
    case DTYPE_I32:
        memcpy(&i32, at, sizeof i32);
        return i32;
    case DTYPE_I64:
        memcpy(&i64, at, sizeof i64);
        return (double)i64;
    case DTYPE_BF16:
        break;
    }
    memcpy(&bf16, at, sizeof bf16);
    return (double)bf16_value(bf16);
}

/* Makes `value` element i, rounded to the type of reals; an integer type must have the value. */
static inline void number_put(void *numbers, enum dtype dtype, int64_t i, double value)
{
    char *at = (char *)numbers + dtype_bytes(dtype) * (size_t)i;
    float f32 = (float)value;
    uint16_t bf16 = bf16_bits(f32);
    int64_t integer =
        dtype == DTYPE_U8 || dtype == DTYPE_I32 || dtype == DTYPE_I64 ? (int64_t)value : 0;
    int32_t i32 = (int32_t)integer;

    switch (dtype) {
    case DTYPE_F64:
        memcpy(at, &value, sizeof value);
        break;
    case DTYPE_F32:
        memcpy(at, &f32, sizeof f32);
        break;
    case DTYPE_BF16:
        memcpy(at, &bf16, sizeof bf16);
        break;
    case DTYPE_U8:
        *(uint8_t *)at = (uint8_t)integer;
        break;
    case DTYPE_I32:
        memcpy(at, &i32, sizeof i32);
        break;
    case DTYPE_I64:
        memcpy(at, &integer, sizeof integer);
        break;
    }
}

static inline double number_rounded(double value, enum dtype dtype)
{
    number_put(&value, dtype, 0, value);
    return number_at(&value, dtype, 0);
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
