/* A run's progress as a share, as words and as a pace. */
#include "protocol/run_progress.h"

#include "protocol/wire.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void run_progress_pass(struct wire *wire, struct run_progress *progress)
{
    int64_t n_cores = progress->n_cores;

    wire_integer(wire, &progress->epoch);
    wire_integer(wire, &progress->n_epochs);
    wire_integer(wire, &progress->step);
    wire_integer(wire, &progress->n_steps);
    wire_number(wire, &progress->loss);
    wire_number(wire, &progress->images_per_second);
    wire_array(wire, progress->phase, sizeof progress->phase);
    wire_integer(wire, &progress->ticks);
    wire_number(wire, &progress->cpu_seconds);
    wire_number(wire, &progress->cores);
    wire_integer(wire, &n_cores);
    progress->n_cores = (int32_t)n_cores;
}

double run_progress_share(const struct run_progress *progress)
{
    if (progress->n_steps > 0)
        return (double)progress->step / (double)progress->n_steps;
    return strcmp(progress->phase, "evaluate") == 0 ? 1 : 0;
}

void run_progress_append(struct text *text, const struct run_progress *progress)
{
    if (strcmp(progress->phase, "train") != 0) {
        text_append(text, "%s", progress->phase[0] != '\0' ? progress->phase : "start");
        return;
    }
    /* epochs done: the one under way is the next */
    int64_t epoch = progress->epoch < progress->n_epochs ? progress->epoch + 1 : progress->n_epochs;
    text_append(text, "epoch %" PRId64 "/%" PRId64 ", %.0f images/s, loss %.4g", epoch,
                progress->n_epochs, progress->images_per_second, progress->loss);
}

double run_seconds_left(double elapsed, double done, double left)
{
    return done > 0 ? elapsed / done * left : NAN;
}
