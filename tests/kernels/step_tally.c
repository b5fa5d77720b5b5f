/* The totals of training steps, which are counts and exact sums: no error is allowed. */
#include "kernels/kernel_test.h"

#include <math.h>
#include <string.h>

static const struct kernel_case cases[] = {
    {.name = "head", .sizes = "N7 K10", .rates = {0.1, 5}},
    {.name = "one element", .sizes = "N1 K1", .rates = {0.1, 1}},
    {.name = "ties", .sizes = "N90 K3", .fill = FILL_TIES, .rates = {0.1, 5}},
    {.name = "zeros", .sizes = "N40 K10", .fill = FILL_ZERO, .rates = {0.1, 5}},
    {.name = "huge", .sizes = "N6 K10", .fill = FILL_HUGE, .rates = {0.1, 5}},
    {.name = "more rows than threads", .sizes = "N300 K10", .rates = {0.1, 5}},
    {.name = "rows left out", .sizes = "N9 K10", .rates = {0.1, 5}},
    {.name = "all rows left out", .sizes = "N3 K10", .rates = {0.1, 5}},
    {.name = "NaN among logits", .sizes = "N33 K10", .rates = {0.1, 5}},
    {.name = "infinities among logits", .sizes = "N33 K10", .rates = {0.1, 5}},
    {.name = "bad step: nan", .sizes = "N7 K10", .rates = {0.1, 6}},
    {.name = "bad step: inf", .sizes = "N7 K10", .rates = {0.1, 123456789}},
    {.name = "bad step: -inf", .sizes = "N7 K10", .rates = {0.1, 7}},
    {.name = "bad step: second", .sizes = "N7 K10", .rates = {0.1, 8}},
    {.name = "after a bad step", .sizes = "N7 K10", .rates = {0.1, 8}},
    {.name = "resnet20 batch", .sizes = "N128 K10", .rates = {0.1, 5}, .is_for_bench = true},
};

static double bad_loss(const char *name)
{
    const char *which = strstr(name, "bad step: ");

    if (which == NULL)
        return 0;
    which += strlen("bad step: ");
    return which[0] == 'n' ? (double)NAN : which[0] == '-' ? -(double)INFINITY : (double)INFINITY;
}

static void spoil_logits(const struct kernel_case *test_case, const struct step_tally *op)
{
    double value = strncmp(test_case->name, "NaN", 3) == 0   ? (double)NAN
                   : strncmp(test_case->name, "inf", 3) == 0 ? (double)INFINITY
                                                             : 0;

    for (int64_t i = 0; value != 0 && i < tensor_elements(&op->logits); i += 7)
        reals(&op->logits)[i] = i % 2 == 0 ? value : -value;
}

static void refine(const struct kernel_case *test_case, union op_any *any,
                   struct random_stream *stream)
{
    const struct step_tally *op = &any->step_tally;
    int32_t *labels = op->labels.data;
    double bad = bad_loss(test_case->name);
    bool is_second = strstr(test_case->name, "second") != NULL;
    const double totals[N_STEP_TOTALS] = {1.25, 30, 40, 0.5, 0, 0};

    memcpy(op->totals.data, totals, sizeof totals);
    if (is_second || strstr(test_case->name, "after") != NULL) {
        reals(&op->totals)[TOTAL_BAD_STEP] = 3;
        reals(&op->totals)[TOTAL_BAD_LOSS] = -(double)INFINITY;
    }
    if (bad != 0)
        *reals(&op->loss) = bad;
    spoil_logits(test_case, op);
    for (int64_t n = 0; n < op->labels.shape[0]; n++) {
        labels[n] = stream_below(stream, (uint32_t)op->logits.shape[1]);
        if (strstr(test_case->name, "left out") != NULL &&
            (test_case->name[0] == 'a' || n % 3 == 1))
            labels[n] = -1;
    }
}

/* The first of the largest, or −1 where there is none because of a NaN. */
static int64_t choice(const double *logits, int64_t n_classes)
{
    int64_t best = 0;

    for (int64_t k = 0; k < n_classes; k++) {
        if (isnan(logits[k]))
            return -1;
        if (logits[k] > logits[best])
            best = k;
    }
    return best;
}

static void expect(struct expectation *expected)
{
    const struct step_tally *op = &expected->op.step_tally;
    const int32_t *labels = op->labels.data;
    double *totals = reals(&op->totals), loss = *reals(&op->loss);
    int64_t n_classes = op->logits.shape[1], n_counted = 0, n_right = 0;

    for (int64_t n = 0; n < op->logits.shape[0]; n++) {
        n_counted += labels[n] >= 0;
        n_right +=
            labels[n] >= 0 && choice(reals(&op->logits) + n * n_classes, n_classes) == labels[n];
    }
    totals[TOTAL_LAST_LOSS] = loss;
    if (!isfinite(loss)) {
        if (totals[TOTAL_BAD_STEP] == 0) {
            totals[TOTAL_BAD_STEP] = reals(&op->rates)[1];
            totals[TOTAL_BAD_LOSS] = loss;
        }
        return;
    }
    totals[TOTAL_LOSS] += loss * (double)n_counted;
    totals[TOTAL_RIGHT] += (double)n_right;
    totals[TOTAL_ROWS] += (double)n_counted;
}

const struct kernel_test test_step_tally = {
    .cases = cases, .n_cases = sizeof cases / sizeof *cases, .refine = refine, .expect = expect};
