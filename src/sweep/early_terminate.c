/* Arithmetic and names of early_terminate. */
#include "sweep/early_terminate.h"

#include "sweep/sweep.h"
#include "unlearn/method.h"

#include <stddef.h>

const char *const early_type_names[] = {"sha", "asha", "median", NULL};
const char *const early_metrics[] = {"loss",
                                     "UA",
                                     "RA",
                                     "TA",
                                     "MIA",
                                     "forget_accuracy_train",
                                     "forget_accuracy_test",
                                     "test_accuracy_all",
                                     NULL};
const char *const early_compared[] = {"average_gap", "ToW", "JS", "confusion_distance", NULL};

int64_t early_rung_epoch(const struct early_terminate *early, int64_t k)
{
    int64_t epoch = early->min_iter;

    if (early->type == EARLY_MEDIAN)
        return k < INT64_MAX / epoch - 1 ? epoch * (k + 1) : INT64_MAX;
    for (int64_t i = 0; i < k; i++) {
        if (epoch > INT64_MAX / early->eta)
            return INT64_MAX;
        epoch *= early->eta;
    }
    return epoch;
}

int64_t early_run_epochs(const struct run *run)
{
    const struct method *method = method_find(run->settings.unlearn.method);
    bool is_cut = method != NULL && !method->is_reference && method->training == TRAIN_RECIPE;

    return is_cut ? run->settings.train.epochs : 0;
}
