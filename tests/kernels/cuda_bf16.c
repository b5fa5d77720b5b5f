/* Precision bf16 on the cuda backend's substitute: who has it, its bits, what the front door then
 * wants, and a library that cannot write a weight's gradient. Values are the kernel test's. */
#include "kernels/bf16_bits.h"
#include "kernels/substitute.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const struct device_settings in_bf16 = {.n_threads = 1, .precision = PRECISION_BF16};

/* A precision that a device lacks is no other one's name. */
static void test_precision_without_a_gpu(void **state)
{
    struct device *device = NULL;

    (void)state;
    fails_with(device_open(&backend_cpu, &in_bf16, &device), STATUS_UNSUPPORTED,
               "device 'cpu' does not compute in precision bf16; choose precision: fp32, or a GPU");
    fails_with(device_open(&backend_ref, &in_bf16, &device), STATUS_UNSUPPORTED,
               "device 'ref' does not compute in precision bf16; choose precision: fp32, or a GPU");
    assert_null(device);
}

static uint16_t bits_of(uint32_t single)
{
    float value;

    memcpy(&value, &single, sizeof value);
    return bf16_bits(value);
}

/* Every half is itself; what lies between it and the next, larger one goes to the nearer of them,
 * from half way to the even one. After the largest comes infinity. */
static void test_bits(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= 0xFFFF; half++) {
        uint32_t single = half << 16;
        if (isnan(bf16_value((uint16_t)half))) {
            assert_int_equal(bits_of(single), 0x7FFF);
            continue;
        }
        assert_int_equal(bits_of(single), half);
        if (isinf(bf16_value((uint16_t)half)))
            continue;
        assert_int_equal(bits_of(single + 0x7FFF), half);
        assert_int_equal(bits_of(single + 0x8000), half + half % 2);
        assert_int_equal(bits_of(single + 0x8001), half + 1);
    }
}

/* Maps and factors are bf16, all else is f32. */
static void test_types(void **state)
{
    struct device *device = substitute_open(PRECISION_BF16);
    struct prepared *prepared = NULL;
    void *memory = NULL;

    (void)state;
    assert_int_equal(device_real(device), DTYPE_F32);
    assert_int_equal(device_map(device), DTYPE_BF16);
    ok(device_alloc(device, 4096, &memory));
    struct tensor map = {memory, DTYPE_BF16, 2, {4, 8}}, real = {memory, DTYPE_F32, 2, {4, 8}};
    struct tensor labels = {(char *)memory + 1024, DTYPE_I32, 1, {4}};
    struct tensor loss = {(char *)memory + 2048, DTYPE_F32, 1, {1}};
    union op_any relu = {.relu_forward = {.x = real, .y = map}};
    union op_any entropy = {
        .softmax_cross_entropy = {.logits = map, .labels = labels, .loss = loss}};
    fails_with(kernel_prepare(device, OP_relu_forward, &relu, &prepared), STATUS_BAD_CONFIG,
               "relu_forward: x is f32, expected bf16");
    fails_with(kernel_prepare(device, OP_softmax_cross_entropy, &entropy, &prepared),
               STATUS_BAD_CONFIG, "softmax_cross_entropy: logits is bf16, expected f32");
    entropy.softmax_cross_entropy.logits = real;
    entropy.softmax_cross_entropy.d_logits = map; /* in place, where it is not as long */
    fails_with(
        kernel_prepare(device, OP_softmax_cross_entropy, &entropy, &prepared), STATUS_BAD_CONFIG,
        "softmax_cross_entropy: d_logits overlaps part of logits, expected all or none of it");
    assert_null(prepared);
    device_free(device, memory);
    device_close(device);
}

/* ---- a weight's gradient that the library cannot write ---- */

enum { N_X = 2 * 4 * 4 * 3, N_D_Y = 2 * 4 * 4 * 5, N_D_WEIGHT = 5 * 3 * 3 * 3 };

/* Its tensors hold numbers that are exact in bf16; sums of their products are not. */
static union op_any weight_gradient(char *memory)
{
    return (union op_any){
        .conv2d_backward_weight = {.x = {memory, DTYPE_BF16, 4, {2, 4, 4, 3}},
                                   .d_y = {memory + 1024, DTYPE_BF16, 4, {2, 4, 4, 5}},
                                   .d_weight = {memory + 2048, DTYPE_F32, 4, {5, 3, 3, 3}},
                                   .factor = 1,
                                   .stride = 1,
                                   .padding = 1}};
}

static void run_weight_gradient(const char *name, float found[N_D_WEIGHT], size_t *workspace_bytes)
{
    struct device *device = substitute_open(PRECISION_BF16);
    struct prepared *prepared = NULL;
    uint16_t numbers[N_D_Y];
    void *memory = NULL;

    ok(device_alloc(device, 8192, &memory));
    for (int i = 0; i < N_D_Y; i++) /* 1 + i % 32 / 32: five bits behind the point */
        numbers[i] = (uint16_t)(0x3F80 + i * 7 % 32 * 4);
    ok(queue_upload(device_queue(device), memory, numbers, sizeof(uint16_t) * N_X));
    ok(queue_upload(device_queue(device), (char *)memory + 1024, numbers, sizeof numbers));
    union op_any op = weight_gradient(memory);
    ok(kernel_prepare(device, OP_conv2d_backward_weight, &op, &prepared));
    *workspace_bytes = prepared->workspace_bytes;
    assert_string_equal(prepared->implementation, name);
    op.workspace = (struct span){(char *)memory + 4096, 4096};
    ok(kernel_run(device_queue(device), OP_conv2d_backward_weight, prepared, &op));
    ok(queue_download(device_queue(device), found, (char *)memory + 2048,
                      N_D_WEIGHT * sizeof *found));
    kernel_release(device, OP_conv2d_backward_weight, prepared);
    device_free(device, memory);
    device_close(device);
}

/* Then bf16 is written, and widened: the same numbers, rounded. */
static void test_rounded_weight_gradient(void **state)
{
    float exact[N_D_WEIGHT], rounded[N_D_WEIGHT];
    size_t plain_bytes = 0, detour_bytes = 0;
    int n_rounded = 0;

    (void)state;
    run_weight_gradient("convolution", exact, &plain_bytes);
    host_gpu()->lacks_widening = true;
    run_weight_gradient("convolution, widened", rounded, &detour_bytes);
    assert_int_equal(detour_bytes - plain_bytes,
                     512); /* 135 numbers of 2 bytes, a multiple of 256 */
    for (int i = 0; i < N_D_WEIGHT; i++) {
        uint32_t bits;
        memcpy(&bits, &rounded[i], sizeof bits);
        assert_int_equal(bits & 0xFFFF, 0);
        assert_true(exact[i] > 16);
        assert_true(rounded[i] >= exact[i] * (1 - 0x1p-8F) &&
                    rounded[i] <= exact[i] * (1 + 0x1p-8F));
        n_rounded += rounded[i] != exact[i];
    }
    assert_true(n_rounded > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_precision_without_a_gpu, substitute_reset),
        cmocka_unit_test(test_bits),
        cmocka_unit_test_setup(test_types, substitute_reset),
        cmocka_unit_test_setup(test_rounded_weight_gradient, substitute_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
