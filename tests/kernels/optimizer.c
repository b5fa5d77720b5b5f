/* SGD, Adam and AdamW: one step against the formula with its magnitudes, several steps against
 * PyTorch's numbers. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { SGD_PARAMETER = 3, SGD_VELOCITY, SGD_DECAYS, SGD_SCALE };
enum { ADAM_PARAMETER = 3, ADAM_FIRST, ADAM_SECOND, ADAM_DECAYS, ADAM_SCALE };
enum { NO_MASK = 1 << 1, NO_VELOCITY = 1 << SGD_VELOCITY };
enum { SGD_PLAIN = 1 << SGD_DECAYS | 1 << SGD_SCALE };
enum { ADAM_PLAIN = 1 << ADAM_DECAYS | 1 << ADAM_SCALE };

#define SGD(case_name, n, without, ...)                                                            \
    {                                                                                              \
        .name = case_name, .sizes = n, .absent = without, __VA_ARGS__                              \
    }

static const struct kernel_case sgd_cases[] = {
    SGD("plain", "N1000", NO_MASK | NO_VELOCITY | SGD_PLAIN, .rates = {0.1, 3}),
    SGD("decay", "N77", NO_MASK | NO_VELOCITY | SGD_PLAIN, .rates = {0.1, 3},
        .attributes.sgd_step = {.decay = 0.1}),
    SGD("momentum", "N1021", NO_MASK | SGD_PLAIN, .rates = {0.1, 7},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}),
    SGD("first step", "N33", NO_MASK | SGD_PLAIN, .rates = {0.1, 1},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}),
    SGD("mask", "N1021", SGD_PLAIN, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}),
    SGD("mask, first step", "N67", SGD_PLAIN, .rates = {0.1, 1},
        .attributes.sgd_step = {.momentum = 0.9}),
    SGD("mask, no momentum", "N67", NO_VELOCITY | SGD_PLAIN, .rates = {0.1, 2}),
    SGD("velocity unused", "N67", NO_MASK | SGD_PLAIN, .rates = {0.1, 2}),
    SGD("rate 0", "N9", SGD_PLAIN, .rates = {0, 2}, .attributes.sgd_step = {.momentum = 0.9}),
    SGD("one element", "N1", NO_MASK | SGD_PLAIN, .rates = {1, 2},
        .attributes.sgd_step = {.momentum = 0.5, .decay = 0.1}),
    SGD("huge", "N65", SGD_PLAIN, .fill = FILL_HUGE, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}),
    SGD("tiny", "N65", SGD_PLAIN, .fill = FILL_TINY, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}),
    SGD("zeros", "N65", SGD_PLAIN, .fill = FILL_ZERO, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}),
    SGD("Nesterov", "N1021", NO_MASK | SGD_PLAIN, .rates = {0.1, 7},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4, .is_nesterov = true}),
    SGD("Nesterov, first step", "N67", SGD_PLAIN, .rates = {0.1, 1},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1, .is_nesterov = true}),
    SGD("decay for some", "N1021", NO_MASK | NO_VELOCITY | 1 << SGD_SCALE, .rates = {0.1, 3},
        .attributes.sgd_step = {.decay = 0.1}),
    SGD("scale", "N77", NO_MASK | 1 << SGD_DECAYS, .factor = 0.3, .rates = {0.1, 3},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1}),
    SGD("scale NaN", "N77", 1 << SGD_DECAYS, .factor = (double)NAN, .rates = {0.1, 3},
        .attributes.sgd_step = {.momentum = 0.9}),
    SGD("all of it", "N1021", 0, .factor = 0.3, .rates = {0.1, 7},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 0.1, .is_nesterov = true}),
    SGD("resnet20", "N269722", SGD_PLAIN, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}, .is_for_bench = true),
    SGD("resnet20, no mask", "N269722", NO_MASK | SGD_PLAIN, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4}, .is_for_bench = true),
    SGD("resnet20, all of it", "N269722", 0, .factor = 0.3, .rates = {0.1, 2},
        .attributes.sgd_step = {.momentum = 0.9, .decay = 5e-4, .is_nesterov = true},
        .is_for_bench = true),
};

#define ADAM(case_name, n, fill_kind, without, ...)                                                \
    {                                                                                              \
        .name = case_name, .sizes = n, .fill = fill_kind, .absent = without,                       \
        .attributes.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}, __VA_ARGS__       \
    }

static const struct kernel_case adam_cases[] = {
    ADAM("first step", "N1000", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 1}),
    ADAM("later step", "N1021", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 1000}),
    ADAM("far step", "N33", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 1000000}),
    ADAM("decay", "N77", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1),
    ADAM("decoupled decay", "N77", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1, .attributes.adam_step.is_decoupled = true),
    ADAM("mask", "N1021", FILL_NORMAL, ADAM_PLAIN, .rates = {1e-3, 2}),
    ADAM("mask, decoupled decay", "N65", FILL_NORMAL, ADAM_PLAIN, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1, .attributes.adam_step.is_decoupled = true),
    ADAM("one element", "N1", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 2}),
    ADAM("zeros", "N65", FILL_ZERO, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 2}),
    ADAM("huge", "N65", FILL_HUGE, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 2}),
    ADAM("tiny", "N65", FILL_TINY, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 2}),
    ADAM("decay for some", "N77", FILL_NORMAL, NO_MASK | 1 << ADAM_SCALE, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1),
    ADAM("decoupled decay for some", "N1021", FILL_NORMAL, NO_MASK | 1 << ADAM_SCALE,
         .rates = {1e-2, 3}, .attributes.adam_step.decay = 0.1,
         .attributes.adam_step.is_decoupled = true),
    ADAM("scale", "N77", FILL_NORMAL, NO_MASK | 1 << ADAM_DECAYS, .factor = 0.3, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1),
    ADAM("scale NaN", "N77", FILL_NORMAL, 1 << ADAM_DECAYS, .factor = (double)NAN,
         .rates = {1e-2, 3}),
    ADAM("all of it", "N1021", FILL_NORMAL, 0, .factor = 0.3, .rates = {1e-2, 3},
         .attributes.adam_step.decay = 0.1, .attributes.adam_step.is_decoupled = true),
    ADAM("resnet20, no mask", "N269722", FILL_NORMAL, NO_MASK | ADAM_PLAIN, .rates = {1e-3, 2},
         .is_for_bench = true),
    ADAM("resnet20, all of it", "N269722", FILL_NORMAL, 0, .factor = 0.3, .rates = {1e-3, 2},
         .attributes.adam_step.decay = 0.1, .is_for_bench = true),
    ADAM("resnet20", "N269722", FILL_NORMAL, ADAM_PLAIN, .rates = {1e-3, 2}, .is_for_bench = true),
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
    refine_mask(&op->sgd_step.decays, stream);
}

static void refine_adam(const struct kernel_case *test_case, union op_any *op,
                        struct random_stream *stream)
{
    double *second = reals(&op->adam_step.second_moment);

    (void)test_case;
    refine_mask(&op->adam_step.mask, stream);
    refine_mask(&op->adam_step.decays, stream);
    for (int64_t i = 0; i < op->adam_step.second_moment.shape[0]; i++)
        second[i] *= second[i];
}

static bool is_held(const struct tensor *mask, int64_t i)
{
    return mask->data != NULL && ((const uint8_t *)mask->data)[i] == 0;
}

static double factor_of(const struct tensor *scale)
{
    return scale->data != NULL ? *reals(scale) : 1.0;
}

static void expect_sgd(struct expectation *expected)
{
    const struct sgd_step *op = &expected->op.sgd_step;
    double rate = reals(&op->rates)[0], *parameter = reals(&op->parameter);

    expected->terms[SGD_PARAMETER] = expected->terms[SGD_VELOCITY] = 6;
    for (int64_t i = 0; i < op->parameter.shape[0]; i++) {
        double decay = is_held(&op->decays, i) ? 0 : op->decay;
        double g = factor_of(&op->scale) * reals(&op->gradient)[i];
        double d = g + decay * parameter[i], size = fabs(g) + decay * fabs(parameter[i]);
        if (is_held(&op->mask, i))
            continue; /* unchanged, exactly */
        if (op->momentum > 0) {
            double *velocity = &reals(&op->velocity)[i];
            double kept = reals(&op->rates)[1] > 1 ? op->momentum * *velocity : 0.0;
            expected->magnitude[SGD_VELOCITY][i] = size + fabs(kept);
            *velocity = d + kept;
            d = op->is_nesterov ? d + op->momentum * *velocity : *velocity;
            size += (op->is_nesterov ? op->momentum : 0) * size + fabs(kept);
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
    double *second = &reals(&op->second_moment)[i];
    double g = factor_of(&op->scale) * reals(&op->gradient)[i];
    double decay = is_held(&op->decays, i) ? 0 : op->decay;
    double size = fabs(g) + (op->is_decoupled ? 0 : decay * fabs(*parameter));

    if (op->is_decoupled)
        *parameter -= rate * decay * *parameter;
    else
        g += decay * *parameter;
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

    expected->terms[ADAM_PARAMETER] = 9;
    expected->terms[ADAM_FIRST] = expected->terms[ADAM_SECOND] = 5;
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
    double limit; /* of the gradient's norm; 0: none. With it the last two have no decay */
};

static const struct steps sgd_steps[] = {
    {"SGD(lr=0.1)", OP_sgd_step, 0.1, {.sgd_step = {.decay = 0}}, {0.475, -1.28, 2.0, 0.0}, 0},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=5e-4)",
     OP_sgd_step,
     0.1,
     {.sgd_step = {.momentum = 0.9, .decay = 5e-4}},
     {0.46226140597493753, -1.2814511899498437, 1.92114622392475, -8.999500000000002e-05},
     0},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)",
     OP_sgd_step,
     0.1,
     {.sgd_step = {.momentum = 0.9, .decay = 5e-4, .is_nesterov = true}},
     {0.4409630387130963, -1.3081200586184782, 1.9287460310238602, -8.098194999999999e-05},
     0},
    {"SGD(lr=0.1, momentum=0.9, weight_decay=[0.1, 0], nesterov=True), clipped at 0.3",
     OP_sgd_step,
     0.1,
     {.sgd_step = {.momentum = 0.9, .decay = 0.1, .is_nesterov = true}},
     {0.42387197591869424, -1.1703679842653507, 1.9221537506789392, -7.277360807548229e-05},
     0.3},
};
static const struct steps adam_steps[] = {
    {"Adam(lr=1e-3)",
     OP_adam_step,
     1e-3,
     {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
     {0.49807555154351385, -1.2497817547496382, 1.9980756493956406, -0.0006989446161080258},
     0},
    {"Adam(lr=1e-2, weight_decay=0.1)",
     OP_adam_step,
     1e-2,
     {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1}},
     {0.4752235505715115, -1.2391307839193157, 1.9764451634267128, -0.004758794220996918},
     0},
    {"AdamW(lr=1e-2, weight_decay=0.1)",
     OP_adam_step,
     1e-2,
     {.adam_step =
          {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1, .is_decoupled = true}},
     {0.4792796683031988, -1.2440876252102298, 1.9747924819554075, -0.006982004898053627},
     0},
    {"Adam(lr=1e-2, weight_decay=[0.1, 0]), clipped at 0.3",
     OP_adam_step,
     1e-2,
     {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1}},
     {0.4735493999356049, -1.232436225521114, 1.9790161842130747, -0.008020466265465239},
     0.3},
    {"AdamW(lr=1e-2, weight_decay=[0.1, 0]), clipped at 0.3",
     OP_adam_step,
     1e-2,
     {.adam_step =
          {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1, .is_decoupled = true}},
     {0.4782061009235447, -1.2416087660905912, 1.9790161842130747, -0.008020466265465239},
     0.3},
};

/* What the tensors of an optimizer point to. The last element is held back by the mask. */
struct memory {
    double gradient[N + 1], parameter[N + 1], state[2][N + 1], rates[2], scale;
    uint8_t mask[N + 1], decays[N + 1];
};

static struct tensor tensor_of(struct memory *memory, const char *name, bool is_limited)
{
    const struct {
        const char *name;
        struct tensor tensor;
    } rows[] = {
        {"gradient", {memory->gradient, DTYPE_F64, 1, {N + 1}}},
        {"mask", {memory->mask, DTYPE_U8, 1, {N + 1}}},
        {"rates", {memory->rates, DTYPE_F64, 1, {2}}},
        {"parameter", {memory->parameter, DTYPE_F64, 1, {N + 1}}},
        {"velocity", {memory->state[0], DTYPE_F64, 1, {N + 1}}},
        {"first_moment", {memory->state[0], DTYPE_F64, 1, {N + 1}}},
        {"second_moment", {memory->state[1], DTYPE_F64, 1, {N + 1}}},
        {"decays", {is_limited ? memory->decays : NULL, DTYPE_U8, 1, {N + 1}}},
        {"scale", {is_limited ? &memory->scale : NULL, DTYPE_F64, 1, {1}}},
    };
    size_t i = 0;

    while (strcmp(rows[i].name, name) != 0)
        i++;
    return rows[i].tensor;
}

/* Its gradient is far from zero in the element that is held: the norm leaves it out. */
static void step(struct device *device, const struct steps *steps, int i_step,
                 struct memory *memory)
{
    union op_any op = steps->attributes;
    union op_any clip = {.clip_scale = {.gradient = tensor_of(memory, "gradient", true),
                                        .mask = tensor_of(memory, "mask", true),
                                        .scale = tensor_of(memory, "scale", true),
                                        .limit = steps->limit}};

    for (int i = 0; i < op_info(steps->kind)->n_tensors; i++)
        *op_tensor(steps->kind, &op, i) =
            tensor_of(memory, op_info(steps->kind)->tensors[i].name, steps->limit > 0);
    memory->rates[0] = steps->rate;
    memory->rates[1] = i_step + 1;
    for (int i = 0; i < N; i++)
        memory->gradient[i] = gradients[i_step][i];
    memory->gradient[N] = 1;
    if (steps->limit > 0)
        (void)run_on(device, OP_clip_scale, &clip);
    (void)run_on(device, steps->kind, &op);
}

/* What is held, and its state, keep their bits. */
static void check_steps(struct device *device, const struct steps *steps)
{
    struct memory memory = {.mask = {1, 1, 1, 1, 0}, .decays = {1, 1, 0, 0, 1}};
    double epsilon = arithmetic_epsilon(device);

    for (int i = 0; i < N; i++)
        memory.parameter[i] = start[i];
    memory.parameter[N] = memory.state[0][N] = memory.state[1][N] = 0.375; /* exact in float32 */
    for (int i = 0; i < N_STEPS; i++)
        step(device, steps, i, &memory);
    for (int i = 0; i < N; i++) /* each step rounds some ten numbers, none above 2 */
        check_near(memory.parameter[i], steps->wanted[i], 10 * N_STEPS * 2 * epsilon, steps->name);
    check_near(memory.parameter[N], 0.375, 0, "a held parameter");
    check_near(memory.state[0][N], 0.375, 0, "a held parameter's state");
    check_near(memory.state[1][N], 0.375, 0, "a held parameter's state");
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
