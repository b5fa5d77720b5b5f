/* Steps, and the totals of those that have arrived. A device may be some steps behind: it is waited
 * for when an epoch ends, for checkpoints, and when it is too far behind. */
#include "train/loop.h"

#include "base/clock.h"
#include "train/checkpoint.h"

#include <math.h>

static enum status check_recipe(const struct loop *loop, const struct row_counts *counts)
{
    const struct dataset *dataset = loop->network->data->dataset;
    struct recipe_use use = phase_use(loop->phase, loop->recipe, counts);
    const char *setting = NULL;

    use.height = dataset->height;
    use.width = dataset->width;
    return recipe_check(&use, &setting);
}

static enum status check_images(const struct loop *loop, const struct row_counts *counts)
{
    for (int i = 0; i < loop->phase->n_streams; i++)
        if (phase_stream_images(loop->phase, i, counts) < 1)
            return loop->phase->streams[i].rows == ROWS_FORGET
                       ? fail(STATUS_BAD_DATA, "no image is to be forgotten, so that there is none "
                                               "to train on")
                       : fail(STATUS_BAD_DATA,
                              "no image is left to train on after forgetting class %d",
                              loop->split->forget_class);
    return STATUS_OK;
}

static struct stepper_settings stepper_settings_of(const struct loop *loop)
{
    struct stepper_settings settings = {
        .network = loop->network,
        .phase = loop->phase,
        .recipe = loop->recipe,
        .split = loop->split,
        .key = {.seed = (uint64_t)loop->network->settings->seed, .purpose = RANDOM_SHUFFLE},
    };

    for (int i = 0; i < loop->phase->n_streams; i++)
        settings.layers[i] = loop->phase->streams[i].rows; /* D_r's is 0 */
    return settings;
}

enum status loop_create(struct loop *loop)
{
    enum status status = STATUS_OK;
    const struct row_counts counts = {loop->split->n_retain, loop->split->n_forget};
    const struct stepper_settings settings = stepper_settings_of(loop);

    TRY(check_images(loop, &counts));
    TRY(check_recipe(loop, &counts));
    loop->schedule = phase_schedule(loop->phase, loop->recipe, &counts);
    TRY(stepper_create(&settings, &loop->stepper));
    TRY(best_weights_create(&loop->best));
    loop->last_accuracy = NAN;
done:
    return status;
}

static void stages_release(struct loop *loop)
{
    validation_destroy(loop->validation);
    loop->validation = NULL;
    if (loop->stepper != NULL)
        stepper_close(loop->stepper);
}

void loop_release(struct loop *loop)
{
    stages_release(loop);
    stepper_destroy(loop->stepper);
    loop->stepper = NULL;
    best_weights_destroy(loop->best);
    loop->best = NULL;
    history_release(&loop->history);
}

static enum status check_selection(const struct loop *loop)
{
    bool selects = loop->recipe->select == SELECT_BEST || loop->recipe->patience > 0;

    if (!selects || loop->validation != NULL)
        return STATUS_OK;
    return fail(STATUS_BAD_DATA, "selecting an epoch needs validation images of retained "
                                 "classes; there are none: set data.validation");
}

/* The validation runs in the full batch's arena: never two at once. */
static enum status stages_create(struct loop *loop)
{
    enum status status = STATUS_OK;

    TRY(stepper_open(loop->stepper));
    TRY(validation_create(loop->network, loop->split, stepper_arena(loop->stepper),
                          &loop->validation));
    TRY(check_selection(loop));
done:
    return status;
}

/* A run that diverged ends with the first bad step, whenever that is noticed. */
static enum status take_totals(struct loop *loop, const double totals[N_STEP_TOTALS])
{
    if (totals[TOTAL_BAD_STEP] > 0)
        return fail(STATUS_DIVERGED, "loss is %s at epoch %lld, step %lld",
                    isnan(totals[TOTAL_BAD_LOSS]) ? "nan" : "inf",
                    (long long)loop->position.epoch + 1, (long long)totals[TOTAL_BAD_STEP]);
    loop->position.loss_sum = totals[TOTAL_LOSS];
    loop->last_loss = totals[TOTAL_LAST_LOSS];
    loop->last_accuracy = totals[TOTAL_RIGHT] / totals[TOTAL_ROWS];
    return STATUS_OK;
}

/* Takes the totals if they have arrived; with `waits`, those of every step so far. */
static enum status read_totals(struct loop *loop, bool waits)
{
    enum status status = STATUS_OK;
    double totals[N_STEP_TOTALS] = {0};
    bool is_new = false;

    TRY(tally_read(stepper_tally(loop->stepper), waits, totals, &is_new));
    if (is_new)
        TRY(take_totals(loop, totals));
done:
    return status;
}

static enum status step(struct loop *loop)
{
    enum status status = STATUS_OK;
    struct training_position *position = &loop->position;
    const struct step_place place = {
        .epoch = position->epoch,
        .in_epoch = position->step_in_epoch,
        .step = position->step,
        .lr = recipe_lr(loop->recipe, &loop->schedule, position->step),
    };

    TRY(stepper_step(loop->stepper, &place));
    position->step_in_epoch++;
    position->step++;
    TRY(read_totals(loop, position->step_in_epoch == loop->schedule.per_epoch));
done:
    return status;
}

static enum status remember_epoch(struct loop *loop)
{
    enum status status = STATUS_OK;
    const struct training_position *position = &loop->position;
    double *row = NULL;

    TRY_ALLOC(row, history_add(&loop->history));
    row[HISTORY_EPOCH] = (double)position->epoch + 1;
    row[HISTORY_STEP] = (double)position->step;
    row[HISTORY_TIME] = position->seconds;
    row[HISTORY_LR] = recipe_lr(loop->recipe, &loop->schedule, position->step - 1);
    row[HISTORY_LOSS] = position->loss_sum / (double)stepper_images_per_epoch(loop->stepper);
done:
    return status;
}

static void report(const struct loop *loop, const char *phase)
{
    const struct train_observer *observer = &loop->job->observer;
    int64_t per_epoch = loop->schedule.per_epoch;
    double seconds = loop->position.seconds - loop->first_seconds;
    double images = (double)(loop->position.step - loop->first_step) *
                    (double)stepper_images_per_epoch(loop->stepper) / (double)per_epoch;
    struct train_progress progress = {
        .epoch = loop->position.epoch,
        .n_epochs = loop->recipe->epochs,
        .step = loop->position.step,
        .n_steps = loop->recipe->epochs * per_epoch,
        .loss = loop->last_loss,
        .accuracy = loop->last_accuracy,
        .images_per_second = seconds > 0 ? images / seconds : 0,
        .phase = phase,
    };

    if (observer->progress != NULL)
        observer->progress(observer->context, &progress);
}

static enum status pause_between_steps(struct loop *loop)
{
    enum status status = STATUS_OK;
    const struct train_observer *observer = &loop->job->observer;
    bool wants_stop = observer->wants_stop != NULL && observer->wants_stop(observer->context);
    double every = loop->network->settings->checkpoint.every_seconds;

    if (wants_stop || clock_seconds() - loop->last_checkpoint >= every) {
        TRY(read_totals(loop, true)); /* a checkpoint holds their sum */
        TRY(checkpoint_save(loop, loop->job->folder));
        loop->last_checkpoint = clock_seconds();
    }
    if (wants_stop)
        TRY(fail(STATUS_CANCELLED, "stopped on request at step %lld",
                 (long long)loop->position.step));
done:
    return status;
}

/* After the last epoch whatever the recipe says: it may be the best. */
static bool is_validated(const struct loop *loop)
{
    int64_t epoch = loop->position.epoch + 1;

    return loop->validation != NULL &&
           (epoch % loop->recipe->validate_every == 0 || epoch == loop->recipe->epochs);
}

static enum status validate(struct loop *loop)
{
    enum status status = STATUS_OK;
    double start = clock_seconds();
    int64_t epoch = loop->position.epoch + 1;
    double *row = loop->history.rows + (loop->history.n - 1) * N_HISTORY;
    struct validation_result result = {0};

    report(loop, "validate");
    TRY(validation_run(loop->validation, &result));
    row[HISTORY_VALIDATION_ACCURACY] = result.accuracy;
    row[HISTORY_VALIDATION_LOSS] = result.loss;
    selection_see(&loop->selection, epoch, result.accuracy);
    if (loop->recipe->select == SELECT_BEST && selection_is_newest(&loop->selection))
        TRY(best_weights_keep(loop->best, loop->network->parameters, epoch));
    loop->validation_seconds += clock_seconds() - start;
done:
    return status;
}

static enum status epoch_run(struct loop *loop)
{
    enum status status = STATUS_OK;
    struct training_position *position = &loop->position;
    int64_t per_epoch = loop->schedule.per_epoch;

    TRY(stepper_begin_epoch(loop->stepper, position->epoch));
    TRY(tally_begin(stepper_tally(loop->stepper), position->loss_sum));
    while (position->step_in_epoch < per_epoch) {
        TRY(pause_between_steps(loop));
        double start = clock_seconds();
        TRY(step(loop));
        position->seconds += clock_seconds() - start;
        report(loop, "train");
    }
    TRY(remember_epoch(loop));
    if (is_validated(loop))
        TRY(validate(loop));
    position->epoch++;
    position->step_in_epoch = 0;
    position->loss_sum = 0;
    if (loop->network->settings->checkpoint.keep == KEEP_ALL)
        TRY(checkpoint_keep_epoch(loop, loop->job->folder));
done:
    return status;
}

bool loop_is_over(const struct loop *loop)
{
    return loop->position.epoch >= loop->recipe->epochs ||
           selection_is_over(&loop->selection, loop->recipe->patience);
}

enum status loop_select(struct loop *loop)
{
    if (loop->recipe->select != SELECT_BEST || best_weights_epoch(loop->best) == 0)
        return STATUS_OK;
    return best_weights_restore(loop->best, loop->network->parameters);
}

enum status loop_run(struct loop *loop)
{
    enum status status = STATUS_OK;

    loop->last_checkpoint = clock_seconds();
    TRY(stages_create(loop));
    while (loop->position.epoch < loop->until && !loop_is_over(loop))
        TRY(epoch_run(loop));
    TRY(queue_synchronize(loop->network->queue));
done:
    stages_release(loop);
    return status;
}
