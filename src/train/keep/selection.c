/* The arithmetic of choosing an epoch. */
#include "train/keep/selection.h"

#include <math.h>

void selection_see(struct selection *selection, int64_t epoch, double accuracy)
{
    if (isnan(accuracy))
        return;
    selection->last_epoch = epoch;
    if (selection->best_epoch > 0 && !(accuracy > selection->best_accuracy))
        return;
    selection->best_epoch = epoch;
    selection->best_accuracy = accuracy;
}

bool selection_is_newest(const struct selection *selection)
{
    return selection->best_epoch > 0 && selection->best_epoch == selection->last_epoch;
}

bool selection_is_over(const struct selection *selection, int64_t patience)
{
    return patience > 0 && selection->last_epoch - selection->best_epoch >= patience;
}
