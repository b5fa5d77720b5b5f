/* SGD, Adam and AdamW: one step against the formula with its magnitudes, several steps against
 * PyTorch's numbers. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>

enum { SGD_PARAMETER = 3, SGD_VELOCITY = 4 };
enum { ADAM_PARAMETER = 3, ADAM_FIRST = 4, ADAM_SECOND = 5 };
enum { NO_MASK = 1 << 1, NO_VELOCITY = 1 << SGD_VELOCITY };

static const struct kernel_case sgd_cases[] = {
    {.name = "plain", .sizes = "N1000", .absent = NO_MASK | NO_VELOCITY, .rates = {0.1, 3}},
    {.name = "decay",
     .sizes = "N77",
     .absent = NO_MASK | NO_VELOCITY,
     .rates = {0.1, 3},
     .attributes.sgd_step = {.decay = 0.1}},
    {.name = "momentum",
     .sizes = "N1021",
     .absent = NO_MASK,
     .rates = {0.1, 7},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}},
    {.name = "first step",
     .sizes = "N33",
     .absent = NO_MASK,
     .rates = {0.1, 1},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}},
    {.name = "mask",
     .sizes = "N1021",
     .rates = {0.1, 2},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}},
    {.name = "mask, first step",
     .sizes = "N67",
     .rates = {0.1, 1},
     .attributes.sgd_step = {.momentum = 0.9}},
    {.name = "mask, no momentum", .sizes = "N67", .absent = NO_VELOCITY, .rates = {0.1, 2}},
    {.name = "velocity unused", .sizes = "N67", .absent = NO_MASK, .rates = {0.1, 2}},
    {.name = "rate 0", .sizes = "N9", .rates = {0, 2}, .attributes.sgd_step = {.momentum = 0.9}},
    {.name = "one element",
     .sizes = "N1",
     .absent = NO_MASK,
     .rates = {1, 2},
     .attributes.sgd_step = {.momentum = 0.5, .decay = 0.1}},
    {.name = "huge",
     .sizes = "N65",
     .fill = FILL_HUGE,
     .rates = {0.1, 2},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}},
    {.name = "tiny",
     .sizes = "N65",
     .fill = FILL_TINY,
     .rates = {0.1, 2},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}},
    {.name = "zeros",
     .sizes = "N65",
     .fill = FILL_ZERO,
     .rates = {0.1, 2},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}},
    {.name = "resnet20",
     .sizes = "N269722",
     .rates = {0.1, 2},
     .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4},
     .is_for_bench = true},
};

#define ADAM(case_name, n, fill_kind, without, ...)                                                \
    {                                                                                              \
        .name = case_name, .sizes = n, .fill = fill_kind, .absent = without,                       \
        .attributes.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}, __VA_ARGS__       \
    }

static const struct kernel_case adam_cases[] = {
    ADAM("first step", "N1000", FILL_NORMAL, NO_MASK, .rates = {1e-3, 1}),
    ADAM("later step", "N1021", FILL_NORMAL, NO_MASK, .rates = {1e-3, 1000}),
    ADAM("far step", "N33", FILL_NORMAL, NO_MASK, .rates = {1e-3, 1000000}),
    ADAM("decay", "N77", FILL_NORMAL, NO_MASK, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1),
    ADAM("decoupled decay", "N77", FILL_NORMAL, NO_MASK, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1, .attributes.adam_step.is_decoupled = true),
    ADAM("mask", "N1021", FILL_NORMAL, 0, .rates = {1e-3, 2}),
    ADAM("mask, decoupled decay", "N65", FILL_NORMAL, 0, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1, .attributes.adam_step.is_decoupled = true),
    ADAM("one element", "N1", FILL_NORMAL, NO_MASK, .rates = {1e-3, 2}),
    ADAM("zeros", "N65", FILL_ZERO, NO_MASK, .rates = {1e-3, 2}),
    ADAM("huge", "N65", FILL_HUGE, NO_MASK, .rates = {1e-3, 2}),
    ADAM("tiny", "N65", FILL_TINY, NO_MASK, .rates = {1e-3, 2}),
    ADAM("resnet20", "N269722", FILL_NORMAL, 0, .rates = {1e-3, 2}, .is_for_bench = true),
};

static void refine_mask(const struct tensor *mask, struct random_stream *stream)
{
    for (int64_t i = 0; mask->data != NULL && i < mask->shape[0]; i++)
        ((uint8_t *)mask->data)[i] = (uint8_t)stream_below(stream, 2);
}

static void refine_sgd(const struct kernel_case *test_case, union op_any *op,
                       struct random_stream *stream)
{
    (void)test_case;
    refine_mask(&op->sgd_step.mask, stream);
}

static void refine_adam(const struct kernel_case *test_case, union op_any *op,
                        struct random_stream *stream)
{
    double *second = reals(&op->adam_step.second_moment);

    (void)test_case;
    refine_mask(&op->adam_step.mask, stream);
    for (int64_t i = 0; i < op->adam_step.second_moment.shape[0]; i++)
        second[i] *= second[i];
}

static bool is_held(const struct tensor *mask, int64_t i)
{
    return mask->data != NULL && ((const uint8_t *)mask->data)[i] == 0;
}

static void expect_sgd(struct expectation *expected)
{
    const struct sgd_step *op = &expected->op.sgd_step;
    double rate = reals(&op->rates)[0], *parameter = reals(&op->parameter);

    expected->terms[SGD_PARAMETER] = expected->terms[SGD_VELOCITY] = 4;
    for (int64_t i = 0; i < op->parameter.shape[0]; i++) {
        double d = reals(&op->gradient)[i] + op->decay * parameter[i];
        double size = fabs(reals(&op->gradient)[i]) + op->decay * fabs(parameter[i]);
        if (is_held(&op->mask, i))
            continue; /* unchanged, exactly */
        if (op->momentum > 0) {
            double *velocity = &reals(&op->velocity)[i];
            double kept = reals(&op->rates)[1] > 1 ? op->momentum * *velocity : 0.0;
            d += kept;
            size += fabs(kept);
            *velocity = d;
            expected->magnitude[SGD_VELOCITY][i] = size;
        }
        expected->magnitude[SGD_PARAMETER][i] = fabs(parameter[i]) + rate * size;
        parameter[i] -= rate * d;
    }
}

static void expect_adam_element(struct expectation *expected, int64_t i)
{
    const struct adam_step *op = &expected->op.adam_step;
    double rate = reals(&op->rates)[0], step = reals(&op->rates)[1];
    double *parameter = &reals(&op->parameter)[i], *first = &reals(&op->first_moment)[i];
    double *second = &reals(&op->second_moment)[i], g = reals(&op->gradient)[i];
    double size = fabs(g) + (op->is_decoupled ? 0 : op->decay * fabs(*parameter));

    if (op->is_decoupled)
        *parameter -= rate * op->decay * *parameter;
    else
        g += op->decay * *parameter;
    double first_size = op->beta1 * fabs(*first) + (1 - op->beta1) * size;
    double second_size = op->beta2 * *second + (1 - op->beta2) * size * size;
    *first += (1 - op->beta1) * (g - *first);
    *second = op->beta2 * *second + (1 - op->beta2) * g * g;
    double root = sqrt(*second / (1 - pow(op->beta2, step))) + op->epsilon;
    double factor = rate / (1 - pow(op->beta1, step)) / root;
    double growth = *second > 0 ? 1 + second_size / *second : 1;
    expected->magnitude[ADAM_FIRST][i] = first_size;
    expected->magnitude[ADAM_SECOND][i] = second_size;
    expected->magnitude[ADAM_PARAMETER][i] = fabs(*parameter) + factor * first_size * growth;
    *parameter -= factor * *first;
}

static void expect_adam(struct expectation *expected)
{
    const struct adam_step *op = &expected->op.adam_step;

    expected->terms[ADAM_PARAMETER] = 8;
    expected->terms[ADAM_FIRST] = expected->terms[ADAM_SECOND] = 4;
    for (int64_t i = 0; i < op->parameter.shape[0]; i++)
        if (!is_held(&op->mask, i))
            expect_adam_element(expected, i);
}

/* ---- three steps: torch.optim of PyTorch 1.13 in float64, from the values and gradients below
 * ----
 */
enum { N = 4, N_STEPS = 3 };
static const double start[N] = {0.5, -1.25, 2.0, 0.0};
static const double gradients[N_STEPS][N] = {
    {0.1, -0.2, 0.3, 0.0}, {-0.05, 0.4, 0.3, 1e-3}, {0.2, 0.1, -0.6, -1e-3}};

struct steps {
    const char *name;
    enum op_kind kind;
    double rate;
    union op_any attributes;
    double wanted[N];
};

static const struct steps sgd_steps[] = {
    {"SGD(lr=0.1)", OP_sgd_step, 0.1, {.sgd_step = {.decay = 0}}, {0.475, -1.28, 2.0, 0.0}},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=5e-4)",
     OP_sgd_step,
     0.1,
     {.sgd_step = {.momentum = 0.9, .decay = 5e-4}},
     {0.46226140597493753, -1.2814511899498437, 1.92114622392475, -8.999500000000002e-05}},
};
static const struct steps adam_steps[] = {
    {"Adam(lr=1e-3)",
     OP_adam_step,
     1e-3,
     {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
     {0.49807555154351385, -1.2497817547496382, 1.9980756493956406, -0.0006989446161080258}},
    {"Adam(lr=1e-2, weight_decay=0.1)",
     OP_adam_step,
     1e-2,
     {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1}},
     {0.4752235505715115, -1.2391307839193157, 1.9764451634267128, -0.004758794220996918}},
    {"AdamW(lr=1e-2, weight_decay=0.1)",
     OP_adam_step,
     1e-2,
     {.adam_step =
          {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1, .is_decoupled = true}},
     {0.4792796683031988, -1.2440876252102298, 1.9747924819554075, -0.006982004898053627}},
};

/* The last element is held back by a mask: it and its state keep their bits. */
static void check_steps(struct device *device, const struct steps *steps)
{
    double parameter[N + 1] = {0}, g[N + 1] = {0}, rates[2] = {steps->rate, 0};
    double state[2][N + 1] = {{0}};
    uint8_t mask[N + 1] = {1, 1, 1, 1, 0};
    double epsilon = arithmetic_epsilon(device);
    const char *const names[] = {"gradient", "mask", "rates", "parameter", "state", "state"};
    void *const data[] = {g, mask, rates, parameter, state[0], state[1]};
    union op_any op = steps->attributes;

    for (int i = 0; i < op_info(steps->kind)->n_tensors; i++)
        *op_tensor(steps->kind, &op, i) = (struct tensor){
            data[i], i == 1 ? DTYPE_U8 : DTYPE_F64, 1, {names[i][0] == 'r' ? 2 : N + 1}};
    for (int i = 0; i < N; i++)
        parameter[i] = start[i];
    parameter[N] = state[0][N] = state[1][N] = 0.375; /* exact in float32 */
    for (int step = 0; step < N_STEPS; step++) {
        rates[1] = step + 1;
        for (int i = 0; i < N; i++)
            g[i] = gradients[step][i];
        g[N] = 1;
        run_on(device, steps->kind, &op);
    }
    for (int i = 0; i < N; i++) /* each step rounds some ten numbers, none above 2 */
        check_near(parameter[i], steps->wanted[i], 10 * N_STEPS * 2 * epsilon, steps->name);
    check_near(parameter[N], 0.375, 0, "a held parameter");
    check_near(state[0][N], 0.375, 0, "a held parameter's state");
    check_near(state[1][N], 0.375, 0, "a held parameter's state");
}

static void check_sgd_steps(struct device *device)
{
    for (size_t i = 0; i < sizeof sgd_steps / sizeof *sgd_steps; i++)
        check_steps(device, &sgd_steps[i]);
}

static void check_adam_steps(struct device *device)
{
    for (size_t i = 0; i < sizeof adam_steps / sizeof *adam_steps; i++)
        check_steps(device, &adam_steps[i]);
}

const struct kernel_test test_sgd_step = {.cases = sgd_cases,
                                          .n_cases = sizeof sgd_cases / sizeof *sgd_cases,
                                          .refine = refine_sgd,
                                          .expect = expect_sgd,
                                          .check_device = check_sgd_steps};
const struct kernel_test test_adam_step = {.cases = adam_cases,
                                           .n_cases = sizeof adam_cases / sizeof *adam_cases,
                                           .refine = refine_adam,
                                           .expect = expect_adam,
                                           .check_device = check_adam_steps};
