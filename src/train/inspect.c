/* Erased or rerouted? What a run's final weights still hold of D_f, looked at behind the outputs:
 * distance and sparsity always, the linear probe and relearn time on request. All of it on a
 * merged copy, so that what the run saves and says otherwise does not depend on it. */
#include "train/execution.h"

#include "base/clock.h"
#include "train/measure/plain_network.h"
#include "train/measure/probing.h"
#include "train/measure/relearn.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct inspection {
    struct execution *execution;
    struct plain_network merged;
    struct forward forward;
    struct arena *arena;        /* owned: the forward's buffers */
    const struct weights *base; /* borrowed; NULL for a run that reads none */
};

static void add_metric(struct inspection *inspection, const char *name, double value)
{
    struct metrics *metrics = &inspection->execution->metrics;

    assert(metrics->n < EVAL_MAX_METRICS);
    metrics->items[metrics->n++] = (struct metric){name, value};
}

/* ---- distance and sparsity ---- */

static enum status add_squares(const struct parameters *parameters, int64_t i,
                               const struct weight_tensor *base, double sums[2])
{
    enum status status = STATUS_OK;
    int64_t n = weight_elements(base);
    double *values = NULL;

    TRY_ALLOC(values, heap_alloc(n, sizeof *values));
    TRY(parameters_get(parameters, i, values));
    for (int64_t e = 0; e < n; e++) {
        double before = weight_value(base, e), moved = values[e] - before;
        sums[0] += moved * moved;
        sums[1] += before * before;
    }
done:
    free(values);
    return status;
}

/* ‖w − w0‖₂ / ‖w0‖₂ over parameters; buffers are no part of it. */
static enum status measure_distance(struct inspection *inspection)
{
    enum status status = STATUS_OK;
    const struct parameters *parameters = inspection->merged.network.parameters;
    double sums[2] = {0, 0};

    for (int64_t i = 0; inspection->base != NULL && i < parameters_count(parameters); i++) {
        const struct param *row = parameters_row(parameters, i);
        if (!row->is_buffer)
            TRY(add_squares(parameters, i, weights_find(inspection->base, row->name), sums));
    }
    add_metric(inspection, "distance_original", sums[1] > 0 ? sqrt(sums[0] / sums[1]) : NAN);
done:
    return status;
}

static enum status measure_sparsity(struct inspection *inspection, const char *name,
                                    const struct parameters *parameters)
{
    enum status status = STATUS_OK;
    char text[PATTERN_BYTES];
    double sparsity = NAN;

    TRY(parameters_sparsity(
        parameters, network_prune_targets(&inspection->execution->network, text), &sparsity));
    add_metric(inspection, name, sparsity);
done:
    return status;
}

/* ---- probe ---- */

static enum status measure_probe(struct inspection *inspection)
{
    enum status status = STATUS_OK;
    struct probed probed;

    TRY(probe_network(&inspection->forward, inspection->execution->split, &probed));
    add_metric(inspection, "probe_forget_accuracy", probed.forget);
    add_metric(inspection, "probe_retain_accuracy", probed.retain);
done:
    return status;
}

/* ---- relearn time ---- */

static enum status between(void *context)
{
    return execution_go_on(context, "evaluate", "relearning");
}

static enum status measure_relearning(struct inspection *inspection)
{
    enum status status = STATUS_OK;
    struct execution *execution = inspection->execution;
    const struct settings *settings = execution->job->settings;
    struct network *network = &inspection->merged.network;
    struct relearned relearned;
    double base_accuracy = NAN;

    if (execution->split->n_forget < 1)
        return STATUS_OK;
    TRY(network_load_weights(network, inspection->base, settings->model.weights));
    TRY(forget_accuracy(&inspection->forward, execution->split, &base_accuracy));
    TRY(plain_network_copy(&inspection->merged, &execution->network));
    const struct relearn request = {.merged = &inspection->merged,
                                    .forward = &inspection->forward,
                                    .split = execution->split,
                                    .goal = base_accuracy - settings->eval.relearn.distance,
                                    .between = between,
                                    .context = execution};
    TRY(relearn(&request, &relearned));
    add_metric(inspection, "relearn_steps", (double)relearned.steps);
    add_metric(inspection, "relearn_reached", relearned.is_reached ? 1 : 0);
    add_metric(inspection, "relearn_base_accuracy", base_accuracy);
done:
    return status;
}

static enum status inspect(struct inspection *inspection)
{
    enum status status = STATUS_OK;
    struct execution *execution = inspection->execution;
    const struct settings *settings = execution->job->settings;
    bool relearns = settings->eval.relearn.max_steps > 0;

    if (network_reads_weights(&execution->network))
        TRY(execution_weights(execution, &inspection->base));
    TRY(plain_network_create(&execution->network, &inspection->merged));
    TRY(plain_network_copy(&inspection->merged, &execution->network));
    TRY(measure_distance(inspection));
    TRY(measure_sparsity(inspection, "sparsity", execution->network.parameters));
    TRY(measure_sparsity(inspection, "sparsity_merged", inspection->merged.network.parameters));
    const struct forward_settings forward = {execution->network.data->dataset->train.n, {0}};
    if (settings->eval.probe || relearns)
        TRY(forward_create(&inspection->merged.network, &forward, inspection->arena,
                           &inspection->forward));
    if (settings->eval.probe)
        TRY(measure_probe(inspection));
    if (relearns)
        TRY(measure_relearning(inspection));
done:
    return status;
}

enum status execution_inspect(struct execution *execution)
{
    enum status status = STATUS_OK;
    struct inspection inspection = {.execution = execution};
    double start = clock_seconds();

    TRY(arena_create(&inspection.arena));
    TRY(inspect(&inspection));
    execution->eval_seconds += clock_seconds() - start;
done:
    forward_release(&inspection.forward);
    plain_network_release(&inspection.merged);
    arena_destroy(inspection.arena);
    return status;
}
