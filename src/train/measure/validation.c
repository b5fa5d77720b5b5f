/* An evaluator, the rows of the images set aside, and what it last predicted for them. */
#include "train/measure/validation.h"

#include <stdlib.h>

struct validation { /* owned */
    struct arena *arena;
    struct evaluator *evaluator;
    int32_t *rows; /* [n] of the resident table, whose training images come first */
    int64_t n;
    struct predictions predictions;
};

static enum status find_rows(struct validation *validation, const struct dataset *dataset,
                             const struct split *split)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(validation->rows, ARENA_ARRAY(validation->arena, split->n_validation, int32_t));
    TRY(split_validation_kept(split, dataset->train.labels, dataset->test.labels, validation->rows,
                              &validation->n));
done:
    return status;
}

enum status validation_create(const struct network *network, const struct split *split,
                              struct span arena, struct validation **out)
{
    enum status status = STATUS_OK;
    const struct dataset *dataset = network->data->dataset;
    struct validation *validation = NULL;

    *out = NULL;
    if (split->n_validation == 0)
        return STATUS_OK;
    TRY_ALLOC(validation, heap_alloc(1, sizeof *validation));
    TRY(arena_create(&validation->arena));
    TRY(find_rows(validation, dataset, split));
    if (validation->n == 0)
        goto done;
    TRY(predictions_create(validation->arena, validation->n, dataset->n_classes,
                           &validation->predictions));
    TRY(evaluator_create(network, validation->n, arena, &validation->evaluator));
    *out = validation;
    validation = NULL;
done:
    validation_destroy(validation);
    return status;
}

void validation_destroy(struct validation *validation)
{
    if (validation == NULL)
        return;
    evaluator_destroy(validation->evaluator);
    arena_destroy(validation->arena);
    free(validation);
}

enum status validation_run(struct validation *validation, struct validation_result *out)
{
    enum status status = STATUS_OK;
    const struct predictions *predictions = &validation->predictions;
    int64_t n_right = 0;
    double loss = 0;

    TRY(evaluator_run(validation->evaluator, validation->rows, &validation->predictions));
    for (int64_t i = 0; i < validation->n; i++) {
        n_right += predictions->argmax[i] == predictions->labels[i];
        loss += predictions->loss[i];
    }
    *out = (struct validation_result){(double)n_right / (double)validation->n,
                                      loss / (double)validation->n};
done:
    return status;
}
