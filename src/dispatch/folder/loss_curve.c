/* Which 24th of its steps a run is in. */
#include "dispatch/folder/loss_curve.h"

#include <math.h>

void loss_curve_see(struct loss_curve *curve, const struct run_progress *progress)
{
    if (progress->step <= 0 || progress->step > progress->n_steps || !isfinite(progress->loss))
        return;
    int cell = (int)((progress->step - 1) * LOSS_CURVE_CELLS / progress->n_steps);
    /* steps nobody told of look like what came before; before a continued run's first is nothing */
    while (curve->n <= cell) {
        curve->at[curve->n] = curve->n > 0 ? curve->at[curve->n - 1] : NAN;
        curve->n++;
    }
    curve->at[cell] = (float)progress->loss;
}
