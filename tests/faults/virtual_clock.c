/* Linker wraps (--wrap=clock_seconds …): the program's calls land here. */
#include "faults/virtual_clock.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static double monotonic = 1000; /* the wrapped functions take no context */
static double wall = 1.8e9;     /* in 2027 */

void virtual_clock_pass(double seconds)
{
    monotonic += seconds;
    wall += seconds;
}

void virtual_clock_shift_wall(double seconds)
{
    wall += seconds;
}

double processor_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

double __wrap_clock_seconds(void);
double __wrap_clock_seconds(void)
{
    return monotonic;
}

double __wrap_clock_wall_seconds(void);
double __wrap_clock_wall_seconds(void)
{
    return wall;
}

void __wrap_clock_sleep(double seconds);
void __wrap_clock_sleep(double seconds)
{
    virtual_clock_pass(seconds);
}

void __wrap_clock_timestamp(char buffer[32]);
void __wrap_clock_timestamp(char buffer[32])
{
    time_t whole = (time_t)wall;
    struct tm utc;
    char date[24];

    gmtime_r(&whole, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buffer, 32, "%.19s.000Z", date);
}
