/* Steps, and the totals of those that have arrived. A device may be some steps behind: it is waited
 * for when an epoch ends, for checkpoints, and when it is too far behind. */
#include "train/lane.h"

#include "base/clock.h"
#include "train/checkpoint.h"

#include <math.h>

static enum status check_recipe(const struct lane *lane, const struct row_counts *counts)
{
    const struct dataset *dataset = lane->network->data->dataset;
    struct recipe_use use = phase_use(lane->phase, lane->recipe, counts);
    const char *setting = NULL;

    use.height = dataset->height;
    use.width = dataset->width;
    return recipe_check(&use, &setting);
}

static enum status check_images(const struct lane *lane, const struct row_counts *counts)
{
    for (int i = 0; i < lane->phase->n_streams; i++)
        if (phase_stream_images(lane->phase, i, counts) < 1)
            return lane->phase->streams[i].rows == ROWS_FORGET
                       ? fail(STATUS_BAD_DATA, "no image is to be forgotten, so that there is none "
                                               "to train on")
                       : fail(STATUS_BAD_DATA,
                              "no image is left to train on after forgetting class %d",
                              lane->split->forget_class);
    return STATUS_OK;
}

static struct stepper_settings stepper_settings_of(const struct lane *lane)
{
    struct stepper_settings settings = {
        .network = lane->network,
        .phase = lane->phase,
        .recipe = lane->recipe,
        .split = lane->split,
        .key = {.seed = (uint64_t)lane->network->settings->seed, .purpose = RANDOM_SHUFFLE},
    };

    for (int i = 0; i < lane->phase->n_streams; i++)
        settings.layers[i] = lane->phase->streams[i].rows; /* D_r's is 0 */
    return settings;
}

enum status lane_create(struct lane *lane)
{
    enum status status = STATUS_OK;
    const struct row_counts counts = {lane->split->n_retain, lane->split->n_forget};
    const struct stepper_settings settings = stepper_settings_of(lane);

    TRY(check_images(lane, &counts));
    TRY(check_recipe(lane, &counts));
    lane->schedule = phase_schedule(lane->phase, lane->recipe, &counts);
    TRY(stepper_create(&settings, &lane->stepper));
    TRY(best_weights_create(&lane->best));
    lane->last_accuracy = NAN;
done:
    return status;
}

static void stages_release(struct lane *lane)
{
    validation_destroy(lane->validation);
    lane->validation = NULL;
    if (lane->stepper != NULL)
        stepper_close(lane->stepper);
}

void lane_release(struct lane *lane)
{
    stages_release(lane);
    stepper_destroy(lane->stepper);
    lane->stepper = NULL;
    best_weights_destroy(lane->best);
    lane->best = NULL;
    history_release(&lane->history);
}

static enum status check_selection(const struct lane *lane)
{
    bool selects = lane->recipe->select == SELECT_BEST || lane->recipe->patience > 0;

    if (!selects || lane->validation != NULL)
        return STATUS_OK;
    return fail(STATUS_BAD_DATA, "selecting an epoch needs validation images of retained "
                                 "classes; there are none: set data.validation");
}

/* The validation runs in the full batch's arena: never two at once. */
enum status lane_open(struct lane *lane)
{
    enum status status = STATUS_OK;

    lane->last_checkpoint = clock_seconds();
    TRY(stepper_open(lane->stepper));
    TRY(validation_create(lane->network, lane->split, stepper_arena(lane->stepper),
                          &lane->validation));
    TRY(check_selection(lane));
done:
    return status;
}

/* A run that diverged ends with the first bad step, whenever that is noticed. */
static enum status take_totals(struct lane *lane, const double totals[N_STEP_TOTALS])
{
    double bad = totals[TOTAL_BAD_LOSS];

    if (totals[TOTAL_BAD_STEP] > 0)
        return fail(STATUS_DIVERGED, "loss is %s at epoch %lld, step %lld",
                    isnan(bad) ? "nan"
                    : bad < 0  ? "-inf" /* of a method that ascends */
                               : "inf",
                    (long long)lane->position.epoch + 1, (long long)totals[TOTAL_BAD_STEP]);
    lane->position.loss_sum = totals[TOTAL_LOSS];
    lane->last_loss = totals[TOTAL_LAST_LOSS];
    lane->last_accuracy = totals[TOTAL_RIGHT] / totals[TOTAL_ROWS];
    return STATUS_OK;
}

/* Takes the totals if they have arrived; with `waits`, those of every step so far. */
static enum status read_totals(struct lane *lane, bool waits)
{
    enum status status = STATUS_OK;
    double totals[N_STEP_TOTALS] = {0};
    bool is_new = false;

    TRY(tally_read(stepper_tally(lane->stepper), waits, totals, &is_new));
    if (is_new)
        TRY(take_totals(lane, totals));
done:
    return status;
}

static enum status step(struct lane *lane)
{
    enum status status = STATUS_OK;
    struct training_position *position = &lane->position;
    const struct step_place place = {
        .epoch = position->epoch,
        .in_epoch = position->step_in_epoch,
        .step = position->step,
        .lr = recipe_lr(lane->recipe, &lane->schedule, position->step),
    };

    TRY(stepper_step(lane->stepper, &place));
    position->step_in_epoch++;
    position->step++;
    TRY(read_totals(lane, position->step_in_epoch == lane->schedule.per_epoch));
done:
    return status;
}

static enum status remember_epoch(struct lane *lane)
{
    enum status status = STATUS_OK;
    const struct training_position *position = &lane->position;
    double *row = NULL;

    TRY_ALLOC(row, history_add(&lane->history));
    row[HISTORY_EPOCH] = (double)position->epoch + 1;
    row[HISTORY_STEP] = (double)position->step;
    row[HISTORY_TIME] = position->seconds;
    row[HISTORY_LR] = recipe_lr(lane->recipe, &lane->schedule, position->step - 1);
    row[HISTORY_LOSS] = position->loss_sum / (double)stepper_images_per_epoch(lane->stepper);
done:
    return status;
}

static void report(const struct lane *lane, const char *phase)
{
    const struct train_observer *observer = &lane->job->observer;
    int64_t per_epoch = lane->schedule.per_epoch;
    double seconds = lane->position.seconds - lane->first_seconds;
    double images = (double)(lane->position.step - lane->first_step) *
                    (double)stepper_images_per_epoch(lane->stepper) / (double)per_epoch;
    struct train_progress progress = {
        .epoch = lane->position.epoch,
        .n_epochs = lane->recipe->epochs,
        .step = lane->position.step,
        .n_steps = lane->recipe->epochs * per_epoch,
        .loss = lane->last_loss,
        .accuracy = lane->last_accuracy,
        .images_per_second = seconds > 0 ? images / seconds : 0,
        .phase = phase,
    };

    if (observer->progress != NULL)
        observer->progress(observer->context, &progress);
}

static enum status pause_between_steps(struct lane *lane)
{
    enum status status = STATUS_OK;
    const struct train_observer *observer = &lane->job->observer;
    bool wants_stop = observer->wants_stop != NULL && observer->wants_stop(observer->context);
    double every = lane->network->settings->checkpoint.every_seconds;

    if (wants_stop || clock_seconds() - lane->last_checkpoint >= every) {
        TRY(read_totals(lane, true)); /* a checkpoint holds their sum */
        TRY(checkpoint_save(lane, lane->job->folder));
        lane->last_checkpoint = clock_seconds();
    }
    if (wants_stop)
        TRY(fail(STATUS_CANCELLED, "stopped on request at step %lld",
                 (long long)lane->position.step));
done:
    return status;
}

/* After the last epoch whatever the recipe says: it may be the best. */
static bool is_validated(const struct lane *lane)
{
    int64_t epoch = lane->position.epoch + 1;

    return lane->validation != NULL &&
           (epoch % lane->recipe->validate_every == 0 || epoch == lane->recipe->epochs);
}

static enum status validate(struct lane *lane)
{
    enum status status = STATUS_OK;
    double start = clock_seconds();
    int64_t epoch = lane->position.epoch + 1;
    double *row = lane->history.rows + (lane->history.n - 1) * N_HISTORY;
    struct validation_result result = {0};

    report(lane, "validate");
    TRY(validation_run(lane->validation, &result));
    row[HISTORY_VALIDATION_ACCURACY] = result.accuracy;
    row[HISTORY_VALIDATION_LOSS] = result.loss;
    selection_see(&lane->selection, epoch, result.accuracy);
    if (lane->recipe->select == SELECT_BEST && selection_is_newest(&lane->selection))
        TRY(best_weights_keep(lane->best, lane->network->parameters, epoch));
    lane->validation_seconds += clock_seconds() - start;
done:
    return status;
}

static enum status epoch_begin(struct lane *lane)
{
    enum status status = STATUS_OK;

    TRY(stepper_begin_epoch(lane->stepper, lane->position.epoch));
    TRY(tally_begin(stepper_tally(lane->stepper), lane->position.loss_sum));
    lane->is_in_epoch = true;
done:
    return status;
}

static enum status epoch_end(struct lane *lane)
{
    enum status status = STATUS_OK;
    struct training_position *position = &lane->position;

    TRY(remember_epoch(lane));
    if (is_validated(lane))
        TRY(validate(lane));
    position->epoch++;
    position->step_in_epoch = 0;
    position->loss_sum = 0;
    lane->is_in_epoch = false;
    if (lane->network->settings->checkpoint.keep == KEEP_ALL)
        TRY(checkpoint_keep_epoch(lane, lane->job->folder));
done:
    return status;
}

enum status lane_advance(struct lane *lane)
{
    enum status status = STATUS_OK;
    struct training_position *position = &lane->position;

    if (!lane->is_in_epoch)
        TRY(epoch_begin(lane));
    TRY(pause_between_steps(lane));
    double start = clock_seconds();
    TRY(step(lane));
    position->seconds += clock_seconds() - start;
    report(lane, "train");
    if (position->step_in_epoch == lane->schedule.per_epoch)
        TRY(epoch_end(lane));
done:
    return status;
}

bool lane_is_over(const struct lane *lane)
{
    return lane->position.epoch >= lane->recipe->epochs ||
           selection_is_over(&lane->selection, lane->recipe->patience);
}

enum status lane_select(struct lane *lane)
{
    if (lane->recipe->select != SELECT_BEST || best_weights_epoch(lane->best) == 0)
        return STATUS_OK;
    return best_weights_restore(lane->best, lane->network->parameters);
}

bool lane_has_arrived(const struct lane *lane)
{
    return lane->position.epoch >= lane->until || lane_is_over(lane);
}

enum status lane_close(struct lane *lane)
{
    enum status status = queue_synchronize(lane->network->queue);

    stages_release(lane);
    return status;
}
