/* The disk under a simulated sweep: a real folder with the real journal, written in groups as the
 * recorder does, and what was meant for it. It can be full, break, and lose what was not yet synced
 * when the power goes. */
#ifndef FAULTS_SIMULATED_DISK_H
#define FAULTS_SIMULATED_DISK_H

#include "dispatch/journal/journal.h"
#include "faults/witness.h"
#include "support/random_stream.h"
#include "support/temporary_folder.h"

struct disk_line {
    struct journal_event event;
    int64_t end; /* bytes of the journal up to and with its newline */
};

enum disk_failure { DISK_WORKS, DISK_IS_FULL, DISK_CUTS_SHORT, DISK_CANNOT_SYNC };

struct simulated_disk {
    struct temporary_folder folder;
    char results[TEMPORARY_PATH_BYTES], journal_path[TEMPORARY_PATH_BYTES];
    struct witness *witness; /* borrowed */
    struct journal *journal; /* open during a start */
    struct disk_line *lines; /* owned: what the journal holds */
    int64_t n_lines, lines_capacity;
    struct journal_event *queue; /* owned: what the recorder has not written yet */
    int64_t n_queued, queue_capacity;
    int64_t synced_bytes;
    enum disk_failure failure; /* of the next write */
    bool is_broken;            /* from then on nothing is written */
};

void disk_open(struct simulated_disk *disk, struct witness *witness);
void disk_close(struct simulated_disk *disk); /* removes everything */

/* A start found `good_bytes` of the journal sound: they must be the lines that are there. */
void disk_begin(struct simulated_disk *disk, int64_t good_bytes);
/* Queues the event, which the witness sees. */
void disk_push(struct simulated_disk *disk, const struct journal_event *event);
/* Writes what is queued, and syncs. Fails as the recorder does. */
CHECKED enum status disk_flush(struct simulated_disk *disk);
/* The start is over: in order, or with rank 0 killed (what is queued is lost), or with the power
 * gone (also some of what is not synced). The witness then knows what is still there. */
enum disk_end { DISK_IN_ORDER, DISK_KILLED, DISK_POWERLESS };
void disk_end(struct simulated_disk *disk, enum disk_end how, struct random_stream *dice);

/* An attempt's folder; each is made once, by the trainer that was given the attempt. */
void disk_make_attempt(struct simulated_disk *disk, const char *run_id, int64_t attempt);
void disk_write_result(struct simulated_disk *disk, const char *run_id, int64_t attempt);
bool disk_has_result(const struct simulated_disk *disk, const char *run_id, int64_t attempt);

#endif
