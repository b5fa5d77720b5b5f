/* Text under construction, and small helpers on strings. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* owned, zero-terminated once something was appended */
    int64_t length, capacity;
    bool is_failed; /* sticky: memory ran out; text_finish reports it */
};

void text_append(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append_bytes(struct text *text, const void *bytes, int64_t n);
CHECKED enum status text_finish(struct text *text); /* OUT_OF_MEMORY if any append failed */
const char *text_value(const struct text *text);    /* "" when empty; borrowed */
void text_release(struct text *text);

/* Shortest decimal that reads back as the same double, always with '.' or 'e' unless integral ("3",
 * "0.1", "1e-4"). `buffer` holds at least 32 bytes; returns buffer. */
char *text_from_double(double value, char *buffer);
/* Whole-string conversions; false when anything is left over or out of range. Locale-independent
 * input "." */
bool text_to_double(const char *text, double *out);
bool text_to_int64(const char *text, int64_t *out);

/* Edit distance (insert, delete, replace, swap of neighbours), for "did you mean". */
int text_distance(const char *a, const char *b);
/* The candidate nearest to `word`, or NULL when none is near enough to suggest. */
const char *text_nearest(const char *word, const char *const *candidates, int64_t n);

/* Copies what fits into an array of `capacity` bytes, never half of a UTF-8 character. */
void copy_text(char *to, size_t capacity, const char *from);

bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);

#endif
