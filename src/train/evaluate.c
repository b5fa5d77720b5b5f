/* Evaluation batch by batch: indices up, logits down. */
#include "train/evaluate.h"

#include "train/eval_batch.h"

#include <stdlib.h>

struct evaluator {
    const struct network *network; /* borrowed */
    /* owned */
    struct stage stage;
    struct arena *arena;
    int32_t *indices, *labels; /* [batch] */
    void *raw;                 /* [batch, classes] as the device has them */
    double *logits;            /* [batch, classes] */
    int64_t batch_size;
};

/* Where the memory that is lent is too small, memory of its own. */
static enum status stage_create(struct evaluator *evaluator, struct span arena)
{
    const struct network *network = evaluator->network;
    int64_t batch_size = evaluator->batch_size;
    enum status status = STATUS_OUT_OF_MEMORY;

    if (arena.data != NULL)
        status = network_stage(network, GRAPH_EVAL, batch_size, arena, &evaluator->stage);
    if (status == STATUS_OUT_OF_MEMORY)
        status =
            network_stage(network, GRAPH_EVAL, batch_size, (struct span){0}, &evaluator->stage);
    return status;
}

enum status evaluator_create(const struct network *network, int64_t n_images, struct span arena,
                             struct evaluator **out)
{
    enum status status = STATUS_OK;
    struct evaluator *evaluator = NULL;

    TRY_ALLOC(evaluator, heap_alloc(1, sizeof *evaluator));
    evaluator->network = network;
    TRY(arena_create(&evaluator->arena));
    TRY(eval_batch_choose(network, n_images, &evaluator->batch_size));
    TRY(stage_create(evaluator, arena));
    int64_t n = evaluator->batch_size * network->data->dataset->n_classes;
    TRY_ALLOC(evaluator->indices, ARENA_ARRAY(evaluator->arena, evaluator->batch_size, int32_t));
    TRY_ALLOC(evaluator->labels, ARENA_ARRAY(evaluator->arena, evaluator->batch_size, int32_t));
    TRY_ALLOC(evaluator->raw, ARENA_ARRAY(evaluator->arena, n, double));
    TRY_ALLOC(evaluator->logits, ARENA_ARRAY(evaluator->arena, n, double));
    *out = evaluator;
    evaluator = NULL;
done:
    evaluator_destroy(evaluator);
    return status;
}

void evaluator_destroy(struct evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    stage_release(&evaluator->stage);
    arena_destroy(evaluator->arena);
    free(evaluator);
}

static int32_t label_of(const struct dataset *dataset, int32_t row)
{
    int64_t n_train = dataset->train.n;

    return row < n_train ? dataset->train.labels[row] : dataset->test.labels[row - n_train];
}

static enum status run_batch(struct evaluator *evaluator, const int32_t *rows, int64_t count)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = evaluator->network->data->dataset;
    struct graph *graph = evaluator->stage.graph;
    struct executor *executor = evaluator->stage.executor;
    int64_t n_values = evaluator->batch_size * dataset->n_classes;
    bool is_f32 = device_real(evaluator->network->device) == DTYPE_F32;

    for (int64_t i = 0; i < evaluator->batch_size; i++) {
        evaluator->indices[i] = rows[i < count ? i : count - 1];
        evaluator->labels[i] = label_of(dataset, evaluator->indices[i]);
    }
    TRY(executor_upload(executor, graph->indices, evaluator->indices));
    TRY(executor_run(executor));
    TRY(executor_download(executor, graph->logits, evaluator->raw));
    for (int64_t i = 0; i < n_values; i++)
        evaluator->logits[i] =
            is_f32 ? (double)((float *)evaluator->raw)[i] : ((double *)evaluator->raw)[i];
done:
    return status;
}

enum status evaluator_run(struct evaluator *evaluator, const int32_t *rows, struct predictions *out)
{
    enum status status = STATUS_OK;

    for (int64_t first = 0; first < out->n; first += evaluator->batch_size) {
        int64_t left = out->n - first;
        int64_t count = left < evaluator->batch_size ? left : evaluator->batch_size;
        TRY(run_batch(evaluator, rows + first, count));
        predictions_set(out, first, count, evaluator->logits, evaluator->labels);
    }
done:
    return status;
}

enum status network_evaluate(const struct network *network, struct arena *arena,
                             struct predictions *train, struct predictions *test)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = network->data->dataset;
    int64_t n_train = dataset->train.n, n_test = dataset->test.n;
    struct evaluator *evaluator = NULL;
    int32_t *rows = NULL;

    TRY(predictions_create(arena, n_train, dataset->n_classes, train));
    TRY(predictions_create(arena, n_test, dataset->n_classes, test));
    TRY_ALLOC(rows, ARENA_ARRAY(arena, n_train + n_test, int32_t));
    for (int64_t i = 0; i < n_train + n_test; i++)
        rows[i] = (int32_t)i;
    TRY(evaluator_create(network, n_train > n_test ? n_train : n_test, (struct span){0},
                         &evaluator));
    TRY(evaluator_run(evaluator, rows, train));
    TRY(evaluator_run(evaluator, rows + n_train, test));
done:
    evaluator_destroy(evaluator);
    return status;
}
