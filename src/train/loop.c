/* Steps: upload indices and learning rate, run the graph with what follows it (optimizer, tally),
 * read the totals that have arrived. A device may be some steps behind: it is waited for when an
 * epoch ends, for checkpoints, and when it is too far behind. */
#include "train/loop.h"

#include "base/clock.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t loop_images_per_epoch(const struct loop *loop)
{
    return loop->n_full * loop->recipe->batch_size + loop->n_last;
}

static enum status check_recipe(const struct loop *loop)
{
    const struct dataset *dataset = loop->network->data->dataset;
    bool is_base = loop->network->method->training == TRAIN_BASE_RECIPE;
    const struct recipe_use use = {.recipe = loop->recipe,
                                   .section = is_base ? "base.train" : "train",
                                   .n_images = loop->split->n_retain,
                                   .height = dataset->height,
                                   .width = dataset->width};
    const char *setting = NULL;

    return recipe_check(&use, &setting);
}

enum status loop_create(struct loop *loop)
{
    enum status status = STATUS_OK;
    int64_t n = loop->split->n_retain, batch = loop->recipe->batch_size;

    if (n < 1)
        return fail(STATUS_BAD_DATA, "no image is left to train on after forgetting class %d",
                    loop->split->forget_class);
    TRY(check_recipe(loop));
    loop->schedule = recipe_schedule(loop->recipe, n);
    loop->n_full = n / batch;
    loop->n_last = loop->recipe->drop_last ? 0 : n % batch;
    TRY_ALLOC(loop->order, heap_alloc(n, sizeof *loop->order));
    TRY(augmenter_create(loop->network, &loop->augmenter));
    TRY(optimizer_create(loop->recipe, loop->network->parameters,
                         device_queue(loop->network->device), &loop->optimizer));
    TRY(tally_create(device_queue(loop->network->device), &loop->tally));
    TRY(best_weights_create(&loop->best));
    loop->last_accuracy = NAN;
done:
    return status;
}

/* Executors first: a recording must not outlive what it runs. */
static void stages_release(struct loop *loop)
{
    validation_destroy(loop->validation);
    loop->validation = NULL;
    stage_release(&loop->last);
    stage_release(&loop->full);
    step_end_destroy(loop->last_end);
    step_end_destroy(loop->full_end);
    loop->last_end = loop->full_end = NULL;
}

void loop_release(struct loop *loop)
{
    stages_release(loop);
    optimizer_destroy(loop->optimizer);
    tally_destroy(loop->tally);
    loop->tally = NULL;
    augmenter_destroy(loop->augmenter);
    loop->augmenter = NULL;
    best_weights_destroy(loop->best);
    loop->best = NULL;
    free(loop->order);
    history_release(&loop->history);
    loop->optimizer = NULL;
    loop->order = NULL;
}

static enum status stage_create(struct loop *loop, int64_t batch_size, struct span arena,
                                struct stage *stage, struct step_end **end)
{
    enum status status = STATUS_OK;

    TRY(network_stage(loop->network, GRAPH_TRAIN, batch_size, arena, stage));
    TRY(step_end_create(stage->executor, stage->graph, loop->optimizer, loop->tally, end));
done:
    return status;
}

static enum status check_selection(const struct loop *loop)
{
    bool selects = loop->recipe->select == SELECT_BEST || loop->recipe->patience > 0;

    if (!selects || loop->validation != NULL)
        return STATUS_OK;
    return fail(STATUS_BAD_DATA, "selecting an epoch needs validation images of retained "
                                 "classes; there are none: set data.validation");
}

/* The partial batch and the validation run in the full batch's arena: never two at once. */
static enum status stages_create(struct loop *loop)
{
    enum status status = STATUS_OK;
    struct span arena = {0};

    if (loop->n_full > 0) {
        TRY(stage_create(loop, loop->recipe->batch_size, arena, &loop->full, &loop->full_end));
        arena = executor_arena(loop->full.executor);
    }
    if (loop->n_last > 0)
        TRY(stage_create(loop, loop->n_last, arena, &loop->last, &loop->last_end));
    TRY(validation_create(loop->network, loop->split, arena, &loop->validation));
    TRY(check_selection(loop));
done:
    return status;
}

static enum status upload_batch(struct loop *loop, const struct stage *stage, int64_t first,
                                int64_t count)
{
    enum status status = STATUS_OK;
    const struct training_position *position = &loop->position;
    const struct batch_place place = {position->epoch, position->step_in_epoch, loop->order + first,
                                      count};
    int32_t epoch = (int32_t)position->epoch;

    TRY(executor_upload(stage->executor, stage->graph->indices, place.images));
    if (stage->graph->epoch >= 0)
        TRY(executor_upload(stage->executor, stage->graph->epoch, &epoch));
    TRY(augmenter_upload(loop->augmenter, stage, &place));
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

    TRY(tally_read(loop->tally, waits, totals, &is_new));
    if (is_new)
        TRY(take_totals(loop, totals));
done:
    return status;
}

static enum status step(struct loop *loop)
{
    enum status status = STATUS_OK;
    struct training_position *position = &loop->position;
    bool is_full = position->step_in_epoch < loop->n_full;
    const struct stage *stage = is_full ? &loop->full : &loop->last;
    int64_t first = position->step_in_epoch * loop->recipe->batch_size;
    int64_t count = is_full ? loop->recipe->batch_size : loop->n_last;

    TRY(upload_batch(loop, stage, first, count));
    TRY(optimizer_set_rates(loop->optimizer,
                            recipe_lr(loop->recipe, &loop->schedule, position->step),
                            position->step + 1));
    TRY(executor_run(stage->executor));
    TRY(tally_step(loop->tally));
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
    row[HISTORY_LOSS] = position->loss_sum / (double)loop_images_per_epoch(loop);
done:
    return status;
}

static void report(const struct loop *loop, const char *phase)
{
    const struct train_observer *observer = &loop->job->observer;
    int64_t per_epoch = loop->schedule.per_epoch;
    double seconds = loop->position.seconds - loop->first_seconds;
    double images = (double)(loop->position.step - loop->first_step) *
                    (double)loop_images_per_epoch(loop) / (double)per_epoch;
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

    sampler_shuffle((uint64_t)loop->network->settings->seed, (uint32_t)position->epoch,
                    loop->split->retain, loop->split->n_retain, loop->order);
    TRY(tally_begin(loop->tally, position->loss_sum));
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
    TRY(queue_synchronize(device_queue(loop->network->device)));
done:
    stages_release(loop);
    return status;
}
