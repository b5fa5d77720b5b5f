/* Cross-entropy, against its definition in extended precision; the gradient by differences. */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

enum { LOSS = 2, D_LOGITS, SAMPLE_LOSS, PARTNER_LABELS, MIX };
enum { UNMIXED = 1 << PARTNER_LABELS | 1 << MIX };

#define ENTROPY(case_name, n, without, ...)                                                        \
    {                                                                                              \
        .name = case_name, .sizes = n, .absent = without, __VA_ARGS__                              \
    }
#define SMOOTHED .attributes.softmax_cross_entropy.smoothing
#define WEIGHTED .attributes.softmax_cross_entropy.weight

static const struct kernel_case cases[] = {
    ENTROPY("head", "N7 K10", UNMIXED),
    ENTROPY("one element", "N1 K1", UNMIXED),
    ENTROPY("odd", "N33 K17", UNMIXED),
    ENTROPY("100 classes", "N5 K100", UNMIXED),
    ENTROPY("zeros", "N4 K10", UNMIXED, .fill = FILL_ZERO),
    ENTROPY("ties", "N9 K3", UNMIXED, .fill = FILL_TIES),
    ENTROPY("far from zero", "N9 K10", UNMIXED, .fill = FILL_OFFSET),
    ENTROPY("huge", "N6 K10", UNMIXED, .fill = FILL_HUGE),
    ENTROPY("tiny", "N6 K10", UNMIXED, .fill = FILL_TINY),
    ENTROPY("rows left out", "N9 K10", UNMIXED),
    ENTROPY("all rows left out", "N3 K10", UNMIXED),
    ENTROPY("loss alone", "N7 K10", 1 << D_LOGITS | 1 << SAMPLE_LOSS | UNMIXED),
    ENTROPY("no sample losses", "N7 K10", 1 << SAMPLE_LOSS | UNMIXED),
    ENTROPY("evaluation", "N300 K10", 1 << D_LOGITS | UNMIXED),
    ENTROPY("smoothed", "N7 K10", UNMIXED, SMOOTHED = 0.1),
    ENTROPY("smoothed, 100 classes", "N5 K100", UNMIXED, SMOOTHED = 0.3),
    ENTROPY("smoothed, loss alone", "N7 K10", 1 << D_LOGITS | 1 << SAMPLE_LOSS | UNMIXED,
            SMOOTHED = 0.1),
    ENTROPY("smoothed, far from zero", "N9 K10", UNMIXED, .fill = FILL_OFFSET, SMOOTHED = 0.9),
    ENTROPY("mixed", "N33 K17", 0, .factor = 0.3),
    ENTROPY("mixed, one class", "N3 K1", 0, .factor = 0.3),
    ENTROPY("mixed, first alone", "N7 K10", 0, .factor = 1),
    ENTROPY("mixed, second alone", "N7 K10", 0, .factor = 0),
    ENTROPY("mixed, huge", "N6 K10", 0, .factor = 0.5, .fill = FILL_HUGE),
    ENTROPY("mixed and smoothed", "N40 K5", 0, .factor = 0.7, SMOOTHED = 0.1),
    ENTROPY("mixed and smoothed, rows left out", "N9 K10", 0, .factor = 0.7, SMOOTHED = 0.1),
    ENTROPY("all rows left out, mixed", "N3 K10", 0, .factor = 0.7, SMOOTHED = 0.1),
    ENTROPY("ascending", "N7 K10", UNMIXED, WEIGHTED = -1),
    ENTROPY("ascending, rows left out", "N9 K10", UNMIXED, WEIGHTED = -1),
    ENTROPY("weighted, mixed and smoothed", "N40 K5", 0, .factor = 0.7, SMOOTHED = 0.1,
            WEIGHTED = 0.3),
    ENTROPY("resnet20 batch", "N128 K10", UNMIXED, .is_for_bench = true),
    ENTROPY("resnet20 batch, mixed", "N128 K10", 0, .factor = 0.7, SMOOTHED = 0.1,
            .is_for_bench = true),
};

static void refine(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream)
{
    int32_t *labels = op->softmax_cross_entropy.labels.data;
    int32_t *partners = op->softmax_cross_entropy.partner_labels.data;
    uint32_t n_classes = (uint32_t)op->softmax_cross_entropy.logits.shape[1];

    if (op->softmax_cross_entropy.weight == 0)
        op->softmax_cross_entropy.weight = 1;
    for (int64_t n = 0; n < op->softmax_cross_entropy.labels.shape[0]; n++) {
        labels[n] = stream_below(stream, n_classes);
        if (strstr(test_case->name, "left out") != NULL &&
            (test_case->name[0] == 'a' || n % 3 == 1))
            labels[n] = -1;
        if (partners != NULL)
            partners[n] = stream_below(stream, n_classes);
    }
}

/* The probability of class k that row n is to have. */
static double target(const struct softmax_cross_entropy *op, int64_t n, int64_t k)
{
    int32_t label = ((const int32_t *)op->labels.data)[n];
    double one = k == label ? 1 : 0;

    if (op->partner_labels.data != NULL) {
        double mix = *reals(&op->mix);
        int32_t partner = ((const int32_t *)op->partner_labels.data)[n];
        one = mix * one + (1 - mix) * (k == partner ? 1 : 0);
    }
    return (1 - op->smoothing) * one + op->smoothing / (double)op->logits.shape[1];
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
    double loss = 0, size = 0;
    for (int64_t k = 0; k < n_classes; k++) {
        loss += (double)(target(op, n, k) * (most - logits[k] + logl(sum)));
        size += target(op, n, k) * (double)(fabsl(most) + fabs(logits[k]) + logl(sum) + 1);
    }
    *reals(&op->loss) += op->weight * loss / n_counted;
    expected->magnitude[LOSS][0] += fabs(op->weight) * size / n_counted;
    if (op->sample_loss.data != NULL) {
        reals(&op->sample_loss)[n] = loss;
        expected->magnitude[SAMPLE_LOSS][n] = size;
    }
    for (int64_t k = 0; op->d_logits.data != NULL && k < n_classes; k++) {
        double share = (double)(expl(logits[k] - most) / sum), wanted = target(op, n, k);
        double exponent = (double)(fabs(logits[k]) + fabsl(most)); /* its rounding scales share */
        reals(&op->d_logits)[n * n_classes + k] = op->weight * (share - wanted) / n_counted;
        expected->magnitude[D_LOGITS][n * n_classes + k] =
            fabs(op->weight) * (share * (2 + (share > 0 && share < 1 ? exponent : 0)) + wanted) /
            n_counted;
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

enum { ROWS = 4, CLASSES = 3 };

struct fixture {
    double logits[ROWS * CLASSES], d_logits[ROWS * CLASSES], loss, mix;
    int32_t labels[ROWS], partners[ROWS];
};

static union op_any op_of(struct fixture *fixture, double smoothing, double weight)
{
    union op_any op = {
        .softmax_cross_entropy = {.logits = {fixture->logits, DTYPE_F64, 2, {ROWS, CLASSES}},
                                  .labels = {fixture->labels, DTYPE_I32, 1, {ROWS}},
                                  .loss = {&fixture->loss, DTYPE_F64, 1, {1}},
                                  .d_logits = {fixture->d_logits, DTYPE_F64, 2, {ROWS, CLASSES}},
                                  .smoothing = smoothing,
                                  .weight = weight}};

    if (fixture->mix < 1) {
        op.softmax_cross_entropy.partner_labels =
            (struct tensor){fixture->partners, DTYPE_I32, 1, {ROWS}};
        op.softmax_cross_entropy.mix = (struct tensor){&fixture->mix, DTYPE_F64, 1, {1}};
    }
    return op;
}

/* torch.nn.functional.cross_entropy of PyTorch 1.13 in float64, and mix times that of the labels
 * plus 1 − mix times that of their partners. */
static const struct {
    double smoothing, mix, loss, d_logits[ROWS * CLASSES];
} golden[] = {
    {0,
     1,
     1.655032064805485,
     {0.05894006070248143, 0.01024224677547881, -0.06918230747796024, -0.2229645937685486,
      0.1489822151825867, 0.07398237858596197, 0, 0, 0, 0.2935314626600013, -0.32446945120887527,
      0.030937988548873977}},
    {0.1,
     1,
     1.6561431759165963,
     {0.047828949591370316, -0.0008688643356323014, -0.04696008525573804, -0.2007423715463264,
      0.13787110407147563, 0.06287126747485088, 0, 0, 0, 0.2824203515488903, -0.30224722898665307,
      0.01982687743776287}},
    {0,
     0.3,
     2.506698731472152,
     {0.05894006070248143, -0.2230910865578545, 0.16415102585537306, 0.010368739564784707,
      0.1489822151825867, -0.15935095474737135, 0, 0, 0, 0.2935314626600013, -0.32446945120887527,
      0.030937988548873974}},
    {0.1,
     0.3,
     2.4226431759165963,
     {0.047828949591370316, -0.2108688643356323, 0.16303991474426197, 0.009257628453673596,
      0.1378711040714756, -0.14712873252514913, 0, 0, 0, 0.2824203515488902, -0.30224722898665307,
      0.019826877437762864}},
};

static void check_golden(struct device *device)
{
    const struct fixture start = {
        .logits = {0.5, -1.25, 2.0, 0.1, 0.4, -0.3, -2.0, 0.25, 1.0, 3.0, -0.5, 0.75},
        .labels = {2, 0, -1, 1},
        .partners = {1, 2, 0, 1},
    };
    double rounding = number_rounding(device_map(device)), epsilon = arithmetic_epsilon(device);

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct fixture fixture = start;
        fixture.mix = golden[i].mix;
        union op_any op = op_of(&fixture, golden[i].smoothing, 1);
        (void)run_on(device, OP_softmax_cross_entropy, &op);
        check_near(fixture.loss, golden[i].loss, 8 * epsilon * golden[i].loss, "loss");
        for (int j = 0; j < ROWS * CLASSES; j++)
            check_near(fixture.d_logits[j], golden[i].d_logits[j], rounding + 4 * epsilon,
                       "d_logits");
    }
}

static void check_gradient(void)
{
    const struct {
        double smoothing, mix, weight;
    } settings[] = {{0, 1, 1}, {0.1, 1, 1}, {0, 0.3, 1}, {0.2, 0.6, 1}, {0.2, 0.6, -2}};

    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct fixture fixture = {
            .mix = settings[i].mix, .labels = {2, -1, 0, 1}, .partners = {0, 1, 0, 2}};
        struct random_stream stream = test_stream(OP_softmax_cross_entropy, 2000);
        double wanted[ROWS * CLASSES];
        union op_any op = op_of(&fixture, settings[i].smoothing, settings[i].weight);
        stream_fill(&stream, FILL_NORMAL, fixture.logits, ROWS * CLASSES);
        central_difference(loss_of, &op, fixture.logits, ROWS * CLASSES, wanted);
        run_ref(OP_softmax_cross_entropy, &op);
        check_gradients(fixture.d_logits, wanted, ROWS * CLASSES, "softmax_cross_entropy");
    }
}

const struct kernel_test test_softmax_cross_entropy = {.cases = cases,
                                                       .n_cases = sizeof cases / sizeof *cases,
                                                       .refine = refine,
                                                       .expect = expect,
                                                       .check_gradient = check_gradient,
                                                       .check_device = check_golden};
