/* A run on its way through the rungs of early_terminate: at each it says its metric, waits for the
 * verdict, and goes on, pauses with a checkpoint, or ends with what it is by then. */
#include "train/execution.h"

#include "train/checkpoint.h"

#include <math.h>
#include <string.h>

/* Of a run whose patience ended before the rung: its last epoch's. */
static double *history_row(struct lane *lane, int64_t epoch)
{
    int64_t reached = epoch < lane->history.n ? epoch : lane->history.n;

    return lane->history.rows + (reached - 1) * N_HISTORY;
}

static double metric_value(const struct metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (strcmp(metrics->items[i].name, name) == 0)
            return metrics->items[i].value;
    return NAN;
}

/* The metric at the rung. A run that went on beyond it before it was interrupted finds its value in
 * the history that its checkpoint kept. The training loss needs no evaluation. */
static enum status measure(struct execution *execution, int64_t epoch, double *out)
{
    enum status status = STATUS_OK;
    struct lane *lane = &execution->lane;
    const char *metric = execution->job->metric;
    double *row = history_row(lane, epoch);

    if (strcmp(metric, "loss") == 0) {
        *out = row[HISTORY_LOSS];
        return STATUS_OK;
    }
    if (strcmp(metric, "validation_accuracy") == 0 && !isnan(row[HISTORY_VALIDATION_ACCURACY])) {
        *out = row[HISTORY_VALIDATION_ACCURACY];
        return STATUS_OK;
    }
    if (isnan(row[HISTORY_METRIC])) {
        TRY(execution_evaluate(execution));
        row[HISTORY_METRIC] = metric_value(&execution->metrics, metric);
    }
    *out = row[HISTORY_METRIC];
done:
    return status;
}

static enum status leave(struct execution *execution, const char *state)
{
    enum status status = STATUS_OK;

    execution->has_left = true;
    if (!execution->is_evaluated)
        TRY(execution_evaluate(execution));
    TRY(execution_record(execution, state, ""));
done:
    return status;
}

static enum status pause_there(struct execution *execution)
{
    enum status status = STATUS_OK;
    const struct train_job *job = execution->job;

    TRY(leave(execution, "paused"));
    TRY(checkpoint_save(&execution->lane, job->folder));
    checkpoint_remove_earlier(job);
done:
    return status;
}

static enum status stop_there(struct execution *execution)
{
    enum status status = STATUS_OK;

    TRY(leave(execution, "stopped_early"));
    checkpoint_remove_all(execution->job);
done:
    return status;
}

static enum status ask(struct execution *execution)
{
    enum status status = STATUS_OK;
    const struct train_observer *observer = &execution->job->observer;
    struct train_rung rung = {.epoch = execution->rung_epoch};
    int64_t next = 0;

    TRY(measure(execution, rung.epoch, &rung.value));
    switch (observer->reach(observer->context, &rung, &next)) {
    case TRAIN_GO_ON:
        execution->rung_epoch = next;
        execution->is_evaluated = false;
        return STATUS_OK;
    case TRAIN_PAUSE:
        return pause_there(execution);
    case TRAIN_STOP:
        return stop_there(execution);
    default:
        TRY(checkpoint_save(&execution->lane, execution->job->folder));
        return fail(STATUS_CANCELLED, "stopped on request at epoch %lld",
                    (long long)execution->lane.position.epoch);
    }
done:
    return status;
}

/* 0: the run has none before it. */
static int64_t next_passed_rung(const struct execution *execution)
{
    const struct train_job *job = execution->job;

    for (int64_t i = 0; i < job->n_passed_rungs; i++)
        if (job->passed_rungs[i] > execution->lane.position.epoch)
            return job->passed_rungs[i];
    return 0;
}

static void choose_goal(struct execution *execution)
{
    struct lane *lane = &execution->lane;
    int64_t passed = execution->has_passed_all ? 0 : next_passed_rung(execution);
    bool asks = execution->rung_epoch > 0 && execution->rung_epoch < lane->recipe->epochs;

    execution->goal = passed > 0 ? GOAL_PASSED_RUNG : asks ? GOAL_RUNG : GOAL_END;
    lane->until = passed > 0 ? passed : asks ? execution->rung_epoch : lane->recipe->epochs;
}

enum status execution_depart(struct execution *execution)
{
    choose_goal(execution);
    return lane_has_arrived(&execution->lane) ? STATUS_OK : lane_open(&execution->lane);
}

enum status execution_arrive(struct execution *execution)
{
    enum status status = STATUS_OK;
    double unused = NAN;

    TRY(lane_close(&execution->lane));
    switch (execution->goal) {
    case GOAL_PASSED_RUNG:
        TRY(measure(execution, execution->lane.until, &unused));
        execution->is_evaluated = false;
        execution->has_passed_all = lane_is_over(&execution->lane); /* by its patience */
        break;
    case GOAL_RUNG:
        TRY(ask(execution));
        execution->trains = !execution->has_left;
        break;
    case GOAL_END:
        execution->trains = false;
        break;
    }
    if (execution->trains)
        TRY(execution_depart(execution));
done:
    return status;
}
