/* The bytes of the protocol. A struct is described once, by a function that passes its members over
 * the wire in their order: it writes or reads, whichever the wire does, so that encoder and decoder
 * cannot disagree. Numbers take eight bytes as they lie in memory, texts their length, their
 * bytes and a zero: both ends are one build on machines of one kind, which is checked before the
 * first run. */
#ifndef PROTOCOL_WIRE_H
#define PROTOCOL_WIRE_H

#include "base/text.h"

struct wire {
    struct text *out;  /* appended to; NULL: reading */
    const char *bytes; /* [n], borrowed; read from `at` on */
    int64_t n, at;
    bool is_bad; /* what is read ended too early, or cannot be right */
};

void wire_integer(struct wire *wire, int64_t *value);
void wire_number(struct wire *wire, double *value); /* every bit of it */
/* One of [0, n), as an enum has them. */
void wire_choice(struct wire *wire, int *value, int n);
/* Writes NULL as "". What is read is borrowed from the bytes, and ends with a zero. */
void wire_text(struct wire *wire, const char **value);
/* A text in an array of its own; what is read and does not fit is bad. */
void wire_array(struct wire *wire, char *value, size_t capacity);
/* The length of a list whose items take at least eight bytes each: never more than are left. */
void wire_count(struct wire *wire, int64_t *n);

/* OUT_OF_MEMORY when not all was written; COMM naming `what` when what was read was bad, or bytes
 * are left over. */
CHECKED enum status wire_end(const struct wire *wire, const char *what);

#endif
