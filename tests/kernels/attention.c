/* Self-attention against its definition; the gradient by differences. A score's rounding moves its
 * exponential by as much: magnitudes carry the largest score of a token. */
#include "kernels/kernel_test.h"

#include <math.h>

enum { Y = 1, PROBABILITIES = 2, D_QKV = 3 };

#define HEADS(type, n) .attributes = {.type = {.n_heads = n}}
#define CASES(type)                                                                                \
    {.name = "two heads", .sizes = "N2 T5 C6 E18 G2", HEADS(type, 2)},                             \
        {.name = "one head", .sizes = "N2 T7 C5 E15 G1", HEADS(type, 1)},                          \
        {.name = "one token", .sizes = "N3 T1 C4 E12 G2", HEADS(type, 2)},                         \
        {.name = "one element", .sizes = "N1 T1 C1 E3 G1", HEADS(type, 1)},                        \
        {.name = "narrow heads", .sizes = "N2 T9 C3 E9 G3", HEADS(type, 3)},                       \
        {.name = "odd", .sizes = "N1 T33 C34 E102 G2", HEADS(type, 2)},                            \
        {.name = "seventeen", .sizes = "N2 T17 C51 E153 G3", HEADS(type, 3)},                      \
        {.name = "simple_vit", .sizes = "N1 T64 C128 E384 G2", HEADS(type, 2)},                    \
        {.name = "zeros", .sizes = "N1 T4 C6 E18 G2", .fill = FILL_ZERO, HEADS(type, 2)},          \
        {.name = "ties", .sizes = "N2 T6 C8 E24 G2", .fill = FILL_TIES, HEADS(type, 2)},           \
        {.name = "tiny", .sizes = "N2 T6 C8 E24 G2", .fill = FILL_TINY, HEADS(type, 2)},           \
    {                                                                                              \
        .name = "simple_vit batch", .sizes = "N128 T64 C384 E1152 G6", HEADS(type, 6),             \
        .is_for_bench = true                                                                       \
    }

static const struct kernel_case forward_cases[] = {
    CASES(attention_forward),
    {.name = "evaluation",
     .sizes = "N2 T6 C8 E24 G2",
     HEADS(attention_forward, 2),
     .absent = 1 << PROBABILITIES},
    {.name = "far from zero",
     .sizes = "N2 T6 C8 E24 G2",
     HEADS(attention_forward, 2),
     .fill = FILL_OFFSET},
    {.name = "simple_vit evaluation",
     .sizes = "N128 T64 C384 E1152 G6",
     HEADS(attention_forward, 6),
     .absent = 1 << PROBABILITIES,
     .is_for_bench = true},
};
static const struct kernel_case backward_cases[] = {CASES(attention_backward)};

/* Head g of image n; part 0 is q, 1 k, 2 v. */
struct place {
    int64_t n, g, n_heads, n_tokens, n_channels;
};

static int64_t at_qkv(const struct place *place, int part, int64_t token, int64_t c)
{
    return (place->n * place->n_tokens + token) * 3 * place->n_channels + part * place->n_channels +
           place->g * (place->n_channels / place->n_heads) + c;
}

static int64_t at_y(const struct place *place, int64_t token, int64_t c)
{
    return (place->n * place->n_tokens + token) * place->n_channels +
           place->g * (place->n_channels / place->n_heads) + c;
}

static int64_t at_pair(const struct place *place, int64_t j, int64_t i)
{
    return ((place->n * place->n_heads + place->g) * place->n_tokens + j) * place->n_tokens + i;
}

/* <k_j, q_i> / √width; *size: the same of absolute values. */
static long double score_of(const struct place *place, const double *qkv, int64_t j, int64_t i,
                            long double *size)
{
    int64_t width = place->n_channels / place->n_heads;
    long double sum = 0;

    *size = 0;
    for (int64_t c = 0; c < width; c++) {
        long double term = (long double)qkv[at_qkv(place, 1, j, c)] * qkv[at_qkv(place, 0, i, c)];
        sum += term;
        *size += fabsl(term);
    }
    *size /= sqrtl((long double)width);
    return sum / sqrtl((long double)width);
}

static void expect_token(struct expectation *expected, const struct place *place, int64_t i)
{
    const struct attention_forward *op = &expected->op.attention_forward;
    const double *qkv = reals(&op->qkv);
    long double most = -INFINITY, sum = 0, spread = 0, size;

    for (int64_t j = 0; j < place->n_tokens; j++) {
        most = fmaxl(most, score_of(place, qkv, j, i, &size));
        spread = fmaxl(spread, size);
    }
    for (int64_t j = 0; j < place->n_tokens; j++)
        sum += expl(score_of(place, qkv, j, i, &size) - most);
    for (int64_t j = 0; j < place->n_tokens; j++) {
        double p = (double)(expl(score_of(place, qkv, j, i, &size) - most) / sum);
        double error = p * (double)(1 + 2 * spread);
        if (op->probabilities.data != NULL) {
            reals(&op->probabilities)[at_pair(place, j, i)] = p;
            expected->magnitude[PROBABILITIES][at_pair(place, j, i)] = error;
        }
        for (int64_t c = 0; c < place->n_channels / place->n_heads; c++) {
            double v = qkv[at_qkv(place, 2, j, c)];
            reals(&op->y)[at_y(place, i, c)] += p * v;
            expected->magnitude[Y][at_y(place, i, c)] += error * fabs(v);
        }
    }
}

static void expect_forward(struct expectation *expected)
{
    const struct attention_forward *op = &expected->op.attention_forward;
    struct place place = {
        .n_heads = op->n_heads, .n_tokens = op->y.shape[1], .n_channels = op->y.shape[2]};

    for (place.n = 0; place.n < op->y.shape[0]; place.n++)
        for (place.g = 0; place.g < op->n_heads; place.g++)
            for (int64_t i = 0; i < place.n_tokens; i++)
                expect_token(expected, &place, i);
    expected->terms[Y] = expected->terms[PROBABILITIES] =
        (double)(place.n_tokens + place.n_channels / place.n_heads) + 4;
}

/* Probabilities that look like some: positive, a token's sum is about one. */
static void refine_backward(const struct kernel_case *test_case, union op_any *op,
                            struct random_stream *stream)
{
    const struct tensor *probabilities = &op->attention_backward.probabilities;

    (void)test_case;
    for (int64_t i = 0; i < tensor_elements(probabilities); i++)
        reals(probabilities)[i] =
            fabs(stream_normal(stream)) / (double)tensor_columns(probabilities);
}

/* d_p[j] = <v_j, d_y_i>, of absolute values in size. */
static double d_probability(const struct attention_backward *op, const struct place *place,
                            const int64_t pair[2], double *size)
{
    double sum = 0;

    *size = 0;
    for (int64_t c = 0; c < place->n_channels / place->n_heads; c++) {
        double term = reals(&op->qkv)[at_qkv(place, 2, pair[0], c)] *
                      reals(&op->d_y)[at_y(place, pair[1], c)];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static void accumulate(struct expectation *expected, int64_t at, double value, double size)
{
    reals(&expected->op.attention_backward.d_qkv)[at] += value;
    expected->magnitude[D_QKV][at] += size;
}

static void expect_gradient_token(struct expectation *expected, const struct place *place,
                                  int64_t i)
{
    const struct attention_backward *op = &expected->op.attention_backward;
    const double *qkv = reals(&op->qkv), *p = reals(&op->probabilities);
    int64_t width = place->n_channels / place->n_heads;
    double scale = 1 / sqrt((double)width), mean = 0, mean_size = 0, size;

    for (int64_t j = 0; j < place->n_tokens; j++) {
        double probability = p[at_pair(place, j, i)];
        mean += probability * d_probability(op, place, (int64_t[]){j, i}, &size);
        mean_size += probability * size;
    }
    for (int64_t j = 0; j < place->n_tokens; j++) {
        double probability = p[at_pair(place, j, i)];
        double d_p = d_probability(op, place, (int64_t[]){j, i}, &size);
        double d_s = scale * probability * (d_p - mean);
        double d_s_size = scale * probability * (size + mean_size);
        for (int64_t c = 0; c < width; c++) {
            double q = qkv[at_qkv(place, 0, i, c)], k = qkv[at_qkv(place, 1, j, c)];
            double d_y = reals(&op->d_y)[at_y(place, i, c)];
            accumulate(expected, at_qkv(place, 0, i, c), d_s * k, d_s_size * fabs(k));
            accumulate(expected, at_qkv(place, 1, j, c), d_s * q, d_s_size * fabs(q));
            accumulate(expected, at_qkv(place, 2, j, c), probability * d_y,
                       probability * fabs(d_y));
        }
    }
}

static void expect_backward(struct expectation *expected)
{
    const struct attention_backward *op = &expected->op.attention_backward;
    struct place place = {
        .n_heads = op->n_heads, .n_tokens = op->d_y.shape[1], .n_channels = op->d_y.shape[2]};

    for (place.n = 0; place.n < op->d_y.shape[0]; place.n++)
        for (place.g = 0; place.g < op->n_heads; place.g++)
            for (int64_t i = 0; i < place.n_tokens; i++)
                expect_gradient_token(expected, &place, i);
    expected->terms[D_QKV] = (double)(2 * place.n_tokens + place.n_channels / place.n_heads) + 4;
}

/* Σ y² / 2 */
static double half_square(void *context)
{
    const union op_any *op = context;
    const struct tensor *y = &op->attention_forward.y;

    run_ref(OP_attention_forward, op);
    return dot(reals(y), reals(y), tensor_elements(y)) / 2;
}

static void check_gradient(void)
{
    enum { IMAGES = 2, TOKENS = 3, CHANNELS = 4, HEADS = 2, N = IMAGES * TOKENS * CHANNELS };
    double qkv[3 * N], y[N], p[IMAGES * HEADS * TOKENS * TOKENS], d_qkv[3 * N], wanted[3 * N];
    struct random_stream stream = test_stream(OP_attention_backward, 2000);
    struct tensor rows = {qkv, DTYPE_F64, 3, {IMAGES, TOKENS, 3 * CHANNELS}};
    struct tensor d_rows = {d_qkv, DTYPE_F64, 3, {IMAGES, TOKENS, 3 * CHANNELS}};
    struct tensor out = {y, DTYPE_F64, 3, {IMAGES, TOKENS, CHANNELS}};
    struct tensor pairs = {p, DTYPE_F64, 4, {IMAGES, HEADS, TOKENS, TOKENS}};
    union op_any forward = {
        .attention_forward = {.qkv = rows, .y = out, .probabilities = pairs, .n_heads = HEADS}};
    union op_any backward = {
        .attention_backward = {
            .qkv = rows, .probabilities = pairs, .d_y = out, .d_qkv = d_rows, .n_heads = HEADS}};

    stream_fill(&stream, FILL_NORMAL, qkv, 3 * N);
    central_difference(half_square, &forward, qkv, 3 * N, wanted);
    run_ref(OP_attention_forward, &forward);
    run_ref(OP_attention_backward, &backward);
    check_gradients(d_qkv, wanted, 3 * N, "attention_backward");
}

/* Two products of tokens × tokens × width per head forward, four backward. */
static double forward_flops(const union op_any *op)
{
    const struct tensor *y = &op->attention_forward.y;

    return 4.0 * (double)tensor_elements(y) * (double)y->shape[1];
}

static double backward_flops(const union op_any *op)
{
    const struct tensor *d_y = &op->attention_backward.d_y;

    return 8.0 * (double)tensor_elements(d_y) * (double)d_y->shape[1];
}

const struct kernel_test test_attention_forward = {.cases = forward_cases,
                                                   .n_cases =
                                                       sizeof forward_cases / sizeof *forward_cases,
                                                   .expect = expect_forward,
                                                   .flops = forward_flops};
const struct kernel_test test_attention_backward = {.cases = backward_cases,
                                                    .n_cases = sizeof backward_cases /
                                                               sizeof *backward_cases,
                                                    .refine = refine_backward,
                                                    .expect = expect_backward,
                                                    .check_gradient = check_gradient,
                                                    .flops = backward_flops};
