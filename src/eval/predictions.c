/* What a classifier says of every image: cross-entropy, margin, choice and probabilities, from
 * its logits in float64. */
#include "eval/eval.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

enum status predictions_create(struct arena *arena, int64_t n, int n_classes,
                               struct predictions *out)
{
    enum status status = STATUS_OK;
    struct predictions predictions = {.n = n, .n_classes = n_classes};

    assert(n_classes >= 2);
    TRY_ALLOC(predictions.loss, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(predictions.margin, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(predictions.argmax, ARENA_ARRAY(arena, n, int32_t));
    TRY_ALLOC(predictions.labels, ARENA_ARRAY(arena, n, int32_t));
    TRY_ALLOC(predictions.probability, ARENA_ARRAY(arena, n * n_classes, float));
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

/* softmax by the largest logit first, so that nothing overflows. */
static void set_probabilities(const double *logits, int n_classes, float *row)
{
    double largest = logits[first_of_largest(logits, n_classes)], sum = 0.0;

    for (int k = 0; k < n_classes; k++)
        sum += exp(logits[k] - largest);
    for (int k = 0; k < n_classes; k++)
        row[k] = (float)(exp(logits[k] - largest) / sum);
}

static void set_row(struct predictions *predictions, int64_t row, const double *logits)
{
    int label = predictions->labels[row], n_classes = predictions->n_classes;
    float *probability = predictions->probability + row * n_classes;

    if (has_nan(logits, n_classes)) {
        predictions->loss[row] = NAN;
        predictions->margin[row] = NAN;
        predictions->argmax[row] = -1;
        for (int k = 0; k < n_classes; k++)
            probability[k] = NAN;
        return;
    }
    predictions->loss[row] = cross_entropy(logits, n_classes, label);
    predictions->margin[row] = logits[label] - largest_other(logits, n_classes, label);
    predictions->argmax[row] = first_of_largest(logits, n_classes);
    set_probabilities(logits, n_classes, probability);
}

void predictions_set(struct predictions *predictions, int64_t first, int64_t count,
                     const double *logits, const int32_t *labels)
{
    int n_classes = predictions->n_classes;

    assert(first >= 0 && count >= 0 && first + count <= predictions->n);
    for (int64_t i = 0; i < count; i++) {
        assert(labels[i] >= 0 && labels[i] < n_classes);
        predictions->labels[first + i] = labels[i];
        set_row(predictions, first + i, logits + i * n_classes);
    }
}
