/* How exact the numbers of devices are. */
#include "kernels/kernel_test.h"

#include <float.h>

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
