/* Numbers as devices hold them. bf16 is the upper half of a float32. */
#include "kernels/kernel_test.h"

#include <float.h>
#include <math.h>
#include <string.h>

static uint16_t to_bf16(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return 0x7FFF;
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16); /* to nearest, ties to even */
}

static float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

double number_at(const void *numbers, enum dtype dtype, int64_t i)
{
    const char *at = (const char *)numbers + dtype_bytes(dtype) * (size_t)i;
    double wide = 0;
    float single;
    uint16_t half;
    int32_t integer;

    switch (dtype) {
    case DTYPE_F32:
        memcpy(&single, at, sizeof single);
        return (double)single;
    case DTYPE_BF16:
        memcpy(&half, at, sizeof half);
        return (double)from_bf16(half);
    case DTYPE_I32:
        memcpy(&integer, at, sizeof integer);
        return integer;
    default:
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
}

void number_put(void *numbers, enum dtype dtype, int64_t i, double value)
{
    char *at = (char *)numbers + dtype_bytes(dtype) * (size_t)i;
    float single = (float)value;
    uint16_t half = to_bf16(single);

    if (dtype == DTYPE_F32)
        memcpy(at, &single, sizeof single);
    else if (dtype == DTYPE_BF16)
        memcpy(at, &half, sizeof half);
    else
        memcpy(at, &value, sizeof value);
}

double number_rounded(double value, enum dtype dtype)
{
    number_put(&value, dtype, 0, value);
    return number_at(&value, dtype, 0);
}

double number_rounding(enum dtype dtype)
{
    return dtype == DTYPE_F32    ? (double)FLT_EPSILON / 2
           : dtype == DTYPE_BF16 ? 0x1p-8
                                 : DBL_EPSILON / 2;
}

double arithmetic_epsilon(const struct device *device)
{
    return device_real(device) == DTYPE_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}
