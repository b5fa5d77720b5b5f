/* The front door's refusals of a training step's operations, by their messages; and what only the
 * data shows, which ref says at run. */
#include "kernels/refusal.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>

static void test_optimizers(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.sgd_step = {.gradient = REAL(0, 1, 9),
                                    .rates = REAL(1, 1, 2),
                                    .parameter = REAL(2, 1, 9),
                                    .momentum = 0.9}};

    expect_refusal(fixture, OP_sgd_step, &op, "sgd_step: velocity is absent, but momentum is 0.9");
    op.sgd_step.momentum = -1;
    expect_refusal(fixture, OP_sgd_step, &op, "sgd_step: momentum is -1, expected at least 0");
    op.sgd_step.momentum = 0;
    op.sgd_step.is_nesterov = true;
    expect_refusal(fixture, OP_sgd_step, &op,
                   "sgd_step: momentum is 0, expected more than 0 with is_nesterov");
    op.sgd_step.is_nesterov = false;
    op.sgd_step.decays = REAL(3, 1, 9);
    expect_refusal(fixture, OP_sgd_step, &op, "sgd_step: decays is f64, expected u8");
    op.sgd_step.decays.data = NULL;
    op.sgd_step.scale = REAL(3, 1, 2);
    expect_refusal(fixture, OP_sgd_step, &op, "sgd_step: scale is [2], expected [1]");
    op.sgd_step.scale.data = NULL;
    op.sgd_step.rates = REAL(1, 1, 3);
    expect_refusal(fixture, OP_sgd_step, &op, "sgd_step: rates is [3], expected [2]");
    op = (union op_any){.adam_step = {.gradient = REAL(0, 1, 9),
                                      .rates = REAL(1, 1, 2),
                                      .parameter = REAL(2, 1, 9),
                                      .first_moment = REAL(3, 1, 9),
                                      .second_moment = REAL(4, 1, 9),
                                      .beta1 = 0.9,
                                      .beta2 = 1}};
    expect_refusal(fixture, OP_adam_step, &op,
                   "adam_step: beta2 is 1, expected a number in [0, 1)");
    op.adam_step.beta2 = 0.999;
    op.adam_step.parameter.data = fixture->memory[0];
    expect_refusal(fixture, OP_adam_step, &op,
                   "adam_step: parameter overlaps gradient, expected memory of its own");
}

static void test_clip_scale(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {
        .clip_scale = {.gradient = REAL(0, 1, 9), .scale = REAL(1, 1, 1), .limit = 1}};

    expect_welcome(fixture, OP_clip_scale, &op);
    op.clip_scale.limit = 0;
    expect_refusal(fixture, OP_clip_scale, &op, "clip_scale: limit is 0, expected more than 0");
    op.clip_scale.limit = (double)INFINITY;
    expect_refusal(fixture, OP_clip_scale, &op, "clip_scale: limit is inf, expected more than 0");
    op.clip_scale.limit = 1;
    op.clip_scale.scale = REAL(0, 1, 1);
    expect_refusal(fixture, OP_clip_scale, &op,
                   "clip_scale: scale overlaps gradient, expected memory of its own");
}

static void test_cross_entropy(void **state)
{
    struct fixture *fixture = *state;
    int32_t labels[4] = {0}, partners[4] = {0};
    union op_any op = {.softmax_cross_entropy = {.logits = REAL(0, 2, 4, 3),
                                                 .labels = {labels, DTYPE_I32, 1, {4}},
                                                 .loss = REAL(1, 1, 1),
                                                 .smoothing = 0.5,
                                                 .weight = 1}};

    expect_welcome(fixture, OP_softmax_cross_entropy, &op);
    op.softmax_cross_entropy.smoothing = 1;
    expect_refusal(fixture, OP_softmax_cross_entropy, &op,
                   "softmax_cross_entropy: smoothing is 1, expected a number in [0, 1)");
    op.softmax_cross_entropy.smoothing = -0.1;
    expect_refusal(fixture, OP_softmax_cross_entropy, &op,
                   "softmax_cross_entropy: smoothing is -0.1, expected a number in [0, 1)");
    op.softmax_cross_entropy.smoothing = 0;
    op.softmax_cross_entropy.weight = 0;
    expect_refusal(fixture, OP_softmax_cross_entropy, &op,
                   "softmax_cross_entropy: weight is 0, expected a finite number other than 0");
    op.softmax_cross_entropy.weight = -1;
    op.softmax_cross_entropy.partner_labels = (struct tensor){partners, DTYPE_I32, 1, {4}};
    expect_refusal(
        fixture, OP_softmax_cross_entropy, &op,
        "softmax_cross_entropy: partner_labels and mix: got one, expected both or neither");
    op.softmax_cross_entropy.mix = REAL(2, 1, 1);
    expect_welcome(fixture, OP_softmax_cross_entropy, &op);
    op.softmax_cross_entropy.partner_labels.shape[0] = 3;
    expect_refusal(fixture, OP_softmax_cross_entropy, &op,
                   "softmax_cross_entropy: partner_labels is [3], expected [N = 4]");
}

static void test_image_gather(void **state)
{
    struct fixture *fixture = *state;
    union op_any op = {.image_gather = {.images = {fixture->memory[0], DTYPE_U8, 4, {2, 3, 4, 4}},
                                        .image_labels = {fixture->memory[1], DTYPE_I32, 1, {2}},
                                        .indices = {fixture->memory[2], DTYPE_I32, 1, {5}},
                                        .y = REAL(3, 4, 5, 4, 4, 3),
                                        .labels = {fixture->memory[4], DTYPE_I32, 1, {5}},
                                        .std = {1, 0, 1}}};

    expect_refusal(fixture, OP_image_gather, &op, "image_gather: std is 0, expected more than 0");
    op.image_gather.std[1] = 1;
    expect_welcome(fixture, OP_image_gather, &op);
    op.image_gather.holes = (struct tensor){fixture->memory[5], DTYPE_I32, 2, {5, 2}};
    expect_refusal(fixture, OP_image_gather, &op, "image_gather: hole is 0, expected at least 1");
    op.image_gather.hole = 8;
    op.image_gather.mix = REAL(6, 1, 1);
    expect_refusal(fixture, OP_image_gather, &op,
                   "image_gather: mix and partner_labels: got one, expected both or neither");
    op.image_gather.partner_labels = (struct tensor){fixture->memory[7], DTYPE_I32, 1, {5}};
    expect_welcome(fixture, OP_image_gather, &op);
    op.image_gather.images.shape[1] = 5;
    op.image_gather.y = REAL(3, 4, 5, 4, 4, 5);
    expect_refusal(fixture, OP_image_gather, &op, "image_gather: C is 5, expected at most 4");
}

static void expect_bad_data(struct fixture *fixture, enum op_kind kind, const union op_any *op,
                            const char *message)
{
    struct prepared *prepared = NULL;

    ok(kernel_prepare(fixture->device, kind, op, &prepared));
    assert_int_equal(kernel_run(device_queue(fixture->device), kind, prepared, op),
                     STATUS_BAD_DATA);
    assert_string_equal(status_message(), message);
    kernel_release(fixture->device, kind, prepared);
}

static void test_data_at_run(void **state)
{
    struct fixture *fixture = *state;
    int32_t labels[2] = {1, 3}, partners[2] = {0, 0};
    double mix = 0.5;
    union op_any op = {.softmax_cross_entropy = {.logits = REAL(0, 2, 2, 3),
                                                 .labels = {labels, DTYPE_I32, 1, {2}},
                                                 .loss = REAL(1, 1, 1),
                                                 .weight = 1}};

    expect_bad_data(fixture, OP_softmax_cross_entropy, &op,
                    "softmax_cross_entropy: labels[1] is 3, expected a number in [−1, 3)");
    labels[1] = 2;
    partners[0] = -1;
    op.softmax_cross_entropy.partner_labels = (struct tensor){partners, DTYPE_I32, 1, {2}};
    op.softmax_cross_entropy.mix = (struct tensor){&mix, DTYPE_F64, 1, {1}};
    expect_bad_data(fixture, OP_softmax_cross_entropy, &op,
                    "softmax_cross_entropy: partner_labels[0] is -1, expected a number in [0, 3)");
    partners[0] = 0;
    mix = 1.5;
    expect_bad_data(fixture, OP_softmax_cross_entropy, &op,
                    "softmax_cross_entropy: mix is 1.5, expected a number in [0, 1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimizers),    cmocka_unit_test(test_clip_scale),
        cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_image_gather),
        cmocka_unit_test(test_data_at_run),
    };

    return cmocka_run_group_tests(tests, refusal_setup, refusal_teardown);
}
