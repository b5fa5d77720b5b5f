/* What a classifier says of every image: cross-entropy, margin and choice, from its logits in
 * float64. */
#include "eval/eval.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

enum status predictions_create(struct arena *arena, int64_t n, struct predictions *out)
{
    enum status status = STATUS_OK;
    struct predictions predictions = {.n = n};

    TRY_ALLOC(predictions.loss, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(predictions.margin, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(predictions.argmax, ARENA_ARRAY(arena, n, int32_t));
    TRY_ALLOC(predictions.labels, ARENA_ARRAY(arena, n, int32_t));
    *out = predictions;
done:
    return status;
}

static bool has_nan(const double *logits, int n_classes)
{
    for (int k = 0; k < n_classes; k++) {
        if (isnan(logits[k]))
            return true;
    }
    return false;
}

static int first_of_largest(const double *logits, int n_classes)
{
    int best = 0;

    for (int k = 1; k < n_classes; k++) {
        if (logits[k] > logits[best])
            best = k;
    }
    return best;
}

static double largest_other(const double *logits, int n_classes, int label)
{
    double largest = -INFINITY;

    for (int k = 0; k < n_classes; k++) {
        if (k != label && logits[k] > largest)
            largest = logits[k];
    }
    return largest;
}

/* −log softmax(logits)[label], by the largest logit first (log-sum-exp). */
static double cross_entropy(const double *logits, int n_classes, int label)
{
    double largest = logits[first_of_largest(logits, n_classes)], sum = 0.0;

    for (int k = 0; k < n_classes; k++)
        sum += exp(logits[k] - largest);
    return log(sum) + (largest - logits[label]);
}

static void set_row(struct predictions *predictions, int64_t row, const double *logits,
                    int n_classes)
{
    int label = predictions->labels[row];

    if (has_nan(logits, n_classes)) {
        predictions->loss[row] = NAN;
        predictions->margin[row] = NAN;
        predictions->argmax[row] = -1;
        return;
    }
    predictions->loss[row] = cross_entropy(logits, n_classes, label);
    predictions->margin[row] = logits[label] - largest_other(logits, n_classes, label);
    predictions->argmax[row] = first_of_largest(logits, n_classes);
}

void predictions_set(struct predictions *predictions, int64_t first, const struct logit_rows *rows)
{
    int n_classes = rows->n_classes;

    assert(first >= 0 && rows->count >= 0 && first + rows->count <= predictions->n);
    assert(n_classes >= 2);
    for (int64_t i = 0; i < rows->count; i++) {
        assert(rows->labels[i] >= 0 && rows->labels[i] < n_classes);
        predictions->labels[first + i] = rows->labels[i];
        set_row(predictions, first + i, rows->logits + i * n_classes, n_classes);
    }
}
