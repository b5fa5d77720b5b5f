/* Which classes are taken for which. */
#include "eval/eval.h"

#include <math.h>

static void count(const struct predictions *predictions, const struct image_list *list,
                  struct confusion_matrix *matrix, int64_t *n_of_class)
{
    for (int64_t i = 0; i < list->n; i++) {
        int32_t label = predictions->labels[list->images[i]];
        int32_t chosen = predictions->argmax[list->images[i]];
        n_of_class[label]++;
        if (chosen >= 0)
            matrix->counts[(int64_t)label * matrix->n_classes + chosen]++;
    }
}

enum status confusion_matrix_create(const struct predictions *predictions,
                                    const struct image_list lists[2], struct arena *arena,
                                    struct confusion_matrix *out)
{
    enum status status = STATUS_OK;
    int64_t n_classes = predictions->n_classes, *n_of_class = NULL;
    struct confusion_matrix matrix = {.n_classes = predictions->n_classes};

    TRY_ALLOC(matrix.counts, ARENA_ARRAY(arena, n_classes * n_classes, int64_t));
    TRY_ALLOC(matrix.accuracy, ARENA_ARRAY(arena, n_classes, double));
    TRY_ALLOC(n_of_class, ARENA_ARRAY(arena, n_classes, int64_t));
    for (int l = 0; l < 2; l++)
        count(predictions, &lists[l], &matrix, n_of_class);
    for (int64_t k = 0; k < n_classes; k++)
        matrix.accuracy[k] = n_of_class[k] > 0
                                 ? (double)matrix.counts[k * n_classes + k] / (double)n_of_class[k]
                                 : NAN;
    *out = matrix;
done:
    return status;
}
