/* A graph whose running values become its batch's is run batch by batch, and they are averaged on
 * the host. */
#include "train/measure/recalibrate.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct average { /* of one running mean or variance */
    int64_t row; /* of the parameters */
    int64_t n;
    double *values; /* [n] over the batches so far */
};

struct recalibration {
    const struct recalibrate *request;
    struct arena *arena; /* owned: what follows */
    struct average *averages;
    int64_t n_averages;
    double *batch;           /* [largest n] */
    struct stage full, last; /* owned; last: the smaller batch, when there is one */
    int64_t n_batches;       /* done */
};

static enum status add_average(struct recalibration *recalibration, int64_t row, int64_t *most)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = recalibration->request->network->parameters;
    struct tensor tensor = parameters_tensor(parameters, row);
    struct average *average = &recalibration->averages[recalibration->n_averages++];

    *average = (struct average){.row = row, .n = tensor_elements(&tensor)};
    *most = average->n > *most ? average->n : *most;
    TRY_ALLOC(average->values, ARENA_ARRAY(recalibration->arena, average->n, double));
    /* A batch replaces them: it adds 0 times what they were, which must not be a NaN. */
    memset(average->values, 0, (size_t)average->n * sizeof *average->values);
    TRY(parameters_set(parameters, row, average->values));
done:
    return status;
}

static bool is_running_value(const struct param *param)
{
    return param->is_buffer && (text_ends_with(param->name, ".running_mean") ||
                                text_ends_with(param->name, ".running_var"));
}

static enum status averages_create(struct recalibration *recalibration)
{
    enum status status = STATUS_OK;
    const struct parameters *parameters = recalibration->request->network->parameters;
    int64_t n = parameters_count(parameters), most = 1;

    TRY_ALLOC(recalibration->averages, ARENA_ARRAY(recalibration->arena, n, struct average));
    for (int64_t i = 0; i < n; i++)
        if (is_running_value(parameters_row(parameters, i)))
            TRY(add_average(recalibration, i, &most));
    TRY_ALLOC(recalibration->batch, ARENA_ARRAY(recalibration->arena, most, double));
done:
    return status;
}

/* The smaller batch runs in the full one's arena: never two at once. */
static enum status stages_create(struct recalibration *recalibration)
{
    enum status status = STATUS_OK;
    const struct recalibrate *request = recalibration->request;
    struct stage_request full = {.mode = GRAPH_STATISTICS, .batch_size = request->batch_size};
    struct stage_request last = {.mode = GRAPH_STATISTICS,
                                 .batch_size = request->n % request->batch_size};

    if (request->n >= request->batch_size) {
        TRY(network_stage(request->network, &full, &recalibration->full));
        last.arena = executor_arena(recalibration->full.executor);
    }
    if (last.batch_size > 0)
        TRY(network_stage(request->network, &last, &recalibration->last));
done:
    return status;
}

/* mean += (value − mean) / k for the k-th batch. */
static enum status take_batch(struct recalibration *recalibration)
{
    enum status status = STATUS_OK;
    const struct parameters *parameters = recalibration->request->network->parameters;
    double k = (double)++recalibration->n_batches;

    for (int64_t i = 0; i < recalibration->n_averages; i++) {
        struct average *average = &recalibration->averages[i];
        TRY(parameters_get(parameters, average->row, recalibration->batch));
        for (int64_t e = 0; e < average->n; e++)
            average->values[e] += (recalibration->batch[e] - average->values[e]) / k;
    }
done:
    return status;
}

static enum status run(struct recalibration *recalibration)
{
    enum status status = STATUS_OK;
    const struct recalibrate *request = recalibration->request;

    for (int64_t first = 0; first < request->n; first += request->batch_size) {
        bool is_full = request->n - first >= request->batch_size;
        const struct stage *stage = is_full ? &recalibration->full : &recalibration->last;
        TRY(request->between(request->context));
        TRY(executor_upload(stage->executor, stage->graph->indices, request->images + first));
        TRY(executor_run(stage->executor));
        TRY(take_batch(recalibration));
    }
    for (int64_t i = 0; i < recalibration->n_averages; i++)
        TRY(parameters_set(request->network->parameters, recalibration->averages[i].row,
                           recalibration->averages[i].values));
done:
    return status;
}

enum status recalibrate(const struct recalibrate *request)
{
    enum status status = STATUS_OK;
    struct recalibration recalibration = {.request = request};

    if (request->n == 0)
        return STATUS_OK;
    TRY(arena_create(&recalibration.arena));
    TRY(averages_create(&recalibration));
    TRY(stages_create(&recalibration));
    TRY(run(&recalibration));
done:
    stage_release(&recalibration.last);
    stage_release(&recalibration.full);
    arena_destroy(recalibration.arena);
    return status;
}
