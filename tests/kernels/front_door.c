/* The front door's refusals, by their messages: what was wrong, found and wanted. */
#include "kernels/refusal.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <string.h>

static union op_any good_conv2d(struct fixture *fixture)
{
    return (union op_any){.conv2d_forward = {.x = REAL(0, 4, 2, 8, 7, 3),
                                             .weight = REAL(1, 4, 5, 3, 3, 3),
                                             .y = REAL(2, 4, 2, 4, 4, 5),
                                             .factor = 1,
                                             .stride = 2,
                                             .padding = 1}};
}

static void test_shapes(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = good_conv2d(fixture);

    expect_welcome(fixture, OP_conv2d_forward, &op);
    op.conv2d_forward.weight = REAL(1, 4, 5, 3, 3, 4);
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: weight is [5, 3, 3, 4], expected [K, R, S, C = 3]");
    op.conv2d_forward.weight = REAL(1, 3, 5, 3, 3);
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: weight is [5, 3, 3], expected [K, R, S, C = 3]");
    op = good_conv2d(fixture);
    op.conv2d_forward.x.shape[0] = 0;
    expect_refusal(
        fixture, OP_conv2d_forward, &op,
        "conv2d_forward: x is [0, 8, 7, 3], expected at most 4 dimensions, each at least 1");
    op.conv2d_forward.x = REAL(0, 4, INT64_MAX / 4, 8, 7, 3); /* bytes overflow */
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: x is [2305843009213693951, 8, 7, 3], expected at most 4 "
                   "dimensions, each at least 1");
    op = (union op_any){.relu_forward = {.x = REAL(0, 2, 2, 3), .y = REAL(1, 2, 3, 2)}};
    expect_refusal(fixture, OP_relu_forward, &op, "relu_forward: y is [3, 2], expected [..]");
}

static void test_types(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = good_conv2d(fixture);

    op.conv2d_forward.x.dtype = DTYPE_F32;
    expect_refusal(fixture, OP_conv2d_forward, &op, "conv2d_forward: x is f32, expected f64");
    op = (union op_any){.softmax_cross_entropy = {.logits = REAL(0, 2, 4, 10),
                                                  .labels = REAL(1, 1, 4),
                                                  .loss = REAL(2, 1, 1)}};
    expect_refusal(fixture, OP_softmax_cross_entropy, &op,
                   "softmax_cross_entropy: labels is f64, expected i32");
}

static void test_presence(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.linear_forward = {.x = REAL(0, 2, 4, 3),
                                          .weight = REAL(1, 2, 2, 3),
                                          .y = REAL(2, 2, 4, 2)}};

    expect_welcome(fixture, OP_linear_forward, &op); /* without its optional bias */
    op.linear_forward.y.data = NULL;
    expect_refusal(fixture, OP_linear_forward, &op,
                   "linear_forward: y is absent, expected f64 [.., K = 2]");
}

static void test_overlap(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {
        .relu_backward = {.y = REAL(0, 1, 6), .d_y = REAL(1, 1, 6), .d_x = REAL(1, 1, 6)}};

    expect_welcome(fixture, OP_relu_backward, &op); /* exactly, as allowed */
    op.relu_backward.d_x.data = fixture->memory[1] + 2;
    expect_refusal(fixture, OP_relu_backward, &op,
                   "relu_backward: d_x overlaps part of d_y, expected all or none of it");
    op.relu_backward.d_x.data = fixture->memory[0];
    expect_refusal(fixture, OP_relu_backward, &op,
                   "relu_backward: d_x overlaps y, expected memory of its own");
    op.relu_backward.d_x.data = fixture->memory[1] + 6; /* right behind */
    expect_welcome(fixture, OP_relu_backward, &op);
    op = good_conv2d(fixture);
    op.conv2d_forward.y.data = fixture->memory[0] + 2 * 8 * 7 * 3 - 1; /* the last element */
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: y overlaps x, expected memory of its own");
    op = (union op_any){.add = {.a = REAL(0, 1, 6), .b = REAL(0, 1, 6), .y = REAL(0, 1, 6)}};
    expect_welcome(fixture, OP_add, &op);
}

static void test_conv2d(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = good_conv2d(fixture);

    op.conv2d_forward.stride = 0;
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: stride is 0, padding is 1, expected at least 1 and at least 0");
    op.conv2d_forward.stride = 1;
    expect_refusal(fixture, OP_conv2d_forward, &op, "conv2d_forward: P is 4, expected 8");
    op = good_conv2d(fixture);
    op.conv2d_forward.y = REAL(2, 4, 2, 4, 3, 5);
    expect_refusal(fixture, OP_conv2d_forward, &op, "conv2d_forward: Q is 3, expected 4");
    op = (union op_any){.conv2d_backward_data = {.d_y = REAL(0, 4, 1, 1, 1, 2),
                                                 .weight = REAL(1, 4, 2, 5, 1, 3),
                                                 .d_x = REAL(2, 4, 1, 2, 1, 3),
                                                 .factor = 1,
                                                 .stride = 1,
                                                 .padding = 1}};
    expect_refusal(fixture, OP_conv2d_backward_data, &op,
                   "conv2d_backward_data: R is 5, expected at most 4 (H and padding)");
}

static void test_multiple_of_conv2d(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = good_conv2d(fixture);

    op.conv2d_forward.factor = 0;
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: factor is 0, expected a finite number that is not 0");
    op.conv2d_forward.factor = 2;
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: R is 3, S is 3, stride is 2, padding is 1, expected 1, 1, 1 "
                   "and 0 with an addend or a factor other than 1");
    op.conv2d_forward = (struct conv2d_forward){.x = REAL(0, 4, 2, 4, 3, 2),
                                                .weight = REAL(1, 4, 5, 1, 1, 2),
                                                .y = REAL(2, 4, 2, 4, 3, 5),
                                                .addend = REAL(2, 4, 2, 4, 3, 5),
                                                .factor = 2,
                                                .stride = 1};
    expect_welcome(fixture, OP_conv2d_forward, &op); /* in place */
    op.conv2d_forward.stride = 2;
    op.conv2d_forward.y = op.conv2d_forward.addend = REAL(2, 4, 2, 2, 2, 5);
    op.conv2d_forward.factor = 1;
    expect_refusal(fixture, OP_conv2d_forward, &op,
                   "conv2d_forward: R is 1, S is 1, stride is 2, padding is 0, expected 1, 1, 1 "
                   "and 0 with an addend or a factor other than 1");
    op = (union op_any){.conv2d_backward_weight = {.x = REAL(0, 4, 2, 4, 3, 2),
                                                   .d_y = REAL(1, 4, 2, 2, 1, 5),
                                                   .d_weight = REAL(2, 4, 5, 3, 3, 2),
                                                   .factor = 0.5,
                                                   .stride = 1}};
    expect_refusal(fixture, OP_conv2d_backward_weight, &op,
                   "conv2d_backward_weight: R is 3, S is 3, stride is 1, padding is 0, expected 1, "
                   "1, 1 and 0 with an addend or a factor other than 1");
}

static void test_batch_norm(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.batch_norm_statistics = {.x = REAL(0, 4, 1, 1, 1, 3),
                                                 .mean = REAL(1, 1, 3),
                                                 .variance = REAL(2, 1, 3),
                                                 .momentum = 0.1}};

    expect_refusal(fixture, OP_batch_norm_statistics, &op,
                   "batch_norm_statistics: x has 1 row per channel, expected at least 2");
    op.batch_norm_statistics.x = REAL(0, 2, 4, 3);
    expect_welcome(fixture, OP_batch_norm_statistics, &op);
    op.batch_norm_statistics.running_mean = REAL(3, 1, 3);
    expect_refusal(fixture, OP_batch_norm_statistics, &op,
                   "batch_norm_statistics: running_mean and running_variance: got one, expected "
                   "both or neither");
    op.batch_norm_statistics.running_variance = REAL(4, 1, 3);
    op.batch_norm_statistics.momentum = 1.5;
    expect_refusal(fixture, OP_batch_norm_statistics, &op,
                   "batch_norm_statistics: momentum is 1.5, expected a number in [0, 1]");
    op = (union op_any){.batch_norm_gradient_apply = {.x = REAL(0, 2, 4, 3),
                                                      .d_y = REAL(1, 2, 4, 3),
                                                      .mean = REAL(2, 1, 3),
                                                      .variance = REAL(3, 1, 3),
                                                      .weight = REAL(4, 1, 3),
                                                      .d_weight = REAL(5, 1, 3),
                                                      .d_x = REAL(6, 2, 4, 3),
                                                      .epsilon = 1e-5}};
    expect_refusal(
        fixture, OP_batch_norm_gradient_apply, &op,
        "batch_norm_gradient_apply: d_weight and d_bias: got one, expected both or neither");
    op.batch_norm_gradient_apply.d_weight.data = NULL;
    op.batch_norm_gradient_apply.epsilon = 0;
    expect_refusal(fixture, OP_batch_norm_gradient_apply, &op,
                   "batch_norm_gradient_apply: epsilon is 0, expected more than 0");
}

static void test_shortcut_pad(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {
        .shortcut_pad_forward = {.x = REAL(0, 4, 1, 5, 5, 4), .y = REAL(1, 4, 1, 3, 3, 7)}};

    expect_refusal(fixture, OP_shortcut_pad_forward, &op,
                   "shortcut_pad_forward: K − C is 3, expected an even number of at least 0");
    op.shortcut_pad_forward.y = REAL(1, 4, 1, 2, 3, 8);
    expect_refusal(fixture, OP_shortcut_pad_forward, &op,
                   "shortcut_pad_forward: P is 2, expected 3");
}

static void test_dropout(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.dropout = {.x = REAL(0, 2, 4, 3),
                                   .samples = {fixture->memory[1], DTYPE_I32, 1, {4}},
                                   .epoch = {fixture->memory[2], DTYPE_I32, 1, {1}},
                                   .y = REAL(3, 2, 4, 3),
                                   .probability = 1}};

    expect_refusal(fixture, OP_dropout, &op,
                   "dropout: probability is 1, expected a number in [0, 1)");
    op.dropout.probability = 0.5;
    op.dropout.layer = 1u << 24;
    expect_refusal(fixture, OP_dropout, &op, "dropout: layer is 16777216, expected less than 2^24");
    op.dropout.layer = 1;
    op.dropout.samples.shape[0] = 5;
    expect_refusal(fixture, OP_dropout, &op, "dropout: samples is [5], expected [N = 4]");
}

static void test_devices(void **state)
{
    const struct device_settings settings = {.n_threads = 0};
    struct device *device = NULL;

    (void)state;
    assert_ptr_equal(backend_find("ref"), &backend_ref);
    assert_null(backend_find("abacus"));
    assert_int_equal(device_open(&backend_ref, &settings, &device), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "backend 'ref': n_threads must be at least 1, got 0");
    assert_null(device);
    device_close(NULL);
}

/* A backend without an operation says so when a graph asks for it, not by a crash. */
static void test_gap(void **state)
{
    struct fixture *fixture = *state;
    struct backend partial = backend_ref;
    struct prepared *prepared = NULL;
    union op_any op = {.scale = {.x = REAL(0, 1, 6), .y = REAL(1, 1, 6), .factor = 2}};

    partial.name = "partial";
    partial.kernels.scale.prepare = NULL;
    device_base(fixture->device)->backend = &partial;
    assert_int_equal(kernel_prepare(fixture->device, OP_scale, &op, &prepared), STATUS_UNSUPPORTED);
    assert_string_equal(status_message(),
                        "backend 'partial' has no scale yet; choose --device cpu");
    device_base(fixture->device)->backend = &backend_ref;
}

static void test_layer_norm(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.layer_norm_forward = {.x = REAL(0, 3, 2, 3, 4),
                                              .weight = REAL(1, 1, 4),
                                              .bias = REAL(2, 1, 4),
                                              .y = REAL(3, 3, 2, 3, 4),
                                              .epsilon = 1e-6}};

    expect_welcome(fixture, OP_layer_norm_forward, &op);
    op.layer_norm_forward.mean = REAL(4, 2, 2, 3);
    expect_refusal(
        fixture, OP_layer_norm_forward, &op,
        "layer_norm_forward: mean and inverse_deviation: got one, expected both or neither");
    op.layer_norm_forward.mean = (struct tensor){0};
    op.layer_norm_forward.sum = REAL(4, 3, 2, 3, 4);
    expect_refusal(fixture, OP_layer_norm_forward, &op,
                   "layer_norm_forward: residual and sum: got one, expected both or neither");
    op.layer_norm_forward.sum = (struct tensor){0};
    op.layer_norm_forward.epsilon = 0;
    expect_refusal(fixture, OP_layer_norm_forward, &op,
                   "layer_norm_forward: epsilon is 0, expected more than 0");
    op.layer_norm_forward.bias = REAL(2, 1, 3);
    expect_refusal(fixture, OP_layer_norm_forward, &op,
                   "layer_norm_forward: bias is [3], expected [C = 4]");
    op = (union op_any){.layer_norm_backward = {.x = REAL(0, 2, 3, 4),
                                                .d_y = REAL(1, 2, 3, 4),
                                                .mean = REAL(2, 1, 3),
                                                .inverse_deviation = REAL(3, 1, 3),
                                                .weight = REAL(4, 1, 4),
                                                .addend = REAL(1, 2, 3, 4)}};
    expect_refusal(fixture, OP_layer_norm_backward, &op,
                   "layer_norm_backward: d_x is absent, but there is an addend");
}

static void test_tokens(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.patch_tokens_forward = {.x = REAL(0, 4, 2, 2, 3, 4),
                                                .bias = REAL(1, 1, 4),
                                                .position = REAL(2, 2, 6, 4),
                                                .y = REAL(3, 3, 2, 6, 4)}};

    expect_welcome(fixture, OP_patch_tokens_forward, &op);
    op.patch_tokens_forward.position = REAL(2, 2, 5, 4);
    op.patch_tokens_forward.y = REAL(3, 3, 2, 5, 4);
    expect_refusal(fixture, OP_patch_tokens_forward, &op,
                   "patch_tokens_forward: T is 5, expected 6 (P·Q)");
    op = (union op_any){.columns_take = {.x = REAL(0, 2, 3, 6), .y = REAL(1, 2, 3, 2), .first = 4}};
    expect_welcome(fixture, OP_columns_take, &op);
    op.columns_take.first = 5;
    expect_refusal(fixture, OP_columns_take, &op,
                   "columns_take: columns are 5 to 6, expected within C = 6");
}

static void test_attention(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {
        .attention_forward = {.qkv = REAL(0, 3, 1, 4, 12), .y = REAL(1, 3, 1, 4, 4), .n_heads = 2}};

    expect_welcome(fixture, OP_attention_forward, &op);
    op.attention_forward.probabilities = REAL(2, 4, 1, 1, 4, 4);
    expect_refusal(fixture, OP_attention_forward, &op,
                   "attention_forward: G is 1, expected n_heads = 2");
    op.attention_forward.probabilities = REAL(2, 4, 1, 2, 4, 3);
    expect_refusal(
        fixture, OP_attention_forward, &op,
        "attention_forward: probabilities is [1, 2, 4, 3], expected [N = 1, G, T = 4, T = 4]");
    op.attention_forward.probabilities = (struct tensor){0};
    op.attention_forward.n_heads = 3;
    expect_refusal(fixture, OP_attention_forward, &op,
                   "attention_forward: n_heads is 3, expected a divisor of C = 4");
    op.attention_forward.n_heads = 2;
    op.attention_forward.qkv = REAL(0, 3, 1, 4, 11);
    expect_refusal(fixture, OP_attention_forward, &op,
                   "attention_forward: E is 11, expected 12 (3·C)");
}

static void test_memory(void **state)
{
    struct fixture *fixture = *state;
    const int32_t numbers[3] = {1, 2, 3};
    int32_t found[3] = {0};
    void *memory = NULL;
    int64_t before = device_base(fixture->device)->n_allocations;

    ok(device_alloc(fixture->device, sizeof numbers, &memory));
    assert_int_equal((uintptr_t)memory % 64, 0);
    assert_int_equal(device_base(fixture->device)->n_allocations, before + 1);
    ok(queue_upload(device_queue(fixture->device), memory, numbers, sizeof numbers));
    ok(queue_download(device_queue(fixture->device), found, memory, sizeof found));
    assert_memory_equal(found, numbers, sizeof numbers);
    ok(queue_zero(device_queue(fixture->device), memory, sizeof numbers));
    ok(queue_download(device_queue(fixture->device), found, memory, sizeof found));
    assert_int_equal(found[0] | found[1] | found[2], 0);
    device_free(fixture->device, memory);
    device_free(fixture->device, NULL);
    memory = NULL;
    assert_int_equal(device_alloc(fixture->device, SIZE_MAX - 10, &memory), STATUS_OUT_OF_MEMORY);
    assert_null(memory);
    assert_true(strstr(status_message(), "out of memory allocating") != NULL);
}

/* Where nothing runs behind the caller's back, values arrive at once, in their order. */
static void test_readback(void **state)
{
    enum { CAPACITY = 3, N = 2 };
    struct fixture *fixture = *state;
    struct readback *readback = NULL;
    double *numbers = fixture->memory[0], value = 0;
    bool has_value = true;

    assert_false(device_is_asynchronous(fixture->device));
    ok(readback_create(device_queue(fixture->device), sizeof value, CAPACITY, &readback));
    for (int round = 0; round < 3; round++) { /* the ring goes round */
        for (int i = 0; i < N; i++) {
            numbers[i] = 10 * round + i;
            ok(readback_push(readback, &numbers[i]));
            numbers[i] = -1;
        }
        for (int i = 0; i <= N; i++) {
            ok(readback_pop(readback, false, &value, &has_value));
            assert_int_equal(has_value, i < N);
            assert_true(value == 10 * round + (i < N ? i : N - 1));
        }
    }
    readback_destroy(readback);
    readback_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),     cmocka_unit_test(test_types),
        cmocka_unit_test(test_presence),   cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_conv2d),     cmocka_unit_test(test_multiple_of_conv2d),
        cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_shortcut_pad),
        cmocka_unit_test(test_dropout),    cmocka_unit_test(test_devices),
        cmocka_unit_test(test_memory),     cmocka_unit_test(test_gap),
        cmocka_unit_test(test_layer_norm), cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_attention),  cmocka_unit_test(test_readback),
    };

    return cmocka_run_group_tests(tests, refusal_setup, refusal_teardown);
}
