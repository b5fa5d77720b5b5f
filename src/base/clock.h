/* Clocks: monotonic seconds for durations, wall time for records. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_seconds(void);      /* monotonic */
double clock_wall_seconds(void); /* since 1970, UTC */
void clock_sleep(double seconds);
void clock_timestamp(char buffer[32]); /* 2026-01-31T12:00:00.123Z */
/* The same back as seconds since 1970; NaN when it is none. */
double clock_from_timestamp(const char *text);

#endif
