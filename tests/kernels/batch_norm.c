/* Batch norm's four operations, and the four together against central differences. */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

#define CASE(case_name, case_sizes, case_fill, case_absent, op, ...)                               \
    {                                                                                              \
        .name = case_name, .sizes = case_sizes, .fill = case_fill, .absent = case_absent,          \
        .attributes.op = {                                                                         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define CASES(prefix, missing, op, ...)                                                            \
    CASE(prefix "plain", ".3x5x7 C9", FILL_NORMAL, missing, op, __VA_ARGS__),                      \
        CASE(prefix "two rows", ".2 C1", FILL_NORMAL, missing, op, __VA_ARGS__),                   \
        CASE(prefix "rows and channels", ".33 C17", FILL_NORMAL, missing, op, __VA_ARGS__),        \
        CASE(prefix "16 channels", ".4x16x16 C16", FILL_NORMAL, missing, op, __VA_ARGS__),         \
        CASE(prefix "64 channels", ".3x8x8 C64", FILL_NORMAL, missing, op, __VA_ARGS__),           \
        CASE(prefix "odd channels", ".2x7x3 C33", FILL_NORMAL, missing, op, __VA_ARGS__),          \
        CASE(prefix "few rows, many channels", ".3 C300", FILL_NORMAL, missing, op, __VA_ARGS__),  \
        CASE(prefix "one channel", ".1031 C1", FILL_NORMAL, missing, op, __VA_ARGS__),             \
        CASE(prefix "many rows", ".9001 C3", FILL_NORMAL, missing, op, __VA_ARGS__),               \
        CASE(prefix "zeros", ".2x4x4 C5", FILL_ZERO, missing, op, __VA_ARGS__),                    \
        CASE(prefix "ties", ".2x4x4 C5", FILL_TIES, missing, op, __VA_ARGS__),                     \
        CASE(prefix "far from zero", ".4x8x8 C5", FILL_OFFSET, missing, op, __VA_ARGS__),          \
        CASE(prefix "huge", ".2x4x4 C5", FILL_HUGE, missing, op, __VA_ARGS__),                     \
        CASE(prefix "tiny", ".2x4x4 C5", FILL_TINY, missing, op, __VA_ARGS__),                     \
    {                                                                                              \
        .name = prefix "resnet20 stage 1", .sizes = ".128x32x32 C16", .is_for_bench = true,        \
        .absent = missing, .attributes.op = {                                                      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

enum { RUNNING_MEAN = 3, RUNNING_VARIANCE = 4 }; /* tensors of batch_norm_statistics */
enum { RESIDUAL = 6 };                           /* of batch_norm_apply */
enum { RELU_Y = 6, ADDEND = 7, D = 8 };          /* of batch_norm_gradient_sums */
enum { D_WEIGHT = 5, D_BIAS = 6 };               /* of batch_norm_gradient_apply */

static const struct kernel_case statistics_cases[] = {
    CASES("", 0, batch_norm_statistics, .momentum = 0.1),
    CASE("no running values", ".3x5x7 C9", FILL_NORMAL, 1 << RUNNING_MEAN | 1 << RUNNING_VARIANCE,
         batch_norm_statistics, .momentum = 0.1),
    CASE("momentum 1", ".5 C4", FILL_NORMAL, 0, batch_norm_statistics, .momentum = 1),
    CASE("momentum 0", ".5 C4", FILL_NORMAL, 0, batch_norm_statistics, .momentum = 0),
};
static const struct kernel_case apply_cases[] = {
    CASES("", 1 << RESIDUAL, batch_norm_apply, .epsilon = 1e-5),
    CASES("relu: ", 1 << RESIDUAL, batch_norm_apply, .epsilon = 1e-5, .has_relu = true),
    CASES("add and relu: ", 0, batch_norm_apply, .epsilon = 1e-5, .has_relu = true),
    CASE("add", ".3x5x7 C9", FILL_NORMAL, 0, batch_norm_apply, .epsilon = 1e-5),
    CASE("one row", ".1 C9", FILL_NORMAL, 1 << RESIDUAL, batch_norm_apply, .epsilon = 1e-5),
};
static const struct kernel_case sums_cases[] = {
    CASES("", 1 << RELU_Y | 1 << ADDEND | 1 << D, batch_norm_gradient_sums, .epsilon = 1e-5),
    CASES("relu: ", 1 << ADDEND, batch_norm_gradient_sums, .epsilon = 1e-5),
    CASES("add and relu: ", 0, batch_norm_gradient_sums, .epsilon = 1e-5),
    CASE("relu, d unwanted", ".3x5x7 C9", FILL_NORMAL, 1 << ADDEND | 1 << D,
         batch_norm_gradient_sums, .epsilon = 1e-5),
    CASE("add", ".3x5x7 C9", FILL_NORMAL, 1 << RELU_Y, batch_norm_gradient_sums, .epsilon = 1e-5),
};
static const struct kernel_case gradient_apply_cases[] = {
    CASES("", 0, batch_norm_gradient_apply, .epsilon = 1e-5),
    CASE("constant statistics", ".3x5x7 C9", FILL_NORMAL, 1 << D_WEIGHT | 1 << D_BIAS,
         batch_norm_gradient_apply, .epsilon = 1e-5),
    CASE("constant statistics, one row", ".1x1x1 C33", FILL_NORMAL, 1 << D_WEIGHT | 1 << D_BIAS,
         batch_norm_gradient_apply, .epsilon = 1e-5),
};

/* Variances are not negative; and not so large that their inverse roots are no numbers. */
static void square(const struct tensor *tensor)
{
    for (int64_t i = 0; tensor->data != NULL && i < tensor_elements(tensor); i++)
        reals(tensor)[i] *= reals(tensor)[i];
}

static void refine_statistics(const struct kernel_case *test_case, union op_any *op,
                              struct random_stream *stream)
{
    (void)test_case;
    (void)stream;
    square(&op->batch_norm_statistics.running_variance);
}

static void refine_apply(const struct kernel_case *test_case, union op_any *op,
                         struct random_stream *stream)
{
    (void)test_case;
    (void)stream;
    square(&op->batch_norm_apply.variance);
}

static void refine_sums(const struct kernel_case *test_case, union op_any *op,
                        struct random_stream *stream)
{
    (void)test_case;
    (void)stream;
    square(&op->batch_norm_gradient_sums.variance);
}

static void refine_gradient_apply(const struct kernel_case *test_case, union op_any *op,
                                  struct random_stream *stream)
{
    (void)test_case;
    (void)stream;
    square(&op->batch_norm_gradient_apply.variance);
}

static int64_t channels_of(const struct tensor *x)
{
    return x->shape[x->n_dims - 1];
}

static int64_t rows_of(const struct tensor *x)
{
    return tensor_elements(x) / channels_of(x);
}

/* A mean's own error moves the variance only in second order; each difference is as exact as its
 * operands. */
static void expect_channel(struct expectation *expected, int64_t c)
{
    enum { MEAN = 1, VARIANCE = 2 };
    const struct batch_norm_statistics *op = &expected->op.batch_norm_statistics;
    int64_t n_channels = channels_of(&op->x), n_rows = rows_of(&op->x);
    long double sum = 0, squares = 0;
    double size = 0.0, spread = 0.0;

    for (int64_t row = 0; row < n_rows; row++) {
        sum += reals(&op->x)[row * n_channels + c];
        size += fabs(reals(&op->x)[row * n_channels + c]);
    }
    double mean = (double)(sum / n_rows);
    for (int64_t row = 0; row < n_rows; row++) {
        double x = reals(&op->x)[row * n_channels + c];
        squares += (x - sum / n_rows) * (x - sum / n_rows);
        spread += fabs(x - mean) * (fabs(x) + fabs(mean));
    }
    reals(&op->mean)[c] = mean;
    reals(&op->variance)[c] = (double)(squares / n_rows);
    expected->magnitude[MEAN][c] = size / (double)n_rows;
    expected->magnitude[VARIANCE][c] = spread / (double)n_rows;
    if (op->running_mean.data == NULL)
        return;
    double keep = 1.0 - op->momentum, *running = reals(&op->running_variance);
    expected->magnitude[RUNNING_MEAN][c] =
        keep * fabs(reals(&op->running_mean)[c]) + op->momentum * size / (double)n_rows;
    expected->magnitude[RUNNING_VARIANCE][c] =
        keep * running[c] + op->momentum * spread / (double)(n_rows - 1);
    reals(&op->running_mean)[c] = keep * reals(&op->running_mean)[c] + op->momentum * mean;
    running[c] = keep * running[c] + op->momentum * (double)(squares / (n_rows - 1));
}

static void expect_statistics(struct expectation *expected)
{
    const struct batch_norm_statistics *op = &expected->op.batch_norm_statistics;

    for (int i = 1; i <= RUNNING_VARIANCE; i++)
        expected->terms[i] = (double)rows_of(&op->x) + 2;
    for (int64_t c = 0; c < channels_of(&op->x); c++)
        expect_channel(expected, c);
}

static void expect_apply(struct expectation *expected)
{
    enum { Y = 5 };
    const struct batch_norm_apply *op = &expected->op.batch_norm_apply;

    expected->terms[Y] = 5;
    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        int64_t c = i % channels_of(&op->x);
        double factor = reals(&op->weight)[c] / sqrt(reals(&op->variance)[c] + op->epsilon);
        double x = reals(&op->x)[i], mean = reals(&op->mean)[c], bias = reals(&op->bias)[c];
        double residual = op->residual.data != NULL ? reals(&op->residual)[i] : 0.0;
        double y = factor * (x - mean) + bias + residual;
        reals(&op->y)[i] = op->has_relu ? fmax(y, 0.0) : y;
        expected->magnitude[Y][i] =
            fabs(factor) * (fabs(x) + fabs(mean)) + fabs(bias) + fabs(residual);
    }
}

static void expect_sums(struct expectation *expected)
{
    enum { SUM_WEIGHT = 4, SUM_BIAS = 5 };
    const struct batch_norm_gradient_sums *op = &expected->op.batch_norm_gradient_sums;

    run_ref(OP_batch_norm_gradient_sums, &expected->op);
    expected->terms[SUM_WEIGHT] = expected->terms[SUM_BIAS] = (double)rows_of(&op->x) + 3;
    expected->terms[D] = 2;
    expected->is_of_rounded[SUM_WEIGHT] = expected->is_of_rounded[SUM_BIAS] =
        op->addend.data != NULL;
    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        int64_t c = i % channels_of(&op->x);
        double size = fabs(reals(&op->x)[i]) + fabs(reals(&op->mean)[c]);
        double d = fabs(reals(&op->d_y)[i]);
        if (op->addend.data != NULL)
            d += fabs(reals(&op->addend)[i]);
        if (op->y.data != NULL && !(reals(&op->y)[i] > 0.0))
            d = 0.0;
        expected->magnitude[SUM_WEIGHT][c] +=
            d * size / sqrt(reals(&op->variance)[c] + op->epsilon);
        expected->magnitude[SUM_BIAS][c] += d;
        if (op->d.data != NULL)
            expected->magnitude[D][i] = d;
    }
}

static void expect_gradient_apply(struct expectation *expected)
{
    enum { D_X = 7 };
    const struct batch_norm_gradient_apply *op = &expected->op.batch_norm_gradient_apply;
    double rows = (double)rows_of(&op->x);

    run_ref(OP_batch_norm_gradient_apply, &expected->op);
    expected->terms[D_X] = 6;
    for (int64_t i = 0; i < tensor_elements(&op->x); i++) {
        int64_t c = i % channels_of(&op->x);
        double inverse = 1.0 / sqrt(reals(&op->variance)[c] + op->epsilon);
        double size = fabs(reals(&op->d_y)[i]);
        if (op->d_weight.data != NULL)
            size += fabs(reals(&op->d_bias)[c]) / rows +
                    (fabs(reals(&op->x)[i]) + fabs(reals(&op->mean)[c])) * inverse *
                        fabs(reals(&op->d_weight)[c]) / rows;
        expected->magnitude[D_X][i] = fabs(reals(&op->weight)[c]) * inverse * size;
    }
}

/* ---- the four together: L = Σ (g + h)·f(batch_norm(x, weight, bias)), where f is nothing, or adds
 * r and is then a ReLU ---- */
enum { ROWS = 6, CHANNELS = 3, N = ROWS * CHANNELS };

struct layer {
    double x[N], r[N], y[N], g[N], h[N], d[N], d_x[N];
    double mean[CHANNELS], variance[CHANNELS], weight[CHANNELS], bias[CHANNELS];
    double d_weight[CHANNELS], d_bias[CHANNELS];
    bool is_constant; /* mean and variance are given, not x's */
    bool has_relu;
};

static struct tensor map(double *data)
{
    return (struct tensor){data, DTYPE_F64, 2, {ROWS, CHANNELS}};
}

static struct tensor row(double *data)
{
    return (struct tensor){data, DTYPE_F64, 1, {CHANNELS}};
}

static double layer_output(void *context)
{
    struct layer *layer = context;
    union op_any statistics = {.batch_norm_statistics = {.x = map(layer->x),
                                                         .mean = row(layer->mean),
                                                         .variance = row(layer->variance)}};
    union op_any apply = {.batch_norm_apply = {.x = map(layer->x),
                                               .mean = row(layer->mean),
                                               .variance = row(layer->variance),
                                               .weight = row(layer->weight),
                                               .bias = row(layer->bias),
                                               .y = map(layer->y),
                                               .epsilon = 1e-2,
                                               .has_relu = layer->has_relu}};

    if (layer->has_relu)
        apply.batch_norm_apply.residual = map(layer->r);

    if (!layer->is_constant)
        run_ref(OP_batch_norm_statistics, &statistics);
    run_ref(OP_batch_norm_apply, &apply);
    return dot(layer->g, layer->y, N) + dot(layer->h, layer->y, N);
}

static void layer_gradient(struct layer *layer)
{
    union op_any sums = {.batch_norm_gradient_sums = {.x = map(layer->x),
                                                      .d_y = map(layer->g),
                                                      .mean = row(layer->mean),
                                                      .variance = row(layer->variance),
                                                      .d_weight = row(layer->d_weight),
                                                      .d_bias = row(layer->d_bias),
                                                      .epsilon = 1e-2}};
    union op_any apply = {.batch_norm_gradient_apply = {.x = map(layer->x),
                                                        .mean = row(layer->mean),
                                                        .variance = row(layer->variance),
                                                        .weight = row(layer->weight),
                                                        .d_x = map(layer->d_x),
                                                        .epsilon = 1e-2}};

    (void)layer_output(layer); /* statistics of the unmoved x */
    sums.batch_norm_gradient_sums.addend = map(layer->h);
    sums.batch_norm_gradient_sums.d = map(layer->d);
    apply.batch_norm_gradient_apply.d_y = map(layer->d);
    if (layer->has_relu)
        sums.batch_norm_gradient_sums.y = map(layer->y);
    run_ref(OP_batch_norm_gradient_sums, &sums);
    if (!layer->is_constant) {
        apply.batch_norm_gradient_apply.d_weight = row(layer->d_weight);
        apply.batch_norm_gradient_apply.d_bias = row(layer->d_bias);
    }
    run_ref(OP_batch_norm_gradient_apply, &apply);
}

/* Moves what the ReLU sees away from its kink by far more than the differences step. */
static void avoid_kink(struct layer *layer)
{
    layer->has_relu = false;
    (void)layer_output(layer);
    layer->has_relu = true;
    for (int i = 0; i < N; i++)
        layer->r[i] = layer->r[i] - layer->y[i] + (layer->r[i] < 0 ? -0.5 : 0.5);
}

static void check_layer(bool is_constant, bool has_relu)
{
    struct layer layer = {.is_constant = is_constant};
    struct random_stream stream =
        test_stream(OP_batch_norm_gradient_apply, 2000 + is_constant + 2 * has_relu);
    double wanted[N];

    stream_fill(&stream, FILL_NORMAL, layer.x, N);
    stream_fill(&stream, FILL_NORMAL, layer.g, N);
    stream_fill(&stream, FILL_NORMAL, layer.h, N);
    stream_fill(&stream, FILL_NORMAL, layer.r, N);
    stream_fill(&stream, FILL_NORMAL, layer.weight, CHANNELS);
    stream_fill(&stream, FILL_NORMAL, layer.bias, CHANNELS);
    stream_fill(&stream, FILL_NORMAL, layer.mean, CHANNELS);
    for (int c = 0; c < CHANNELS; c++)
        layer.variance[c] = 0.5 + c;
    if (has_relu)
        avoid_kink(&layer);
    layer_gradient(&layer);
    central_difference(layer_output, &layer, layer.x, N, wanted);
    check_gradients(layer.d_x, wanted, N, "batch norm x");
    central_difference(layer_output, &layer, layer.weight, CHANNELS, wanted);
    check_gradients(layer.d_weight, wanted, CHANNELS, "batch norm weight");
    central_difference(layer_output, &layer, layer.bias, CHANNELS, wanted);
    check_gradients(layer.d_bias, wanted, CHANNELS, "batch norm bias");
    if (!has_relu)
        return;
    central_difference(layer_output, &layer, layer.r, N, wanted);
    check_gradients(layer.d, wanted, N, "batch norm residual");
}

static void check_gradient(void)
{
    check_layer(false, false);
    check_layer(true, false);
    check_layer(false, true);
    check_layer(true, true);
}

const struct kernel_test test_batch_norm_statistics = {
    .cases = statistics_cases,
    .n_cases = sizeof statistics_cases / sizeof *statistics_cases,
    .refine = refine_statistics,
    .expect = expect_statistics,
};
const struct kernel_test test_batch_norm_apply = {
    .cases = apply_cases,
    .n_cases = sizeof apply_cases / sizeof *apply_cases,
    .refine = refine_apply,
    .expect = expect_apply,
};
const struct kernel_test test_batch_norm_gradient_sums = {
    .cases = sums_cases,
    .n_cases = sizeof sums_cases / sizeof *sums_cases,
    .refine = refine_sums,
    .expect = expect_sums,
};
const struct kernel_test test_batch_norm_gradient_apply = {
    .cases = gradient_apply_cases,
    .n_cases = sizeof gradient_apply_cases / sizeof *gradient_apply_cases,
    .refine = refine_gradient_apply,
    .expect = expect_gradient_apply,
    .check_gradient = check_gradient,
};
