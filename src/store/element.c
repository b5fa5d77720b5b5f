/* The table of element types. Sources may be unaligned, so every load is a memcpy. */
#include "store/element.h"

#include <string.h>

static void convert_float64(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((double *)target + i, source + i * stride, sizeof(double));
}

static void convert_float32(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((float *)target + i, source + i * stride, sizeof(float));
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1Fu, fraction = half & 0x3FFu;

    if (exponent == 0) { /* zero or subnormal: fraction · 2^-24, exact in float */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    if (exponent == 31) /* infinity, NaN */
        return float_from_bits(sign | 0x7F800000u | fraction << 13);
    return float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static void convert_float16(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, source + i * stride, sizeof half);
        ((float *)target)[i] = float_from_half(half);
    }
}

static void convert_bfloat16(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t upper;
        memcpy(&upper, source + i * stride, sizeof upper);
        ((float *)target)[i] = float_from_bits((uint32_t)upper << 16);
    }
}

static void convert_int64(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++)
        memcpy((int64_t *)target + i, source + i * stride, sizeof(int64_t));
}

static void convert_int32(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t value;
        memcpy(&value, source + i * stride, sizeof value);
        ((int64_t *)target)[i] = value;
    }
}

static void convert_int16(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++) {
        int16_t value;
        memcpy(&value, source + i * stride, sizeof value);
        ((int64_t *)target)[i] = value;
    }
}

static void convert_int8(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t byte = source[i * stride];
        ((int64_t *)target)[i] = byte < 128 ? byte : byte - 256;
    }
}

static void convert_uint8(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)target)[i] = source[i * stride];
}

static void convert_bool(const unsigned char *source, int64_t stride, int64_t n, void *target)
{
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)target)[i] = source[i * stride] != 0;
}

static const struct element elements[] = {
    {"float32", "FloatStorage", 4, DTYPE_F32, convert_float32},
    {"float64", "DoubleStorage", 8, DTYPE_F64, convert_float64},
    {"float16", "HalfStorage", 2, DTYPE_F32, convert_float16},
    {"bfloat16", "BFloat16Storage", 2, DTYPE_F32, convert_bfloat16},
    {"int64", "LongStorage", 8, DTYPE_I64, convert_int64},
    {"int32", "IntStorage", 4, DTYPE_I64, convert_int32},
    {"int16", "ShortStorage", 2, DTYPE_I64, convert_int16},
    {"int8", "CharStorage", 1, DTYPE_I64, convert_int8},
    {"uint8", "ByteStorage", 1, DTYPE_I64, convert_uint8},
    {"bool", "BoolStorage", 1, DTYPE_I64, convert_bool},
};
enum { N_ELEMENTS = sizeof elements / sizeof elements[0] };

const struct element *element_by_class(const char *storage_class)
{
    for (int i = 0; i < N_ELEMENTS; i++)
        if (strcmp(elements[i].storage_class, storage_class) == 0)
            return &elements[i];
    return NULL;
}

const struct element *element_by_name(const char *name)
{
    for (int i = 0; i < N_ELEMENTS; i++)
        if (strcmp(elements[i].name, name) == 0)
            return &elements[i];
    return NULL;
}
