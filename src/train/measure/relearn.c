/* A phase without end, watched from outside: no epochs, no checkpoints; who is interrupted does it
 * again. */
#include "train/measure/relearn.h"

#include "train/step/stepper.h"

enum { FORGET_LAYER = 1001, RETAIN_LAYER }; /* among random numbers for evaluation */

static const double momentum = 0.9;

static const struct phase phase = {
    .order = STREAMS_IN_HALVES,
    .n_streams = 2,
    .streams = {{ROWS_FORGET, {1, TARGET_LABEL}}, {ROWS_RETAIN, {1, TARGET_LABEL}}},
};

struct school {
    const struct relearn *relearn;
    struct recipe recipe;
    struct stepper *stepper;
    int64_t step; /* done */
};

static struct recipe recipe_of(const struct settings *settings)
{
    return (struct recipe){.epochs = 1,
                           .batch_size = settings->eval.relearn.batch_size,
                           .optimizer = OPTIMIZER_SGD,
                           .lr = settings->eval.relearn.lr,
                           .momentum = momentum,
                           .schedule = SCHEDULE_CONSTANT,
                           .gamma = 1};
}

enum status forget_accuracy(struct forward *forward, const struct split *split, double *out)
{
    enum status status = STATUS_OK;
    const int32_t *labels = forward->network->data->dataset->train.labels;
    int64_t n_right = 0;

    for (int64_t first = 0; first < split->n_forget; first += forward->batch_size) {
        int64_t left = split->n_forget - first;
        int64_t count = left < forward->batch_size ? left : forward->batch_size;
        TRY(forward_run(forward, split->forget + first, count));
        for (int64_t i = 0; i < count; i++) {
            const double *logits = forward->logits + i * forward->n_classes;
            int64_t chosen = 0;
            for (int64_t c = 1; c < forward->n_classes; c++)
                if (logits[c] > logits[chosen])
                    chosen = c;
            n_right += chosen == labels[split->forget[first + i]];
        }
    }
    *out = (double)n_right / (double)split->n_forget;
done:
    return status;
}

/* ---- training ---- */

static enum status school_open(struct school *school)
{
    enum status status = STATUS_OK;
    const struct network *network = &school->relearn->merged->network;

    school->recipe = recipe_of(network->settings);
    const struct stepper_settings settings = {
        .network = network,
        .phase = &phase,
        .recipe = &school->recipe,
        .split = school->relearn->split,
        .key = {.seed = (uint64_t)network->settings->eval.seed, .purpose = RANDOM_EVALUATION},
        .layers = {FORGET_LAYER, RETAIN_LAYER},
    };
    TRY(stepper_create(&settings, &school->stepper));
    TRY(stepper_open(school->stepper));
    TRY(tally_begin(stepper_tally(school->stepper), 0));
done:
    return status;
}

/* Up to the next look, and whether every loss so far was finite. */
static enum status train_some(struct school *school, bool *is_finite)
{
    enum status status = STATUS_OK;
    const struct settings *settings = school->relearn->merged->network.settings;
    int64_t last = school->step + settings->eval.relearn.every;
    double totals[N_STEP_TOTALS] = {0};
    bool is_new = false;

    if (last > settings->eval.relearn.max_steps)
        last = settings->eval.relearn.max_steps;
    for (; school->step < last; school->step++)
        TRY(stepper_step(school->stepper,
                         &(struct step_place){.step = school->step, .lr = school->recipe.lr}));
    TRY(tally_read(stepper_tally(school->stepper), true, totals, &is_new));
    *is_finite = totals[TOTAL_BAD_STEP] == 0;
done:
    return status;
}

enum status relearn(const struct relearn *relearn, struct relearned *out)
{
    enum status status = STATUS_OK;
    struct school school = {.relearn = relearn};
    int64_t max_steps = relearn->merged->network.settings->eval.relearn.max_steps;
    double accuracy = 0;
    bool is_reached = false, is_finite = true;

    TRY(school_open(&school));
    while (is_finite) {
        TRY(relearn->between(relearn->context));
        TRY(forget_accuracy(relearn->forward, relearn->split, &accuracy));
        is_reached = accuracy >= relearn->goal;
        if (is_reached || school.step == max_steps)
            break;
        TRY(train_some(&school, &is_finite));
    }
    *out = (struct relearned){is_reached ? school.step : max_steps, is_reached};
done:
    stepper_destroy(school.stepper);
    return status;
}
