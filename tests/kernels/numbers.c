/* Numbers as devices hold them, and how exact they are. */
#include "kernels/kernel_test.h"

#include <float.h>
#include <string.h>

void numbers_narrow(const struct tensor *wide, enum dtype dtype, void *out)
{
    if (dtype == wide->dtype) {
        memcpy(out, wide->data, tensor_bytes(wide));
        return;
    }
    for (int64_t i = 0; i < tensor_elements(wide); i++)
        number_put(out, dtype, i, reals(wide)[i]);
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
