/* Evaluation: one pass over the resident table in order. */
#include "train/evaluate.h"

#include "train/forward.h"

static enum status evaluate_table(struct forward *forward, const struct image_table *table,
                                  int64_t first_row, struct predictions *out)
{
    enum status status = STATUS_OK;

    for (int64_t first = 0; first < table->n; first += forward->batch_size) {
        int64_t left = table->n - first;
        int64_t count = left < forward->batch_size ? left : forward->batch_size;
        TRY(forward_run_range(forward, first_row + first, count));
        predictions_set(out, first, count, forward->logits, table->labels + first);
    }
done:
    return status;
}

enum status network_evaluate(const struct network *network, struct arena *arena,
                             struct predictions *train, struct predictions *test)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = network->data->dataset;
    struct forward forward = {0};

    TRY(predictions_create(arena, dataset->train.n, dataset->n_classes, train));
    TRY(predictions_create(arena, dataset->test.n, dataset->n_classes, test));
    TRY(forward_create(network, arena, &forward));
    TRY(evaluate_table(&forward, &dataset->train, 0, train));
    TRY(evaluate_table(&forward, &dataset->test, dataset->train.n, test));
done:
    forward_release(&forward);
    return status;
}
