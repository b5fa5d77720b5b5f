/* Processor time over the time of the clock, second by second. */
#include "dispatch/supervise/trainer_cores.h"

#include <math.h>

static const double least_seconds = 1.0; /* progress of a fast run comes closer than clocks tell */

void trainer_cores_begin(struct trainer_cores *cores)
{
    *cores = (struct trainer_cores){NAN, NAN, NAN};
}

void trainer_cores_see(struct trainer_cores *cores, double cpu_seconds, double now)
{
    double took = now - cores->at;

    if (took < least_seconds)
        return;
    if (took >= least_seconds) /* not NaN */
        cores->busy = (cpu_seconds - cores->cpu_seconds) / took;
    cores->cpu_seconds = cpu_seconds;
    cores->at = now;
}
