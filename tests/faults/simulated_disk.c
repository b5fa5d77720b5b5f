/* Lines are numbered by where they end, so that any cut of the file says which are left. */
#include "faults/simulated_disk.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/failing_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool cannot_sync; /* the wrapped function takes no context */

int __wrap_fdatasync(int descriptor);
int __wrap_fdatasync(int descriptor)
{
    (void)descriptor; /* what is kept when the power goes is this file's to say */
    errno = EIO;
    return cannot_sync ? -1 : 0;
}

void disk_open(struct simulated_disk *disk, struct witness *witness)
{
    *disk = (struct simulated_disk){.witness = witness};
    temporary_folder_open(&disk->folder);
    temporary_path(&disk->folder, "results", disk->results);
    temporary_path(&disk->folder, "results/journal.jsonl", disk->journal_path);
}

void disk_close(struct simulated_disk *disk)
{
    temporary_folder_close(&disk->folder);
    free(disk->lines);
    free(disk->queue);
}

static int64_t end_of_lines(const struct simulated_disk *disk)
{
    return disk->n_lines > 0 ? disk->lines[disk->n_lines - 1].end : 0;
}

void disk_begin(struct simulated_disk *disk, int64_t good_bytes)
{
    if (good_bytes != end_of_lines(disk))
        breach(disk->witness,
               "the start takes %" PRId64 " bytes of the journal for sound, %" PRId64 " are",
               good_bytes, end_of_lines(disk));
    if (journal_open(disk->journal_path, good_bytes, &disk->journal) != STATUS_OK)
        breach(disk->witness, "the journal cannot be opened: %s", status_message());
    disk->synced_bytes = good_bytes;
    disk->n_queued = 0;
    disk->is_broken = false;
    disk->failure = DISK_WORKS;
}

void disk_push(struct simulated_disk *disk, const struct journal_event *event)
{
    witness_see(disk->witness, event);
    assert_int_equal(
        heap_grow(&disk->queue, &disk->queue_capacity, disk->n_queued + 1, sizeof *disk->queue),
        STATUS_OK);
    disk->queue[disk->n_queued++] = *event;
}

/* ---- writing ---- */

static void arm(enum disk_failure failure)
{
    if (failure == DISK_IS_FULL)
        failing_call_arm(CALL_WRITE, 1, ENOSPC);
    if (failure == DISK_CUTS_SHORT)
        failing_call_limit_writes(40);
    cannot_sync = failure == DISK_CANNOT_SYNC;
}

static void disarm(void)
{
    failing_call_disarm();
    cannot_sync = false;
}

static enum status append(struct simulated_disk *disk, int64_t n)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < n; i++) {
        TRY(heap_grow(&disk->lines, &disk->lines_capacity, disk->n_lines + 1, sizeof *disk->lines));
        TRY(journal_append(disk->journal, &disk->queue[i]));
        disk->lines[disk->n_lines++] =
            (struct disk_line){disk->queue[i], file_size(disk->journal_path)};
    }
done:
    return status;
}

enum status disk_flush(struct simulated_disk *disk)
{
    enum status status = STATUS_OK;

    if (disk->is_broken || disk->n_queued == 0)
        return STATUS_OK;
    arm(disk->failure);
    TRY(append(disk, disk->n_queued));
    TRY(journal_sync(disk->journal));
    disk->synced_bytes = end_of_lines(disk);
done:
    disarm();
    disk->n_queued = 0;
    disk->is_broken = status != STATUS_OK;
    return status;
}

/* ---- the end of a start ---- */

static int64_t below(struct random_stream *dice, int64_t n)
{
    return n > 0 ? stream_below(dice, (uint32_t)n) : 0;
}

/* Some of the queue may have been written, and of that, and of what follows the last sync, some
 * bytes: the rest is missing, or zeros. */
static void lose_power(struct simulated_disk *disk, struct random_stream *dice)
{
    char zeros[64] = {0};

    if (!disk->is_broken && append(disk, below(dice, disk->n_queued + 1)) != STATUS_OK)
        breach(disk->witness, "the journal cannot be written: %s", status_message());
    int64_t size = file_size(disk->journal_path);
    int64_t kept = disk->synced_bytes + below(dice, size - disk->synced_bytes + 1);
    if (truncate(disk->journal_path, kept) != 0)
        breach(disk->witness, "the journal cannot be cut: %s", strerror(errno));
    while (disk->n_lines > 0 && end_of_lines(disk) > kept)
        disk->n_lines--;
    if (stream_below(dice, 3) > 0)
        return;
    FILE *file = fopen(disk->journal_path, "ab");
    assert_non_null(file);
    fwrite(zeros, 1, (size_t)below(dice, sizeof zeros), file);
    fclose(file);
}

void disk_end(struct simulated_disk *disk, enum disk_end how, struct random_stream *dice)
{
    if (how == DISK_POWERLESS)
        lose_power(disk, dice);
    journal_close(disk->journal);
    disk->journal = NULL;
    witness_forget(disk->witness);
    for (int64_t i = 0; i < disk->n_lines; i++) {
        if (disk->lines[i].event.kind == JOURNAL_START)
            witness_begin(disk->witness);
        witness_see(disk->witness, &disk->lines[i].event);
    }
}

/* ---- attempts ---- */

static const char *attempt_path(const struct simulated_disk *disk, const char *run_id,
                                int64_t attempt, const char *name)
{
    static char path[2 * TEMPORARY_PATH_BYTES];

    snprintf(path, sizeof path, "%s/runs/%s/a%" PRId64 "%s", disk->results, run_id, attempt, name);
    return path;
}

void disk_make_attempt(struct simulated_disk *disk, const char *run_id, int64_t attempt)
{
    const char *path = attempt_path(disk, run_id, attempt, "");

    if (folder_exists(path))
        breach(disk->witness, "attempt %" PRId64 " of run %s was begun before", attempt, run_id);
    assert_int_equal(folder_create(path), STATUS_OK);
}

void disk_write_result(struct simulated_disk *disk, const char *run_id, int64_t attempt)
{
    FILE *file = fopen(attempt_path(disk, run_id, attempt, "/run.h5"), "wb");

    assert_non_null(file);
    fclose(file);
}

bool disk_has_result(const struct simulated_disk *disk, const char *run_id, int64_t attempt)
{
    return file_exists(attempt_path(disk, run_id, attempt, "/run.h5"));
}
