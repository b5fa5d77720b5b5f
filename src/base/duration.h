/* Lengths of time as people write them. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>

enum { DURATION_BYTES = 32 };

/* "12 s", "3 min 05 s", "2 h 10 min"; "?" for NaN. Returns buffer. */
char *duration_to_text(double seconds, char buffer[DURATION_BYTES]);
/* Seconds ("90", "0.5"), MM:SS, HH:MM:SS or DAYS-HH:MM:SS, as job schedulers print what is left.
 * False when it is none of these. */
bool duration_from_text(const char *text, double *seconds);

#endif
