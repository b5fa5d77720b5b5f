/* journal.jsonl: what happened to which run, one JSON object per line with a CRC-32 of the line
 * before it. The only record that decides what a restarted sweep repeats. */
#ifndef DISPATCH_JOURNAL_H
#define DISPATCH_JOURNAL_H

#include "dispatch/journal/run_state.h"

/* Calls visit for every event. A torn or damaged last line is dropped; damage before it is BAD_DATA
 * naming the line. *good_bytes is the length of the sound part. No file: no events, 0 bytes. */
typedef void journal_visit(void *context, const struct journal_event *event); /* borrowed */
CHECKED enum status journal_replay(const char *path, journal_visit *visit, void *context,
                                   int64_t *good_bytes);
/* The events behind a place, which moves on behind the last sound one: for who reads along. Starts
 * at {0}. */
struct journal_place {
    int64_t bytes, lines;
};
CHECKED enum status journal_follow(const char *path, journal_visit *visit, void *context,
                                   struct journal_place *place);

/* As much of a damaged journal as is sound: calls visit for each sound line and, unless NULL,
 * appends it as it is to *sound. *n_lost counts the others, but for a last one that was cut short.
 */
CHECKED enum status journal_salvage(const char *path, journal_visit *visit, void *context,
                                    struct text *sound, int64_t *n_lost);
/* Appends the line of an event, with its checksum and line end. */
CHECKED enum status journal_print(const struct journal_event *event, struct text *out);

struct journal;
/* Creates the file if needed and cuts it to good_bytes, so that a torn line is not continued. */
CHECKED enum status journal_open(const char *path, int64_t good_bytes, struct journal **out);
void journal_close(struct journal *journal); /* accepts NULL */
/* One write per event; on disk only after journal_sync. Blocks. */
CHECKED enum status journal_append(struct journal *journal, const struct journal_event *event);
CHECKED enum status journal_sync(struct journal *journal);

#endif
