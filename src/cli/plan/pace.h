/* How many runs ended when: a histogram over a start of any length, in a fixed number of cells. */
#ifndef CLI_PACE_H
#define CLI_PACE_H

#include <stdint.h>

enum { PACE_CELLS = 48 };
struct pace {
    double start, cell_seconds; /* since 1970; doubled when the cells do not reach any more */
    int64_t counts[PACE_CELLS];
    int64_t n;
};
void pace_begin(struct pace *pace, double start);
void pace_see(struct pace *pace, double when);
/* Runs per second in each cell up to `now`, the one under way left out; returns their number. */
int pace_values(const struct pace *pace, double now, double values[PACE_CELLS]);

#endif
