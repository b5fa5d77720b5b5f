/* Cells that double in width. */
#include "cli/plan/pace.h"

#include <math.h>
#include <string.h>

static const double first_cell_seconds = 2.0;

void pace_begin(struct pace *pace, double start)
{
    *pace = (struct pace){.start = start, .cell_seconds = first_cell_seconds};
}

static void halve(struct pace *pace)
{
    for (int i = 0; i < PACE_CELLS / 2; i++)
        pace->counts[i] = pace->counts[2 * i] + pace->counts[2 * i + 1];
    memset(pace->counts + PACE_CELLS / 2, 0, sizeof pace->counts / 2);
    pace->cell_seconds *= 2;
}

void pace_see(struct pace *pace, double when)
{
    double since = fmax(when - pace->start, 0); /* clocks are set back at times */

    if (!isfinite(when - pace->start) || pace->cell_seconds <= 0)
        return;
    while (since >= PACE_CELLS * pace->cell_seconds)
        halve(pace);
    pace->counts[(int)(since / pace->cell_seconds)]++;
    pace->n++;
}

int pace_values(const struct pace *pace, double now, double values[PACE_CELLS])
{
    struct pace scaled = *pace;
    double since = now - pace->start;

    if (!(since > 0) || pace->cell_seconds <= 0)
        return 0;
    while (since >= PACE_CELLS * scaled.cell_seconds) /* a long silence at the end */
        halve(&scaled);
    int n = (int)(since / scaled.cell_seconds);
    for (int i = 0; i < n; i++)
        values[i] = (double)scaled.counts[i] / scaled.cell_seconds;
    return n;
}
