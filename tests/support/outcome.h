/* What a call came to. Each ends the running test where it is something else, and says what. */
#ifndef SUPPORT_OUTCOME_H
#define SUPPORT_OUTCOME_H

#include "base/status.h"

#define ok(call) outcome_is_ok((call), #call, __FILE__, __LINE__)
/* The code, and a message that contains `words`, or is them. */
#define fails(call, code, words) outcome_is_failure((call), (code), (words), __FILE__, __LINE__)
#define fails_with(call, code, message)                                                            \
    outcome_is_message((call), (code), (message), __FILE__, __LINE__)

void outcome_is_ok(enum status status, const char *call, const char *file, int line);
void outcome_is_failure(enum status status, enum status code, const char *words, const char *file,
                        int line);
void outcome_is_message(enum status status, enum status code, const char *message, const char *file,
                        int line);

#endif
