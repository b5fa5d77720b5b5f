/* Predictions batch by batch, from the logits of a forward pass. */
#include "train/measure/evaluate.h"

#include "train/measure/forward.h"

#include <stdlib.h>

struct evaluator { /* owned */
    struct forward forward;
    struct arena *arena;
    int32_t *labels; /* [batch] */
};

enum status evaluator_create(const struct network *network, int64_t n_images, struct span memory,
                             struct evaluator **out)
{
    enum status status = STATUS_OK;
    struct evaluator *evaluator = NULL;

    TRY_ALLOC(evaluator, heap_alloc(1, sizeof *evaluator));
    TRY(arena_create(&evaluator->arena));
    const struct forward_settings settings = {n_images, memory};
    TRY(forward_create(network, &settings, evaluator->arena, &evaluator->forward));
    TRY_ALLOC(evaluator->labels,
              ARENA_ARRAY(evaluator->arena, evaluator->forward.batch_size, int32_t));
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
    forward_release(&evaluator->forward);
    arena_destroy(evaluator->arena);
    free(evaluator);
}

static int32_t label_of(const struct dataset *dataset, int32_t row)
{
    int64_t n_train = dataset->train.n;

    return row < n_train ? dataset->train.labels[row] : dataset->test.labels[row - n_train];
}

enum status evaluator_run(struct evaluator *evaluator, const int32_t *rows, struct predictions *out)
{
    enum status status = STATUS_OK;
    struct forward *forward = &evaluator->forward;
    const struct dataset *dataset = forward->network->data->dataset;

    out->batch_size = forward->batch_size;
    for (int64_t first = 0; first < out->n; first += forward->batch_size) {
        int64_t left = out->n - first;
        int64_t count = left < forward->batch_size ? left : forward->batch_size;
        TRY(forward_run(forward, rows + first, count));
        for (int64_t i = 0; i < count; i++)
            evaluator->labels[i] = label_of(dataset, rows[first + i]);
        predictions_set(out, first, count, forward->logits, evaluator->labels);
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
