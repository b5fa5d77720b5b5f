/* How long a step of this run usually takes, and from when on a longer one counts as hung. */
#ifndef DISPATCH_STEP_CLOCK_H
#define DISPATCH_STEP_CLOCK_H

#include <stdint.h>

enum { STEP_SAMPLES = 32 };
struct step_clock {
    double samples[STEP_SAMPLES];
    int n, next;
    int64_t last_step;
    double last_change;
};
/* The run is at this step now; call whenever it says so. */
void step_clock_see(struct step_clock *clock, int64_t step, double now);
/* max(least, 20 × the median of the newest steps). */
double step_clock_deadline(const struct step_clock *clock, double least_seconds);

#endif
