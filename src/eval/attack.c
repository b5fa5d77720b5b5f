/* The attacks of eval.mia, one row each: whom they are fitted on, by what, and whom they ask. */
#include "eval/attack.h"

#include "base/random.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- whose features ---- */

struct feature {
    const char *name;
    double (*of)(const struct predictions *predictions, int64_t image);
};

struct images { /* of one table */
    const struct predictions *predictions;
    const char *table; /* for messages */
    const int32_t *rows;
    int64_t n;
};

static double loss_of(const struct predictions *predictions, int64_t image)
{
    return predictions->loss[image];
}

static double confidence_of(const struct predictions *predictions, int64_t image)
{
    return exp(-predictions->loss[image]);
}

static double correctness_of(const struct predictions *predictions, int64_t image)
{
    return predictions->argmax[image] == predictions->labels[image] ? 1.0 : 0.0;
}

static double entropy_of(const struct predictions *predictions, int64_t image)
{
    int n_classes = predictions->n_classes;
    return feature_entropy(predictions->probability + image * n_classes, n_classes);
}

static double modified_entropy_of(const struct predictions *predictions, int64_t image)
{
    int n_classes = predictions->n_classes;
    return feature_modified_entropy(predictions->probability + image * n_classes, n_classes,
                                    predictions->labels[image], predictions->loss[image]);
}

static enum status features_of(const struct feature *feature, const struct images *images,
                               struct arena *arena, double **out)
{
    enum status status = STATUS_OK;
    double *values = NULL;

    TRY_ALLOC(values, ARENA_ARRAY(arena, images->n, double));
    for (int64_t i = 0; i < images->n; i++) {
        int64_t image = images->rows[i];
        double loss = images->predictions->loss[image];
        values[i] = feature->of(images->predictions, image);
        if (!isfinite(loss) || !isfinite(values[i]))
            TRY(fail(STATUS_DIVERGED,
                     "the membership attack cannot use %s image %lld: its %s is %g", images->table,
                     (long long)image, isfinite(loss) ? feature->name : "loss",
                     isfinite(loss) ? values[i] : loss));
    }
    *out = values;
done:
    return status;
}

static struct images forgotten(const struct eval_inputs *inputs)
{
    return (struct images){inputs->train, "training", inputs->split->forget,
                           inputs->split->n_forget};
}

static struct images retained(const struct eval_inputs *inputs)
{
    return (struct images){inputs->train, "training", inputs->split->retain,
                           inputs->split->n_retain};
}

static struct images unseen(const struct eval_inputs *inputs)
{
    return (struct images){inputs->test, "test", inputs->split->test_retain,
                           inputs->split->n_test_retain};
}

/* What is drawn shares no random numbers with what else is drawn. The numbers are kept for good:
 * results depend on them. */
enum draw {
    DRAW_MEMBERS = 0,
    DRAW_NON_MEMBERS = 1,
    DRAW_SVC_MEMBERS = 2,
    DRAW_SVC_NON_MEMBERS = 3,
    DRAW_FOLDS_FORGOTTEN = 4,
    DRAW_FOLDS_UNSEEN = 5,
};

static enum status shuffled(const struct images *images, uint64_t seed, enum draw draw,
                            struct arena *arena, int32_t **out)
{
    enum status status = STATUS_OK;
    const struct random_key key = {
        .seed = seed, .purpose = RANDOM_EVALUATION, .layer = (uint32_t)draw};
    int32_t *rows = NULL;

    TRY_ALLOC(rows, ARENA_ARRAY(arena, images->n, int32_t));
    memcpy(rows, images->rows, (size_t)images->n * sizeof *rows);
    random_shuffle(&key, rows, images->n);
    *out = rows;
done:
    return status;
}

/* Leaves `most` images drawn by the seed, or all in their order when there are no more. */
static enum status draw_images(struct images *images, int64_t most, uint64_t seed, enum draw draw,
                               struct arena *arena)
{
    enum status status = STATUS_OK;
    int32_t *rows = NULL;

    if (images->n <= most)
        return STATUS_OK;
    TRY(shuffled(images, seed, draw, arena, &rows));
    images->rows = rows;
    images->n = most;
done:
    return status;
}

/* ---- attacks that are fitted on D_r and D_t, and asked about D_f ---- */

struct attack {
    struct attack_metrics metrics;
    struct feature feature;
    enum status (*run)(const struct attack *attack, const struct eval_inputs *inputs,
                       struct arena *arena, struct attack_result *out);
};

static enum status sides_of(const struct attack *attack, const struct images *members,
                            const struct images *non_members, struct arena *arena,
                            struct two_sides *out)
{
    enum status status = STATUS_OK;
    double *member = NULL, *non_member = NULL;

    TRY(features_of(&attack->feature, members, arena, &member));
    TRY(features_of(&attack->feature, non_members, arena, &non_member));
    *out = (struct two_sides){member, non_member, members->n, non_members->n};
done:
    return status;
}

static double share_above_zero(const double *decisions, int64_t n)
{
    int64_t n_above = 0;

    for (int64_t i = 0; i < n; i++)
        n_above += decisions[i] > 0.0;
    return (double)n_above / (double)n;
}

static enum status ask_logistic(const struct attack *attack, const struct eval_inputs *inputs,
                                struct logistic_fit fit, struct arena *arena,
                                struct attack_result *out)
{
    enum status status = STATUS_OK;
    const struct images asked = forgotten(inputs);
    double *values = NULL;

    TRY(features_of(&attack->feature, &asked, arena, &values));
    for (int64_t i = 0; i < asked.n; i++)
        values[i] = fit.w * values[i] + fit.b;
    *out = (struct attack_result){share_above_zero(values, asked.n), fit};
done:
    return status;
}

static enum status run_loss_lr(const struct attack *attack, const struct eval_inputs *inputs,
                               struct arena *arena, struct attack_result *out)
{
    enum status status = STATUS_OK;
    struct images members = retained(inputs), non_members = unseen(inputs);
    struct two_sides sides;
    struct logistic_fit fit;

    TRY(draw_images(&members, MIA_MOST_MEMBERS, inputs->eval_seed, DRAW_MEMBERS, arena));
    TRY(draw_images(&non_members, MIA_MOST_NON_MEMBERS, inputs->eval_seed, DRAW_NON_MEMBERS,
                    arena));
    TRY(sides_of(attack, &members, &non_members, arena, &sides));
    TRY(logistic_solve(&sides, (struct logistic_costs){1.0, 1.0}, &fit));
    TRY(ask_logistic(attack, inputs, fit, arena, out));
done:
    return status;
}

static enum status run_entropy_lr(const struct attack *attack, const struct eval_inputs *inputs,
                                  struct arena *arena, struct attack_result *out)
{
    enum status status = STATUS_OK;
    const struct images members = retained(inputs), non_members = unseen(inputs);
    struct two_sides sides;
    struct logistic_fit fit;

    TRY(sides_of(attack, &members, &non_members, arena, &sides));
    TRY(logistic_solve(&sides, logistic_balanced(&sides, 2.0), &fit));
    TRY(ask_logistic(attack, inputs, fit, arena, out));
done:
    return status;
}

static enum status run_svc(const struct attack *attack, const struct eval_inputs *inputs,
                           struct arena *arena, struct attack_result *out)
{
    enum status status = STATUS_OK;
    static const struct svc_settings settings = {.c = 3.0, .gamma = 1.0};
    struct images members = retained(inputs), non_members = unseen(inputs);
    const struct images asked = forgotten(inputs);
    struct two_sides sides;
    double *values = NULL, *decisions = NULL;

    TRY(draw_images(&non_members, MIA_MOST_SVC, inputs->eval_seed, DRAW_SVC_NON_MEMBERS, arena));
    TRY(draw_images(&members, non_members.n, inputs->eval_seed, DRAW_SVC_MEMBERS, arena));
    TRY(sides_of(attack, &members, &non_members, arena, &sides));
    TRY(features_of(&attack->feature, &asked, arena, &values));
    TRY_ALLOC(decisions, ARENA_ARRAY(arena, asked.n, double));
    TRY(svc_decide(&sides, &settings, values, asked.n, decisions));
    *out = (struct attack_result){share_above_zero(decisions, asked.n), {NAN, NAN}};
done:
    return status;
}

/* ---- D_f against test images of its classes ---- */

static void keep_classes(struct image_list list, const bool *is_wanted, struct images *images,
                         int32_t *rows)
{
    for (int64_t i = 0; i < list.n; i++)
        if (is_wanted[images->predictions->labels[list.images[i]]])
            rows[images->n++] = list.images[i];
}

static enum status unseen_of_classes(const struct eval_inputs *inputs, struct arena *arena,
                                     struct images *out)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    struct images images = {.predictions = inputs->test, .table = "test"};
    bool *is_wanted = NULL;
    int32_t *rows = NULL;

    TRY_ALLOC(is_wanted, ARENA_ARRAY(arena, inputs->train->n_classes, bool));
    TRY_ALLOC(rows, ARENA_ARRAY(arena, split->n_test_forget + split->n_test_retain, int32_t));
    for (int64_t i = 0; i < split->n_forget; i++)
        is_wanted[inputs->train->labels[split->forget[i]]] = true;
    images.rows = rows;
    keep_classes((struct image_list){split->test_forget, split->n_test_forget}, is_wanted, &images,
                 rows);
    keep_classes((struct image_list){split->test_retain, split->n_test_retain}, is_wanted, &images,
                 rows);
    *out = images;
done:
    return status;
}

static enum status run_class_mia(const struct attack *attack, const struct eval_inputs *inputs,
                                 struct arena *arena, struct attack_result *out)
{
    enum status status = STATUS_OK;
    struct images members = forgotten(inputs), non_members = {0};
    struct two_sides sides;
    int32_t *member_rows = NULL, *non_member_rows = NULL;
    double value = NAN;

    TRY(unseen_of_classes(inputs, arena, &non_members));
    TRY(shuffled(&members, inputs->eval_seed, DRAW_FOLDS_FORGOTTEN, arena, &member_rows));
    TRY(shuffled(&non_members, inputs->eval_seed, DRAW_FOLDS_UNSEEN, arena, &non_member_rows));
    members.rows = member_rows;
    non_members.rows = non_member_rows;
    TRY(sides_of(attack, &members, &non_members, arena, &sides));
    TRY(logistic_cross_validate(&sides, 1.0, &value));
    *out = (struct attack_result){value, {NAN, NAN}};
done:
    return status;
}

/* ---- the table ---- */

static const struct attack attacks[N_ATTACKS] = {
    [ATTACK_LOSS_LR] = {.metrics = {"MIA_loss_lr", "MIA_loss_lr_w", "MIA_loss_lr_b"},
                        .feature = {"loss", loss_of},
                        .run = run_loss_lr},
    [ATTACK_CONFIDENCE_SVC] = {.metrics = {.value = "MIA_confidence_svc"},
                               .feature = {"confidence", confidence_of},
                               .run = run_svc},
    [ATTACK_CORRECTNESS_SVC] = {.metrics = {.value = "MIA_correctness_svc"},
                                .feature = {"correctness", correctness_of},
                                .run = run_svc},
    [ATTACK_ENTROPY_SVC] = {.metrics = {.value = "MIA_entropy_svc"},
                            .feature = {"entropy", entropy_of},
                            .run = run_svc},
    [ATTACK_M_ENTROPY_SVC] = {.metrics = {.value = "MIA_m_entropy_svc"},
                              .feature = {"modified entropy", modified_entropy_of},
                              .run = run_svc},
    [ATTACK_ENTROPY_LR] = {.metrics = {"MIA_entropy_lr", "MIA_entropy_lr_w", "MIA_entropy_lr_b"},
                           .feature = {"entropy", entropy_of},
                           .run = run_entropy_lr},
    [ATTACK_CLASS_MIA] = {.metrics = {.value = "MIA_class_mia"},
                          .feature = {"loss", loss_of},
                          .run = run_class_mia},
};

struct attack_metrics attack_metrics(enum attack_kind kind)
{
    return attacks[kind].metrics;
}

enum status attack_run(enum attack_kind kind, const struct eval_inputs *inputs,
                       struct attack_result *out)
{
    enum status status = STATUS_OK;
    const struct split *split = inputs->split;
    struct attack_result result = {NAN, {NAN, NAN}};
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    if (split->n_forget > 0 && split->n_retain > 0 && split->n_test_retain > 0)
        TRY(attacks[kind].run(&attacks[kind], inputs, arena, &result));
    *out = result;
done:
    arena_destroy(arena);
    return status != STATUS_OK ? fail_context(status, "%s", attack_names[kind]) : status;
}
