/* From a model's outputs per image to UA, RA, TA and MIA. Fractions, not percent. Host, float64. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "base/arena.h"
#include "config/settings.h"
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
    int64_t batch_size; /* how many were computed at a time; 0: not told */
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

struct logistic_fit {
    double w, b; /* non-member when w·feature + b > 0 */
};
struct eval_inputs {
    const struct predictions *train, *test; /* of the whole tables */
    const struct split *split;
    uint64_t eval_seed;                /* draws the attacks' samples */
    const struct attack_list *attacks; /* at least one */
};
/* UA RA TA MIA forget_accuracy_train forget_accuracy_test test_accuracy_all ECE, then MIA_<attack>
 * of each attack, with MIA_<attack>_w and _b where it is a logistic regression (eval/attack.h).
 * UA = 1 − accuracy on D_f; RA on D_r; TA and ECE on the test images without the forgotten class;
 * MIA the first attack's. NaN where a set is empty. validation_accuracy where images are set aside.
 * Fails DIVERGED when a loss that an attack or ECE uses is not finite. */
CHECKED enum status metrics_compute(const struct eval_inputs *inputs, struct metrics *out);

/* Expected calibration error over `images` (rows of predictions): the largest probability of each
 * is put into one of 15 bins ((m−1)/15, m/15]; Σ |bin|/n · |accuracy − mean probability|. NaN when
 * n is 0. Fails DIVERGED naming the `table`'s image whose probabilities are NaN. Source: Guo et
 * al., arXiv:1706.04599, equation 3. */
enum { CALIBRATION_BINS = 15 };
CHECKED enum status calibration_error(const struct predictions *predictions, const char *table,
                                      const int32_t *images, int64_t n, double *out);

/* What is chosen for the images of each class, over both lists (rows of predictions). */
struct image_list {
    const int32_t *images;
    int64_t n;
};
struct confusion_matrix {
    int n_classes;
    int64_t *counts;  /* [n_classes, n_classes] images of the row's class for which the column's is
                         chosen; those without a choice (NaN logits) are in no column */
    double *accuracy; /* [n_classes] share of the class's images, NaN when there are none */
};
CHECKED enum status confusion_matrix_create(const struct predictions *predictions,
                                            const struct image_list lists[2], struct arena *arena,
                                            struct confusion_matrix *out);

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
