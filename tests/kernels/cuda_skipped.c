/* What a GPU's library lacks is skipped by the kernel check, not failed, and only that: our kernels
 * are checked all the same. */
#include "kernels/cuda/host/host_gpu.h"
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

static struct device *open_device(void)
{
    const struct device_settings settings = {.n_threads = 1, .precision = PRECISION_BF16};

    return test_device_of("cuda_host", &settings);
}

static void test_library_without_proposals(void **state)
{
    struct device *device = open_device();
    const enum op_kind kinds[] = {OP_conv2d_forward, OP_conv2d_backward_weight, OP_linear_forward};

    (void)state;
    host_gpu_reset();
    host_gpu()->n_proposals = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_cases(device, kinds[i]);
    check_adjoint(device, OP_conv2d_backward_data, 0);
    assert_true(host_gpu()->n_asked > 0);
    assert_int_equal(host_gpu()->n_plans, 0);
    check_cases(device, OP_relu_forward);
    device_close(device);
}

static void test_what_counts_as_lacking(void **state)
{
    struct device *gpu = open_device(), *cpu = test_device("cpu", 1);

    (void)state;
    assert_true(test_is_lacking(gpu, OP_conv2d_forward, STATUS_UNSUPPORTED));
    assert_false(test_is_lacking(gpu, OP_conv2d_forward, STATUS_DEVICE));
    assert_false(test_is_lacking(gpu, OP_conv2d_forward, STATUS_OK));
    assert_false(test_is_lacking(gpu, OP_relu_forward, STATUS_UNSUPPORTED));
    assert_false(test_is_lacking(cpu, OP_conv2d_forward, STATUS_UNSUPPORTED));
    device_close(gpu);
    device_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_without_proposals),
        cmocka_unit_test(test_what_counts_as_lacking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
