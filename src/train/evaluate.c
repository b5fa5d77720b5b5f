/* Evaluation: one pass over the resident table in order; the last batch is filled up by repeating
 * its last image. */
#include "train/evaluate.h"

#include <string.h>

struct pass { /* buffers of one evaluation */
    const struct network *network;
    struct stage stage;
    int64_t batch_size;
    int32_t *indices; /* [batch] */
    void *raw;        /* [batch, classes] as the device has them */
    double *logits;   /* [batch, classes] */
};

static enum status pass_begin(struct pass *pass, struct arena *arena)
{
    enum status status = STATUS_OK;
    int n_classes = pass->network->data->dataset->n_classes;
    int64_t n = pass->batch_size * n_classes;

    TRY(network_stage(pass->network, GRAPH_EVAL, pass->batch_size, (struct span){0}, &pass->stage));
    TRY_ALLOC(pass->indices, ARENA_ARRAY(arena, pass->batch_size, int32_t));
    TRY_ALLOC(pass->raw, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(pass->logits, ARENA_ARRAY(arena, n, double));
done:
    return status;
}

/* Logits of rows [first, first + count) of the resident table into pass->logits. */
static enum status pass_batch(struct pass *pass, int64_t first, int64_t count)
{
    enum status status = STATUS_OK;
    struct graph *graph = pass->stage.graph;
    struct executor *executor = pass->stage.executor;
    int64_t n_values = pass->batch_size * pass->network->data->dataset->n_classes;
    bool is_f32 = device_real(pass->network->device) == DTYPE_F32;

    for (int64_t i = 0; i < pass->batch_size; i++)
        pass->indices[i] = (int32_t)(first + (i < count ? i : count - 1));
    TRY(executor_upload(executor, graph->indices, pass->indices));
    TRY(executor_run(executor));
    TRY(executor_download(executor, graph->logits, pass->raw));
    for (int64_t i = 0; i < n_values; i++)
        pass->logits[i] = is_f32 ? (double)((float *)pass->raw)[i] : ((double *)pass->raw)[i];
done:
    return status;
}

static enum status evaluate_table(struct pass *pass, const struct image_table *table,
                                  int64_t first_row, struct predictions *out)
{
    enum status status = STATUS_OK;
    for (int64_t first = 0; first < table->n; first += pass->batch_size) {
        int64_t left = table->n - first;
        int64_t count = left < pass->batch_size ? left : pass->batch_size;
        TRY(pass_batch(pass, first_row + first, count));
        predictions_set(out, first, count, pass->logits, table->labels + first);
    }
done:
    return status;
}

enum status network_evaluate(const struct network *network, struct arena *arena,
                             struct predictions *train, struct predictions *test)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = network->data->dataset;
    struct pass pass = {.network = network, .batch_size = network->settings->eval.batch_size};

    TRY(predictions_create(arena, dataset->train.n, dataset->n_classes, train));
    TRY(predictions_create(arena, dataset->test.n, dataset->n_classes, test));
    TRY(pass_begin(&pass, arena));
    TRY(evaluate_table(&pass, &dataset->train, 0, train));
    TRY(evaluate_table(&pass, &dataset->test, dataset->train.n, test));
done:
    stage_release(&pass.stage);
    return status;
}
