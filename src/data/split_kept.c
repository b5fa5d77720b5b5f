/* Of the images set aside, those a model is still to know: classes that are forgotten as a whole
 * are left out, as TA leaves them out of the test images. */
#include "data/dataset.h"

#include <stdbool.h>
#include <stdlib.h>

static int32_t largest_label(const int32_t *labels, const int32_t *images, int64_t n)
{
    int32_t largest = -1;

    for (int64_t i = 0; i < n; i++)
        largest = labels[images[i]] > largest ? labels[images[i]] : largest;
    return largest;
}

enum status split_validation_kept(const struct split *split, const int32_t *train_labels,
                                  const int32_t *test_labels, int32_t *images, int64_t *n)
{
    enum status status = STATUS_OK;
    int64_t n_classes = 1 + largest_label(test_labels, split->test_forget, split->n_test_forget);
    bool *is_forgotten = NULL;

    *n = 0;
    TRY_ALLOC(is_forgotten, heap_alloc(n_classes + 1, sizeof *is_forgotten));
    for (int64_t i = 0; i < split->n_test_forget; i++)
        is_forgotten[test_labels[split->test_forget[i]]] = true;
    for (int64_t i = 0; i < split->n_validation; i++) {
        int32_t label = train_labels[split->validation[i]];
        if (label >= n_classes || !is_forgotten[label])
            images[(*n)++] = split->validation[i];
    }
done:
    free(is_forgotten);
    return status;
}
