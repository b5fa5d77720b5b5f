/* UA, RA, TA, MIA and their relatives from predictions and a split. */
#include "eval/attack.h"
#include "eval/measures.h"

#include <assert.h>
#include <math.h>

static void add_metric(struct metrics *metrics, const char *name, double value)
{
    assert(metrics->n < EVAL_MAX_METRICS && measure_find(name) != NULL);
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

static enum status add_calibration(const struct eval_inputs *inputs, struct metrics *out)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    double error = NAN;

    TRY(calibration_error(inputs->test, "test", split->test_retain, split->n_test_retain, &error));
    add_metric(out, "ECE", error);
done:
    return status;
}

static void add_attack(enum attack_kind kind, const struct attack_result *result,
                       struct metrics *out)
{
    const struct attack_metrics names = attack_metrics(kind);

    add_metric(out, names.value, result->value);
    if (names.w != NULL) {
        add_metric(out, names.w, result->fit.w);
        add_metric(out, names.b, result->fit.b);
    }
}

enum status metrics_compute(const struct eval_inputs *inputs, struct metrics *out)
{
    enum status status = STATUS_OK;
    const struct attack_list *attacks = inputs->attacks;
    struct attack_result results[N_ATTACKS];
    struct metrics metrics = {.n = 0};
    struct arena *arena = NULL;

    assert(attacks->n >= 1);
    TRY(arena_create(&arena));
    for (int i = 0; i < attacks->n; i++)
        TRY(attack_run(attacks->items[i], inputs, &results[i]));
    add_accuracies(inputs, results[0].value, &metrics);
    TRY(add_validation(inputs, arena, &metrics));
    TRY(add_calibration(inputs, &metrics));
    for (int i = 0; i < attacks->n; i++)
        add_attack(attacks->items[i], &results[i], &metrics);
    *out = metrics;
done:
    arena_destroy(arena);
    return status;
}
