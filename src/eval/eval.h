/* From a model's outputs per image to UA, RA, TA and MIA. Fractions, not percent. Host, float64. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "base/arena.h"
#include "data/dataset.h"

/* Per image of one table: written by the trainer from logits. */
struct predictions {
    int64_t n;
    int n_classes;
    double *loss;       /* [n] cross-entropy, nats (log-sum-exp in float64) */
    double *margin;     /* [n] logit of the label minus the largest other logit */
    int32_t *argmax;    /* [n] first of the largest */
    int32_t *labels;    /* [n] */
    float *probability; /* [n, n_classes] softmax, rounded from float64 */
};
CHECKED enum status predictions_create(struct arena *arena, int64_t n, int n_classes,
                                       struct predictions *out);
/* Fills rows [first, first + count) from row-major logits [count, n_classes] (double). NaN logits:
 * loss and probabilities NaN, argmax −1. */
void predictions_set(struct predictions *predictions, int64_t first, int64_t count,
                     const double *logits, const int32_t *labels);

enum { EVAL_MAX_METRICS = 32 };
struct metric {
    const char *name; /* "UA"; static text */
    double value;     /* NaN when it does not apply */
};
struct metrics {
    int n;
    struct metric items[EVAL_MAX_METRICS];
};

struct eval_inputs {
    const struct predictions *train, *test; /* of the whole tables */
    const struct split *split;
    uint64_t eval_seed; /* draws the attack's samples */
};
enum { MIA_MOST_MEMBERS = 9000, MIA_MOST_NON_MEMBERS = 5000 };
/* UA RA TA MIA forget_accuracy_train forget_accuracy_test test_accuracy_all MIA_loss_lr_w
 * MIA_loss_lr_b. UA = 1 − accuracy on D_f; RA on D_r; TA on the test images without the forgotten
 * class. NaN where a set is empty. validation_accuracy where images are set aside.
 * MIA: the attack is fitted on at most 9000 images drawn from D_r (members) and at most 5000 drawn
 * from the test images without the forgotten class (non-members), all of them when there are fewer;
 * it is the share of D_f with w·loss + b > 0. That the non-members leave the forgotten class out,
 * as D_t does for TA, is what reproduces the reference fit of the published ResNet-20 on class 3
 * (w = 2.387217, b = −1.808271, 3 of 448); with every test image w would be 2.507458, and 4 of 448.
 * Fails DIVERGED when a loss is not finite. */
CHECKED enum status metrics_compute(const struct eval_inputs *inputs, struct metrics *out);

/* Logistic regression on one feature: minimises ½w² + Σ log-loss (C = 1), intercept unpenalised,
 * by damped Newton steps until the gradient is below 1e-10 of the sum of its terms' sizes. y = 1
 * for non-members. The order of the losses moves only the last bits. Fails BAD_DATA when either
 * side is empty, DIVERGED when a loss is not finite. */
struct logistic_fit {
    double w, b;
};
CHECKED enum status mia_fit_loss_lr(const double *member, int64_t n_member,
                                    const double *non_member, int64_t n_non_member,
                                    struct logistic_fit *out);

/* ---- against a model retrained without D_f: pure functions, NaN in gives NaN out ---- */

struct scores {
    double ua, ra, ta, mia;
};
/* mean(|ΔUA|, |ΔRA|, |ΔTA|, |ΔMIA|): 0 for a model that does as the retrained one. */
double average_gap(const struct scores *model, const struct scores *retrained);
/* (1 − |ΔUA|)(1 − |ΔRA|)(1 − |ΔTA|), "tug of war": 1 for a model that does as the retrained one. */
double tug_of_war(const struct scores *model, const struct scores *retrained);
/* The Jensen-Shannon distance of two models' predictions, sqrt(JSD) in base 2, averaged over
 * images: each image is one distribution over the classes, so JSD sums over classes and only the
 * distances are averaged. In [0, 1].
 *   p, q  [n, n_classes]  read; rows sum to 1 within float32's rounding, which
 *                         is divided out
 * NaN when n is 0. BAD_DATA naming the first row that is no distribution. */
CHECKED enum status js_distance(const float *p, const float *q, int64_t n, int64_t n_classes,
                                double *out);
/* shares [n_classes] written: which share of `images` (rows of predictions) each class is chosen
 * for. Images without a choice (NaN logits) count for none; NaN when n is 0. */
void confusion_profile(const struct predictions *predictions, const int32_t *images, int64_t n,
                       double *shares);
/* ½Σ|p − q| of two profiles [n_classes], the total variation distance. In [0, 1]. */
double confusion_distance(const double *p, const double *q, int64_t n_classes);

#endif
