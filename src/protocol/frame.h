/* How events and orders lie in the pipe between a rank and its trainer: four bytes of length
 * (little-endian), then what event_encode or order_encode made. */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { FRAME_MAX_BYTES = 1 << 23 };

/* Blocks until written, at most deadline_seconds; COMM when the other end is gone or does not
 * read. */
CHECKED enum status frame_write(int fd, const char *bytes, int64_t n, double deadline_seconds);

struct frame_reader {
    char *data; /* owned */
    int64_t length, capacity;
    int64_t taken;  /* of it, given out by the last frame_next */
    bool is_closed; /* the other end closed; frames may still be inside */
};
/* Takes what the non-blocking fd has. */
CHECKED enum status frame_fill(struct frame_reader *reader, int fd);
/* *bytes is NULL when no whole frame is there; else borrowed until the next call for this reader.
 * COMM for a length that cannot be right. */
CHECKED enum status frame_next(struct frame_reader *reader, const char **bytes, int64_t *n);
void frame_reader_release(struct frame_reader *reader);

#endif
