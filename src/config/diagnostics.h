/* Mistakes in what the user wrote, collected as text: file:line:column, the message, the line, an
 * underline. Reading goes on after a mistake; the caller checks n_errors at the end. */
#ifndef CONFIG_DIAGNOSTICS_H
#define CONFIG_DIAGNOSTICS_H

#include "base/text.h"

enum { DIAGNOSTICS_MOST = 20 }; /* errors shown, and as many warnings */

struct source { /* a text that positions point into; outlives them */
    const char *name, *text;
};

struct position {
    const struct source *source; /* NULL: there is no place to show */
    int line, column, length;    /* from 1, in characters; length of the underline */
};

struct diagnostics {
    struct text text;
    int64_t n_errors, n_warnings;
};

/* `at` may be NULL; `hint` ("did you mean 'x'?") may be NULL. The same mistake at the same place is
 * shown once. */
void diagnostics_error(struct diagnostics *diagnostics, const struct position *at, const char *hint,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void diagnostics_warning(struct diagnostics *diagnostics, const struct position *at,
                         const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diagnostics_release(struct diagnostics *diagnostics);

/* "did you mean 'x'?" for the nearest of NULL-terminated names, or NULL when none is near. */
const char *did_you_mean(struct arena *arena, const char *word, const char *const *names);
/* "a, b, c" of NULL-terminated names; "" when memory ran out. */
const char *names_joined(struct arena *arena, const char *const *names);

#endif
