/* UA, RA, TA, MIA and their relatives from predictions and a split. */
#include "eval/eval.h"

#include "base/random.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static void add_metric(struct metrics *metrics, const char *name, double value)
{
    assert(metrics->n < EVAL_MAX_METRICS);
    metrics->items[metrics->n++] = (struct metric){name, value};
}

static int64_t count_right(const struct predictions *predictions, const int32_t *images, int64_t n)
{
    int64_t n_right = 0;

    for (int64_t i = 0; i < n; i++)
        n_right += predictions->argmax[images[i]] == predictions->labels[images[i]];
    return n_right;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static void add_accuracies(const struct eval_inputs *inputs, double mia, struct metrics *out)
{
    const struct split *split = inputs->split;
    int64_t forget_right = count_right(inputs->train, split->forget, split->n_forget);
    int64_t retain_right = count_right(inputs->train, split->retain, split->n_retain);
    int64_t test_forget_right = count_right(inputs->test, split->test_forget, split->n_test_forget);
    int64_t test_retain_right = count_right(inputs->test, split->test_retain, split->n_test_retain);

    /* From counts: 1 − accuracy would carry a rounding that another order of operations lacks. */
    add_metric(out, "UA", share(split->n_forget - forget_right, split->n_forget));
    add_metric(out, "RA", share(retain_right, split->n_retain));
    add_metric(out, "TA", share(test_retain_right, split->n_test_retain));
    add_metric(out, "MIA", mia);
    add_metric(out, "forget_accuracy_train", share(forget_right, split->n_forget));
    add_metric(out, "forget_accuracy_test", share(test_forget_right, split->n_test_forget));
    add_metric(
        out, "test_accuracy_all",
        share(test_forget_right + test_retain_right, split->n_test_forget + split->n_test_retain));
}

/* Of the classes that are kept; nothing where no images are set aside. */
static enum status add_validation(const struct eval_inputs *inputs, struct arena *arena,
                                  struct metrics *out)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    int32_t *images = NULL;
    int64_t n = 0;

    if (split->n_validation == 0)
        return STATUS_OK;
    TRY_ALLOC(images, ARENA_ARRAY(arena, split->n_validation, int32_t));
    TRY(split_validation_kept(split, inputs->train->labels, inputs->test->labels, images, &n));
    add_metric(out, "validation_accuracy", share(count_right(inputs->train, images, n), n));
done:
    return status;
}

struct sample { /* what is drawn for one side of the attack */
    const struct predictions *predictions;
    const int32_t *images;
    int64_t n_images, most;
    uint32_t side; /* members and non-members share no random numbers */
};

/* The losses of `most` images drawn by the seed, or of all in their order when there are fewer. */
static enum status draw_losses(const struct sample *sample, uint64_t eval_seed, struct arena *arena,
                               double **out)
{
    enum status status = STATUS_OK;
    struct random_key key = {
        .seed = eval_seed, .purpose = RANDOM_EVALUATION, .layer = sample->side};
    int64_t n = sample->n_images < sample->most ? sample->n_images : sample->most;
    int32_t *images = NULL;
    double *losses = NULL;

    TRY_ALLOC(images, ARENA_ARRAY(arena, sample->n_images, int32_t));
    TRY_ALLOC(losses, ARENA_ARRAY(arena, n, double));
    memcpy(images, sample->images, (size_t)sample->n_images * sizeof *images);
    if (n < sample->n_images)
        random_shuffle(&key, images, sample->n_images);
    for (int64_t i = 0; i < n; i++)
        losses[i] = sample->predictions->loss[images[i]];
    *out = losses;
done:
    return status;
}

static enum status count_called_non_member(const struct eval_inputs *inputs,
                                           struct logistic_fit fit, int64_t *out)
{
    int64_t n = 0;

    for (int64_t i = 0; i < inputs->split->n_forget; i++) {
        double loss = inputs->train->loss[inputs->split->forget[i]];
        if (!isfinite(loss))
            return fail(STATUS_DIVERGED, "the loss of a forgotten image is %g", loss);
        n += fit.w * loss + fit.b > 0.0;
    }
    *out = n;
    return STATUS_OK;
}

static enum status attack(const struct eval_inputs *inputs, struct arena *arena,
                          struct logistic_fit *fit, double *mia)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    const struct sample member = {inputs->train, split->retain, split->n_retain, MIA_MOST_MEMBERS,
                                  0};
    const struct sample non_member = {inputs->test, split->test_retain, split->n_test_retain,
                                      MIA_MOST_NON_MEMBERS, 1};
    double *member_losses = NULL, *non_member_losses = NULL;
    int64_t n_called = 0;

    TRY(draw_losses(&member, inputs->eval_seed, arena, &member_losses));
    TRY(draw_losses(&non_member, inputs->eval_seed, arena, &non_member_losses));
    int64_t n_member = member.n_images < member.most ? member.n_images : member.most;
    int64_t n_non_member =
        non_member.n_images < non_member.most ? non_member.n_images : non_member.most;
    TRY(mia_fit_loss_lr(member_losses, n_member, non_member_losses, n_non_member, fit));
    TRY(count_called_non_member(inputs, *fit, &n_called));
    *mia = share(n_called, split->n_forget);
done:
    return status;
}

enum status metrics_compute(const struct eval_inputs *inputs, struct metrics *out)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    struct arena *arena = NULL;
    struct metrics metrics = {.n = 0};
    struct logistic_fit fit = {NAN, NAN};
    double mia = NAN;

    TRY(arena_create(&arena));
    if (split->n_forget > 0 && split->n_retain > 0 && split->n_test_retain > 0)
        TRY(attack(inputs, arena, &fit, &mia));
    add_accuracies(inputs, mia, &metrics);
    TRY(add_validation(inputs, arena, &metrics));
    add_metric(&metrics, "MIA_loss_lr_w", fit.w);
    add_metric(&metrics, "MIA_loss_lr_b", fit.b);
    *out = metrics;
done:
    arena_destroy(arena);
    return status;
}
