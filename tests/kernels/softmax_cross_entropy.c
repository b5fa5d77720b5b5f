/* Cross-entropy, against its definition in extended precision; the gradient by differences. */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

enum { LOSS = 2, D_LOGITS = 3, SAMPLE_LOSS = 4 };

static const struct kernel_case cases[] = {
    {.name = "head", .sizes = "N7 K10"},
    {.name = "one element", .sizes = "N1 K1"},
    {.name = "odd", .sizes = "N33 K17"},
    {.name = "100 classes", .sizes = "N5 K100"},
    {.name = "zeros", .sizes = "N4 K10", .fill = FILL_ZERO},
    {.name = "ties", .sizes = "N9 K3", .fill = FILL_TIES},
    {.name = "far from zero", .sizes = "N9 K10", .fill = FILL_OFFSET},
    {.name = "huge", .sizes = "N6 K10", .fill = FILL_HUGE},
    {.name = "tiny", .sizes = "N6 K10", .fill = FILL_TINY},
    {.name = "rows left out", .sizes = "N9 K10"},
    {.name = "all rows left out", .sizes = "N3 K10"},
    {.name = "loss alone", .sizes = "N7 K10", .absent = 1 << D_LOGITS | 1 << SAMPLE_LOSS},
    {.name = "no sample losses", .sizes = "N7 K10", .absent = 1 << SAMPLE_LOSS},
    {.name = "evaluation", .sizes = "N300 K10", .absent = 1 << D_LOGITS},
    {.name = "resnet20 batch", .sizes = "N128 K10", .is_for_bench = true},
};

static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    int32_t *labels = op->softmax_cross_entropy.labels.data;
    uint32_t n_classes = (uint32_t)op->softmax_cross_entropy.logits.shape[1];

    for (int64_t n = 0; n < op->softmax_cross_entropy.labels.shape[0]; n++) {
        labels[n] = stream_below(stream, n_classes);
        if (strstr(test_case->name, "left out") != NULL &&
            (test_case->name[0] == 'a' || n % 3 == 1))
            labels[n] = -1;
    }
}

static void expect_row(struct expectation *expected, int64_t n, double n_counted)
{
    const struct softmax_cross_entropy *op = &expected->op.softmax_cross_entropy;
    int64_t n_classes = op->logits.shape[1];
    const double *logits = reals(&op->logits) + n * n_classes;
    int32_t label = ((const int32_t *)op->labels.data)[n];
    long double most = logits[0], sum = 0;

    for (int64_t k = 0; k < n_classes; k++)
        most = fmaxl(most, logits[k]);
    for (int64_t k = 0; k < n_classes; k++)
        sum += expl(logits[k] - most);
    if (label < 0)
        return; /* zero, exactly */
    double loss = (double)(most - logits[label] + logl(sum));
    double size = (double)(fabsl(most) + fabs(logits[label]) + logl(sum) + 1);
    *reals(&op->loss) += loss / n_counted;
    expected->magnitude[LOSS][0] += size / n_counted;
    if (op->sample_loss.data != NULL) {
        reals(&op->sample_loss)[n] = loss;
        expected->magnitude[SAMPLE_LOSS][n] = size;
    }
    for (int64_t k = 0; op->d_logits.data != NULL && k < n_classes; k++) {
        double share = (double)(expl(logits[k] - most) / sum), one = k == label ? 1.0 : 0.0;
        double exponent = (double)(fabs(logits[k]) + fabsl(most)); /* its rounding scales share */
        reals(&op->d_logits)[n * n_classes + k] = (share - one) / n_counted;
        expected->magnitude[D_LOGITS][n * n_classes + k] =
            (share * (2 + (share > 0 && share < 1 ? exponent : 0)) + one) / n_counted;
    }
}

static void expect(struct expectation *expected)
{
    const struct softmax_cross_entropy *op = &expected->op.softmax_cross_entropy;
    int64_t n_rows = op->logits.shape[0];
    double n_counted = 0;

    expected->terms[LOSS] = (double)(n_rows + op->logits.shape[1]);
    expected->terms[SAMPLE_LOSS] = expected->terms[D_LOGITS] = (double)op->logits.shape[1] + 2;
    for (int64_t n = 0; n < n_rows; n++)
        n_counted += ((const int32_t *)op->labels.data)[n] >= 0;
    for (int64_t n = 0; n < n_rows; n++)
        expect_row(expected, n, n_counted);
}

static double loss_of(void *context)
{
    const union op_any *op = context;

    run_ref(OP_softmax_cross_entropy, op);
    return *reals(&op->softmax_cross_entropy.loss);
}

static void check_gradient(void)
{
    enum { ROWS = 4, CLASSES = 5 };
    double logits[ROWS * CLASSES], d_logits[ROWS * CLASSES], wanted[ROWS * CLASSES], loss;
    int32_t labels[ROWS] = {3, -1, 0, 4};
    struct random_stream stream = test_stream(OP_softmax_cross_entropy, 2000);
    union op_any op = {.softmax_cross_entropy = {.logits = {logits, DTYPE_F64, 2, {ROWS, CLASSES}},
                                                 .labels = {labels, DTYPE_I32, 1, {ROWS}},
                                                 .loss = {&loss, DTYPE_F64, 1, {1}}}};

    stream_fill(&stream, FILL_NORMAL, logits, ROWS * CLASSES);
    central_difference(loss_of, &op, logits, ROWS * CLASSES, wanted);
    op.softmax_cross_entropy.d_logits = (struct tensor){d_logits, DTYPE_F64, 2, {ROWS, CLASSES}};
    run_ref(OP_softmax_cross_entropy, &op);
    check_gradients(d_logits, wanted, ROWS * CLASSES, "softmax_cross_entropy");
}

const struct kernel_test test_softmax_cross_entropy = {.cases = cases,
                                                       .n_cases = sizeof cases / sizeof *cases,
                                                       .refine = refine,
                                                       .expect = expect,
                                                       .check_gradient = check_gradient};
