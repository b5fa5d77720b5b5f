/* Records on the pipe between a rank and its trainer: four bytes of length (little-endian), then a
 * JSON object with a "kind". Rank → trainer: assign {run, run_number, name, attempt, folder,
 * settings: JSON as text; split_hash, weights_hash: of what it must read, else it fails; under
 * early_terminate rung_epoch, metric}, stop, verdict {run_number, attempt, verdict: "pause",
 * "go_on" or "stop", rung_epoch}. Trainer → rank: hello {pid, threads, device}, or unable {message}
 * when no trainer of this rank can compute; heartbeat and progress
 * {ticks, cpu_seconds, phase, epoch, n_epochs, step, n_steps, loss, images_per_second}; rung
 * {run_number, attempt, epoch, value}: waits for a verdict; paused {run_number, attempt}: ended as
 * the verdict said; done {run_number, attempt, scores,
 * summary: a run_summary as text}; failed {run_number, attempt, status,
 * message}; ready (for the next run, after done or failed). The trainer itself looks for a
 * checkpoint in the folders of earlier attempts: ranks do not touch files. */
#ifndef DISPATCH_RECORD_H
#define DISPATCH_RECORD_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECORD_MAX_BYTES = 1 << 23 };

/* Blocks until written, at most deadline_seconds; COMM when the other end is gone or does not read.
 * `body` may be NULL (out of memory while it was made). */
CHECKED enum status record_write(int fd, const cJSON *body, double deadline_seconds);

struct record_reader {
    char *data; /* owned */
    int64_t length, capacity;
    bool is_closed; /* the other end closed; records may still be inside */
};
/* Takes what the non-blocking fd has. */
CHECKED enum status record_fill(struct record_reader *reader, int fd);
/* *out is NULL when no whole record is there; else cJSON_Delete it. COMM for a length or text that
 * cannot be right. */
CHECKED enum status record_next(struct record_reader *reader, cJSON **out);
void record_reader_release(struct record_reader *reader);

cJSON *record_create(const char *kind); /* NULL when memory ran out */
/* cJSON's own numbers lose the last bits; this one comes back the same. NaN and infinities are
 * null.
 */
bool record_add_exact(cJSON *body, const char *name, double value);
/* Members of a record; a default when missing or of another type. */
const char *record_text(const cJSON *body, const char *name); /* "" */
int64_t record_integer(const cJSON *body, const char *name);  /* 0 */
double record_number(const cJSON *body, const char *name);    /* NaN, which JSON writes as null */
bool record_is(const cJSON *body, const char *kind);

#endif
