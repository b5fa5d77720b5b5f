/* Membership attacks: is an image told apart from images the model never trained on? Each is fitted
 * on features of member and non-member images and asked about the images of D_f. Pure functions of
 * predictions, split and eval.seed; host, float64. docs/metrics.md says the same for users. */
#ifndef EVAL_ATTACK_H
#define EVAL_ATTACK_H

#include "eval/eval.h"

/* Most images of one side; more are sampled. An SVC's time grows with the square: 10000 a side take
 * it seconds, 50000 would take minutes. */
enum { MIA_MOST_MEMBERS = 9000, MIA_MOST_NON_MEMBERS = 5000, MIA_MOST_SVC = 10000 };
enum { MIA_FOLDS = 10 };

struct attack_result {
    double value;            /* NaN when a side has too few images */
    struct logistic_fit fit; /* of loss_lr and entropy_lr; NaN otherwise */
};
/* One attack. D_t: the split's test_retain, the images TA counts. "Drawn": by inputs->eval_seed
 * alone, the same images in every run; all of them when there are no more than asked for.
 *   loss_lr     feature −log p_y; members 9000 drawn from D_r, non-members 5000 drawn from D_t;
 *               logistic regression, C = 1. That the non-members leave the forgotten class out is
 *               what reproduces the reference fit of the published ResNet-20 on class 3
 *               (w = 2.387217, b = −1.808271, 3 of 448); with every test image w would be 2.507458,
 *               and 4 of 448. Source: the code of arXiv:2411.11907.
 *   *_svc       members |D_t| images drawn from D_r, non-members D_t, at most 10000 a side (drawn);
 *               RBF SVC, C = 3, gamma = 1, on p_y (confidence), whether y is chosen (correctness),
 *               entropy or modified entropy (m_entropy). Source: the code of arXiv:2304.04934,
 *               which takes the first |D_t| instead of drawing them.
 *   entropy_lr  feature entropy in nats; all of D_r against all of D_t; class-balanced logistic
 *               regression, C = 2 (what its source's two-row softmax with C = 1 comes to). Source:
 *               the code of SSD, arXiv:2308.07707, which reports the share of members.
 * The value of these is the share of D_f called non-member: decision > 0, so that ties are members.
 *   class_mia   feature −log p_y; D_f against the test images of D_f's classes; class-balanced
 *               logistic regression, C = 1, in 10-fold stratified cross-validation, folds drawn
 *               (fewer when a side has fewer images). The value is the balanced accuracy on the
 *               held-out images, averaged over the folds: 0.5 for a model that has forgotten.
 *               After SCRUB's basic attack, arXiv:2302.09880.
 * Fails DIVERGED naming the image when a loss or feature that it uses is not finite. */
CHECKED enum status attack_run(enum attack_kind kind, const struct eval_inputs *inputs,
                               struct attack_result *out);
/* Names of its metrics, static text: "MIA_loss_lr", and of w and b where it reports them. */
struct attack_metrics {
    const char *value, *w, *b;
};
struct attack_metrics attack_metrics(enum attack_kind kind);

/* ---- features of one image ---- */

/* −Σ p log p, nats; terms with p = 0 are 0. */
double feature_entropy(const float *probability, int n_classes);
/* −(1 − p_y) log p_y − Σ_{i≠y} p_i log(1 − p_i), nats; −log p_y is `loss`. 1 − p of the most
 * probable class is the sum of the others, so that float32 probabilities near 1 keep it; below
 * 1e-30 its logarithm is that of 1e-30. Source: Song and Mittal, arXiv:2003.10595, equation 8. */
double feature_modified_entropy(const float *probability, int n_classes, int label, double loss);

/* ---- fits on one feature; y = 1 for non-members ---- */

struct two_sides {
    const double *member, *non_member;
    int64_t n_member, n_non_member;
};
/* BAD_DATA when a side is empty, DIVERGED when a value is not finite. */
CHECKED enum status two_sides_check(const struct two_sides *sides);
/* C times n / (2 n_side): both sides weigh the same. */
struct logistic_costs {
    double member, non_member;
};
struct logistic_costs logistic_balanced(const struct two_sides *sides, double c);
/* Minimises ½w² + Σ cost·log-loss, intercept unpenalised, by damped Newton steps until the gradient
 * is below 1e-10 of the sum of its terms' sizes. The order of the values moves only the last bits.
 * Fails as two_sides_check. */
CHECKED enum status logistic_solve(const struct two_sides *sides, struct logistic_costs costs,
                                   struct logistic_fit *out);

/* Fits on all but every tenth value of each side (class-balanced costs of c), in ten turns or as
 * many as the smaller side has values; accuracy written: the mean over the turns of the balanced
 * accuracy on the values left out, NaN when a side has fewer than two. Values are dealt in their
 * order: shuffle first. Fails DIVERGED when a value is not finite. */
CHECKED enum status logistic_cross_validate(const struct two_sides *sides, double c,
                                            double *accuracy);

/* Support vector classifier with the kernel exp(−gamma (x − x')²), by libsvm: eps 1e-3, shrinking,
 * no probabilities. decisions [n] written: of values [n], > 0 for non-members. The same bits on
 * every call. Fails as two_sides_check, and BAD_DATA when libsvm refuses c or gamma. */
struct svc_settings {
    double c, gamma;
};
CHECKED enum status svc_decide(const struct two_sides *sides, const struct svc_settings *settings,
                               const double *values, int64_t n, double *decisions);

#endif
