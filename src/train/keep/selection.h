/* Which epoch a run's weights are taken from, and when further epochs are not worth while. Both
 * follow from the validation accuracies alone, so that a run that goes on from a checkpoint decides
 * as one that was never interrupted. */
#ifndef TRAIN_SELECTION_H
#define TRAIN_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

struct selection {      /* zeros: no epoch was validated yet */
    int64_t best_epoch; /* from 1; of the highest accuracy, ties the earlier; 0: none */
    int64_t last_epoch; /* newest that was validated */
    double best_accuracy;
};

/* Epochs come in order. One whose accuracy is NaN was not validated. */
void selection_see(struct selection *selection, int64_t epoch, double accuracy);
/* Whether the newest epoch that was validated is the best. */
bool selection_is_newest(const struct selection *selection);
/* Whether training is over: the newest is `patience` epochs behind the best; 0: never. */
bool selection_is_over(const struct selection *selection, int64_t patience);

#endif
