/* One run from settings to files: load, build, edit, train, evaluate, write. */
#include "train/execution.h"

#include "base/clock.h"
#include "base/file.h"
#include "train/checkpoint.h"
#include "unlearn/forget.h"

#include <string.h>

void execution_report_phase(const struct execution *execution, const char *phase)
{
    const struct train_job *job = execution->job;
    const struct lane *lane = &execution->lane;
    struct train_progress progress = {.phase = phase};

    if (lane->recipe != NULL) { /* between two rungs, or after the last epoch */
        progress.epoch = lane->position.epoch;
        progress.n_epochs = lane->recipe->epochs;
        progress.step = lane->position.step;
        progress.n_steps = lane->recipe->epochs * lane->schedule.per_epoch;
        progress.loss = lane->last_loss;
    }
    if (job->observer.progress != NULL)
        job->observer.progress(job->observer.context, &progress);
}

static enum status load_base(struct execution *execution)
{
    enum status status = STATUS_OK;
    struct network *network = &execution->network;
    const struct settings *settings = network->settings;
    const struct weights *weights = NULL;
    bool starts_from_weights = method_starts_from_weights(network->method);
    bool reads_weights = network_reads_weights(network);

    if (starts_from_weights && settings->model.weights[0] == '\0')
        return fail(STATUS_BAD_CONFIG, "method '%s' starts from weights: give model.weights",
                    network->method->name);
    if (reads_weights && settings->model.weights[0] == '\0')
        return fail(STATUS_BAD_CONFIG, "eval.relearn compares with a base model: give "
                                       "model.weights");
    bool wants_manifest = settings->data.mean.kind == NORMALISATION_BASE ||
                          settings->data.std.kind == NORMALISATION_BASE;
    if (reads_weights || (wants_manifest && settings->model.weights[0] != '\0'))
        TRY(execution_weights(execution, &weights));
    TRY(network_describe(network, weights, execution->arena));
    TRY(network_create(network));
    if (starts_from_weights)
        TRY(network_load_weights(network, weights, settings->model.weights));
done:
    return status;
}

static enum status edit(struct network *network, const struct split *split)
{
    const struct settings *settings = network->settings;
    char text[PATTERN_BYTES];
    const struct prune_settings prune = {.sparsity = settings->prune.sparsity,
                                         .mask = settings->prune.mask,
                                         .targets = network_prune_targets(network, text)};
    const struct edit_subject subject = {.parameters = network->parameters,
                                         .prune = &prune,
                                         .head_weight = network->head_weight,
                                         .head_bias = network->head_bias,
                                         .split = split};

    return method_edit(network->method, &subject);
}

static enum status prepare(struct execution *execution)
{
    enum status status = STATUS_OK;
    struct network *network = &execution->network;
    const struct settings *settings = execution->job->settings;

    execution_report_phase(execution, "load");
    network->settings = settings;
    network->device = execution->trainer->device;
    network->queue = execution->queue;
    network->is_unfused = execution->trainer->is_unfused;
    network->method = method_find(settings->unlearn.method);
    if (network->method == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown method '%s'", settings->unlearn.method);
    TRY(execution_split(execution));
    TRY(load_base(execution));
    TRY(edit(network, execution->split));
done:
    return status;
}

static enum status begin_training(struct execution *execution)
{
    enum status status = STATUS_OK;
    struct lane *lane = &execution->lane;

    lane->network = &execution->network;
    lane->split = execution->split;
    lane->phase = method_phase(execution->network.method);
    lane->recipe = phase_recipe(lane->phase, execution->job->settings);
    lane->job = execution->job;
    TRY(lane_create(lane));
    TRY(checkpoint_load(lane));
    lane->first_step = lane->position.step;
    lane->first_seconds = lane->position.seconds;
    execution->rung_epoch = execution->job->rung_epoch;
    execution->trains = true;
    TRY(execution_depart(execution));
done:
    return status;
}

enum status execution_evaluate(struct execution *execution)
{
    enum status status = STATUS_OK;
    double start = clock_seconds();
    struct eval_inputs inputs = {
        .train = &execution->train,
        .test = &execution->test,
        .split = execution->split,
        .eval_seed = (uint64_t)execution->job->settings->eval.seed,
        .attacks = &execution->job->settings->eval.mia,
    };

    execution_report_phase(execution, "evaluate");
    if (execution->evaluated == NULL)
        TRY(arena_create(&execution->evaluated));
    arena_reset(execution->evaluated);
    TRY(network_evaluate(&execution->network, execution->evaluated, &execution->train,
                         &execution->test));
    TRY(metrics_compute(&inputs, &execution->metrics));
    execution->is_evaluated = true;
    execution->eval_seconds += clock_seconds() - start;
done:
    return status;
}

enum status execution_begin(struct trainer *trainer, const struct train_job *job,
                            struct execution *execution)
{
    enum status status = STATUS_OK;

    *execution =
        (struct execution){.trainer = trainer, .job = job, .started_seconds = clock_seconds()};
    history_begin(&execution->lane.history, job->metric);
    clock_timestamp(execution->started);
    TRY(arena_create(&execution->arena));
    TRY(folder_create(job->folder));
    TRY(queue_create(trainer->device, &execution->queue));
    TRY(prepare(execution));
    if (method_phase(execution->network.method) != NULL)
        TRY(begin_training(execution));
done:
    return status;
}

static enum status finish(struct execution *execution)
{
    enum status status = STATUS_OK;
    const struct train_job *job = execution->job;

    if (method_phase(execution->network.method) != NULL) {
        TRY(lane_select(&execution->lane));
        TRY(execution_recalibrate(execution));
    }
    TRY(execution_evaluate(execution));
    TRY(execution_inspect(execution));
    if (method_changes_weights(execution->network.method) &&
        (job->settings->checkpoint.keep != KEEP_NONE || job->weights_path != NULL))
        TRY(execution_save_weights(execution));
    TRY(execution_record(execution, "done", "")); /* last: run.h5 says that the run is complete */
    checkpoint_remove_all(job);
done:
    return status;
}

enum status execution_advance(struct execution *execution, bool *is_over)
{
    *is_over = !execution->trains;
    if (execution->trains)
        return lane_has_arrived(&execution->lane) ? execution_arrive(execution)
                                                  : lane_advance(&execution->lane);
    return execution->has_left ? STATUS_OK : finish(execution);
}

/* A run that diverged is a result: its history and message are kept; its status is what the caller
 * gets. */
static enum status record_divergence(struct execution *execution)
{
    enum status status = STATUS_OK;
    char *message = NULL;

    TRY_ALLOC(message, arena_strdup(execution->arena, status_message()));
    TRY(execution_record(execution, "diverged", message));
    return fail(STATUS_DIVERGED, "%s", message);
done:
    return status;
}

enum status execution_end(struct execution *execution, enum status worked)
{
    if (worked == STATUS_DIVERGED)
        worked = record_divergence(execution);
    lane_release(&execution->lane);
    network_release(&execution->network);
    queue_destroy(execution->queue);
    trainer_data_leave(execution->trainer, execution->network.data);
    split_destroy(execution->split);
    arena_destroy(execution->evaluated);
    arena_destroy(execution->arena);
    return worked;
}
