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

/* So many places of the filters that a thread has more than one pack of patches: 2112 blocks of 256
 * threads are one wave, and a place has two packs. Small integers, whose sums are exact. */
enum { SIDE = 521, N_PIXELS = SIDE * SIDE, N_TAPS = 9 };

static double pixel_at(const double *pixels, int h, int w)
{
    return h >= 0 && h < SIDE && w >= 0 && w < SIDE ? pixels[h * SIDE + w] : 0;
}

static void check_waves(enum op_kind kind, const double *from, const double *filter,
                        const double *found)
{
    int turn = kind == OP_conv2d_forward ? 1 : -1; /* the data's gradient looks the other way */

    for (int i = 0; i < N_PIXELS; i++) {
        double wanted = 0;
        for (int tap = 0; tap < N_TAPS; tap++)
            wanted += filter[tap] * pixel_at(from, i / SIDE + turn * (tap / 3 - 1),
                                             i % SIDE + turn * (tap % 3 - 1));
        check_near(found[i], wanted, 0, op_info(kind)->name);
    }
}

static void more_than_one_wave(void **state)
{
    const struct device_settings settings = {.n_threads = 1};
    struct device *device = test_device_of("cuda_host", &settings);
    struct arena *arena = test_arena();
    double *from = test_reals(arena, N_PIXELS), *to = test_reals(arena, N_PIXELS);
    double filter[N_TAPS];
    const struct tensor map = {from, DTYPE_F64, 4, {1, SIDE, SIDE, 1}};
    const struct tensor out = {to, DTYPE_F64, 4, {1, SIDE, SIDE, 1}};
    const struct tensor weight = {filter, DTYPE_F64, 4, {1, 3, 3, 1}};
    union op_any forward = {
        .conv2d_forward = {
            .x = map, .weight = weight, .y = out, .factor = 1, .stride = 1, .padding = 1}};
    union op_any data = {
        .conv2d_backward_data = {
            .d_y = map, .weight = weight, .d_x = out, .factor = 1, .stride = 1, .padding = 1}};

    (void)state;
    host_gpu_reset();
    host_gpu()->lacks_convolutions = true;
    for (int i = 0; i < N_PIXELS; i++)
        from[i] = i * 7 % 11 - 5;
    for (int i = 0; i < N_TAPS; i++)
        filter[i] = i * 5 % 7 - 3;
    assert_true(run_on(device, OP_conv2d_forward, &forward));
    check_waves(OP_conv2d_forward, from, filter, to);
    assert_true(run_on(device, OP_conv2d_backward_data, &data));
    check_waves(OP_conv2d_backward_data, from, filter, to);
    arena_destroy(arena);
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
    ok(kernel_prepare(device, OP_conv2d_forward, &op, &prepared));
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
        cmocka_unit_test(more_than_one_wave),
        cmocka_unit_test(patches_have_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
