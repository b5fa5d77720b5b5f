/* Thin wrappers over clock_gettime. */
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_seconds(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double clock_wall_seconds(void)
{
    return seconds_of(CLOCK_REALTIME);
}

void clock_sleep(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};

    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

void clock_timestamp(char buffer[32])
{
    struct timespec now;
    struct tm utc;
    char date[24];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buffer, 32, "%.19s.%03uZ", date, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

double clock_from_timestamp(const char *text)
{
    struct tm utc = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);

    if (rest == NULL)
        return NAN;
    double fraction = *rest == '.' ? strtod(rest, NULL) : 0; /* stops at the Z */
    return (double)timegm(&utc) + fraction;
}
