/* Convolutions of a library that has none: products of patches, through the same kernel check. */
#include "kernels/cuda/host/host_gpu.h"
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <stdint.h>

static void all_parts_by_patches(void **state)
{
    static const enum op_kind kinds[] = {OP_conv2d_forward, OP_conv2d_backward_data,
                                         OP_conv2d_backward_weight};
    const struct device_settings *settings = *state;
    struct device *device = test_device_of("cuda_host", settings);

    host_gpu_reset();
    host_gpu()->lacks_convolutions = true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_cases(device, kinds[i]);
    device_close(device);
}

/* That they say so, and that a convolution that is a product anyway does not become another. */
static void patches_have_a_name(void **state)
{
    const struct device_settings settings = {.n_threads = 1};
    struct device *device = test_device_of("cuda_host", &settings);
    struct prepared *prepared = NULL;
    const uintptr_t far = (uintptr_t)1 << 30; /* nobody looks at what is there */

    (void)state;
    host_gpu_reset();
    host_gpu()->lacks_convolutions = true;
    union op_any op = {.conv2d_forward = {.x = {(void *)far, DTYPE_F32, 4, {2, 4, 4, 3}},
                                          .weight = {(void *)(2 * far), DTYPE_F32, 4, {5, 3, 3, 3}},
                                          .y = {(void *)(3 * far), DTYPE_F32, 4, {2, 4, 4, 5}},
                                          .factor = 1,
                                          .stride = 1,
                                          .padding = 1}};
    check_ok(kernel_prepare(device, OP_conv2d_forward, &op, &prepared));
    assert_string_equal(prepared->implementation, "product of patches");
    kernel_release(device, OP_conv2d_forward, prepared);
    op.conv2d_forward.x.shape[0] = 1 << 21; /* 4 GiB of patches */
    op.conv2d_forward.y.shape[0] = 1 << 21;
    assert_int_equal(kernel_prepare(device, OP_conv2d_forward, &op, &prepared), STATUS_UNSUPPORTED);
    device_close(device);
}

int main(void)
{
    static struct device_settings in_fp32 = {.n_threads = 1},
                                  in_bf16 = {.n_threads = 1, .precision = PRECISION_BF16};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(all_parts_by_patches, &in_fp32),
        cmocka_unit_test_prestate(all_parts_by_patches, &in_bf16),
        cmocka_unit_test(patches_have_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
