/* The table of element types. Sources may be unaligned, so every load is a memcpy. */
#include "store/element.h"

#include <math.h>
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
        ((float *)target)[i] = bf16_value(upper);
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

/* ---- back to bytes ---- */

static uint32_t bits_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* To the nearest, ties to even, as every framework does. */
static uint16_t half_from_float(float value)
{
    uint32_t bits = bits_from_float(value), sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7FFFFFFFu;

    if (magnitude > 0x7F800000u) { /* NaN: the part of its payload that fits, at least one bit */
        uint32_t payload = magnitude >> 13 & 0x3FFu;
        return (uint16_t)(sign | 0x7C00u | (payload != 0 ? payload : 0x200u));
    }
    if (magnitude >= 0x47800000u) /* 2^16 and more, infinity */
        return (uint16_t)(sign | 0x7C00u);
    if (magnitude < 0x38800000u) /* below 2^-14: whole multiples of 2^-24 */
        return (uint16_t)(sign | (uint32_t)lrintf(float_from_bits(magnitude) * 0x1p24f));
    uint32_t rebased = magnitude - (112u << 23);
    return (uint16_t)(sign | (rebased + 0xFFFu + (rebased >> 13 & 1u)) >> 13);
}

static void narrow_float16(const void *source, int64_t n, unsigned char *target)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half = half_from_float(((const float *)source)[i]);
        memcpy(target + i * (int64_t)sizeof half, &half, sizeof half);
    }
}

static uint16_t bfloat16_from_float(float value)
{
    uint32_t bits = bits_from_float(value);

    if (isnan(value)) /* with the part of its payload that fits, at least one bit */
        return (uint16_t)(bits >> 16 | ((bits & 0x7F0000u) == 0 ? 0x40u : 0u));
    return bf16_bits(value);
}

static void narrow_bfloat16(const void *source, int64_t n, unsigned char *target)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t upper = bfloat16_from_float(((const float *)source)[i]);
        memcpy(target + i * (int64_t)sizeof upper, &upper, sizeof upper);
    }
}

static void narrow_int32(const void *source, int64_t n, unsigned char *target)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t value = (int32_t)((const int64_t *)source)[i];
        memcpy(target + i * (int64_t)sizeof value, &value, sizeof value);
    }
}

static void narrow_int16(const void *source, int64_t n, unsigned char *target)
{
    for (int64_t i = 0; i < n; i++) {
        int16_t value = (int16_t)((const int64_t *)source)[i];
        memcpy(target + i * (int64_t)sizeof value, &value, sizeof value);
    }
}

static void narrow_byte(const void *source, int64_t n, unsigned char *target)
{
    for (int64_t i = 0; i < n; i++)
        target[i] = (unsigned char)((const int64_t *)source)[i];
}

static const struct element elements[] = {
    {"float32", "FloatStorage", "F32", 4, DTYPE_F32, convert_float32, NULL},
    {"float64", "DoubleStorage", "F64", 8, DTYPE_F64, convert_float64, NULL},
    {"float16", "HalfStorage", "F16", 2, DTYPE_F32, convert_float16, narrow_float16},
    {"bfloat16", "BFloat16Storage", "BF16", 2, DTYPE_F32, convert_bfloat16, narrow_bfloat16},
    {"int64", "LongStorage", "I64", 8, DTYPE_I64, convert_int64, NULL},
    {"int32", "IntStorage", "I32", 4, DTYPE_I64, convert_int32, narrow_int32},
    {"int16", "ShortStorage", "I16", 2, DTYPE_I64, convert_int16, narrow_int16},
    {"int8", "CharStorage", "I8", 1, DTYPE_I64, convert_int8, narrow_byte},
    {"uint8", "ByteStorage", "U8", 1, DTYPE_I64, convert_uint8, narrow_byte},
    {"bool", "BoolStorage", "BOOL", 1, DTYPE_I64, convert_bool, narrow_byte},
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

const struct element *element_by_code(const char *code)
{
    for (int i = 0; i < N_ELEMENTS; i++)
        if (strcmp(elements[i].code, code) == 0)
            return &elements[i];
    return NULL;
}

const struct element *element_of(const char *stored_dtype, enum dtype dtype)
{
    const struct element *element = stored_dtype != NULL ? element_by_name(stored_dtype) : NULL;

    if (element != NULL && element->dtype == dtype)
        return element;
    return element_by_name(dtype == DTYPE_F32   ? "float32"
                           : dtype == DTYPE_F64 ? "float64"
                           : dtype == DTYPE_U8  ? "uint8"
                           : dtype == DTYPE_I32 ? "int32"
                                                : "int64");
}
