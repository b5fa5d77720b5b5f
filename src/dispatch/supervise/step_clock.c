/* A ring of the newest durations and their median. */
#include "dispatch/supervise/step_clock.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void step_clock_see(struct step_clock *clock, int64_t step, double now)
{
    if (step <= clock->last_step)
        return;
    if (clock->last_change > 0) {
        clock->samples[clock->next] =
            (now - clock->last_change) / (double)(step - clock->last_step);
        clock->next = (clock->next + 1) % STEP_SAMPLES;
        clock->n += clock->n < STEP_SAMPLES;
    }
    clock->last_step = step;
    clock->last_change = now;
}

double step_clock_deadline(const struct step_clock *clock, double least_seconds)
{
    double sorted[STEP_SAMPLES];

    if (clock->n == 0)
        return least_seconds;
    memcpy(sorted, clock->samples, sizeof sorted);
    qsort(sorted, (size_t)clock->n, sizeof *sorted, compare);
    double usual = 20.0 * sorted[clock->n / 2];
    return usual > least_seconds ? usual : least_seconds;
}
