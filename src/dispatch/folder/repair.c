/* Runs are found by their folders, "runs/<id>/a<n>": a run.h5 that says "done" was written last. */
#include "dispatch/folder/repair.h"

#include "base/clock.h"
#include "base/file.h"
#include "dispatch/folder/folder_lock.h"
#include "dispatch/journal/journal.h"
#include "store/results/run_paths.h"
#include "store/results/run_summary.h"
#include "store/results/shard.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct told { /* of a run, by the sound lines */
    char id[RUN_ID_BYTES];
    int64_t order;
    bool has_ended;
};

struct repair {
    const char *folder, *journal;
    struct arena *arena;
    struct text lines; /* owned: the journal to be */
    struct told *told; /* owned; once read, the last of each run, by id */
    int64_t n_told, capacity;
    int64_t n_lost, n_rebuilt;
    enum status status;
};

static void see_event(void *context, const struct journal_event *event)
{
    struct repair *repair = context;
    bool has_ended = event->kind == JOURNAL_DONE || event->kind == JOURNAL_STOPPED;

    if ((!has_ended && event->kind != JOURNAL_ASSIGNED) || repair->status != STATUS_OK)
        return;
    repair->status =
        heap_grow(&repair->told, &repair->capacity, repair->n_told + 1, sizeof *repair->told);
    if (repair->status != STATUS_OK)
        return;
    struct told *told = &repair->told[repair->n_told];
    *told = (struct told){.order = repair->n_told++, .has_ended = has_ended};
    memcpy(told->id, event->run_id, RUN_ID_BYTES);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct told *)a)->id, ((const struct told *)b)->id);
}

static int by_id_and_order(const void *a, const void *b)
{
    int64_t x = ((const struct told *)a)->order, y = ((const struct told *)b)->order;
    int order = by_id(a, b);

    return order != 0 ? order : (x > y) - (x < y);
}

/* A run that was given out again after its end has not ended. */
static void keep_last_words(struct repair *repair)
{
    int64_t n = 0;

    if (repair->n_told > 0)
        qsort(repair->told, (size_t)repair->n_told, sizeof *repair->told, by_id_and_order);
    for (int64_t i = 0; i < repair->n_told; i++)
        if (i + 1 == repair->n_told || by_id(&repair->told[i], &repair->told[i + 1]) != 0)
            repair->told[n++] = repair->told[i];
    repair->n_told = n;
}

static bool has_ended(const struct repair *repair, const char *id)
{
    struct told key = {.order = 0};
    const struct told *found = NULL;

    copy_text(key.id, sizeof key.id, id);
    if (repair->n_told > 0)
        found = bsearch(&key, repair->told, (size_t)repair->n_told, sizeof key, by_id);
    return found != NULL && found->has_ended;
}

/* ---- runs by their files ---- */

static enum status print_event(struct repair *repair, enum journal_kind kind, const char *id,
                               const struct run_summary *summary, const char *json)
{
    struct journal_event event = {.kind = kind,
                                  .attempt = summary->run.attempt,
                                  .numerics = kind == JOURNAL_ASSIGNED ? summary->run.numerics : 0,
                                  .summary = json != NULL ? json : ""};

    copy_text(event.run_id, sizeof event.run_id, id);
    copy_text(event.host, sizeof event.host, summary->run.host);
    clock_timestamp(event.time);
    return journal_print(&event, &repair->lines);
}

/* `attempt`: its folder. What cannot be read is no result, and its run is repeated. */
static enum status rebuild_attempt(struct repair *repair, const char *id, const char *attempt,
                                   bool *is_done)
{
    enum status status = STATUS_OK;
    struct run_summary summary = {0};
    struct text json = {0};
    const char *path = NULL;

    TRY_ALLOC(path, path_join(repair->arena, attempt, RUN_RESULT_NAME));
    if (!file_exists(path) || run_file_read(path, true, repair->arena, &summary.run) != STATUS_OK ||
        strcmp(summary.run.id, id) != 0 || strcmp(summary.run.state, "done") != 0)
        return STATUS_OK;
    TRY(written_files_find(attempt, repair->arena, &summary.files, &summary.n_files));
    TRY(run_summary_print(&summary, &json));
    TRY(print_event(repair, JOURNAL_ASSIGNED, id, &summary, NULL));
    TRY(print_event(repair, JOURNAL_DONE, id, &summary, text_value(&json)));
    repair->n_rebuilt++;
    *is_done = true;
done:
    text_release(&json);
    return status;
}

/* The newest attempt that is done counts. */
static enum status rebuild_run(struct repair *repair, const char *id)
{
    enum status status = STATUS_OK;
    const char *attempt = NULL;
    int64_t n = 0;
    bool is_done = false;

    do {
        TRY_ALLOC(attempt, run_attempt_folder(repair->arena, repair->folder, id, ++n));
    } while (folder_exists(attempt));
    while (--n >= 1 && !is_done) {
        TRY_ALLOC(attempt, run_attempt_folder(repair->arena, repair->folder, id, n));
        TRY(rebuild_attempt(repair, id, attempt, &is_done));
    }
done:
    return status;
}

static enum status rebuild_runs(struct repair *repair)
{
    enum status status = STATUS_OK;
    const char *runs = NULL;
    DIR *opened = NULL;

    TRY_ALLOC(runs, path_join(repair->arena, repair->folder, "runs"));
    opened = opendir(runs);
    if (opened == NULL && errno != ENOENT)
        TRY(fail(STATUS_IO, "cannot open folder '%s': %s", runs, strerror(errno)));
    for (struct dirent *entry = NULL; opened != NULL && (entry = readdir(opened)) != NULL;)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < RUN_ID_BYTES &&
            !has_ended(repair, entry->d_name))
            TRY(rebuild_run(repair, entry->d_name));
done:
    if (opened != NULL)
        closedir(opened);
    return status;
}

/* ---- journals ---- */

static enum status replace(struct repair *repair)
{
    enum status status = STATUS_OK;
    const char *aside = NULL;

    TRY_ALLOC(aside, arena_format(repair->arena, "%s.damaged", repair->journal));
    for (int i = 2; file_exists(aside); i++)
        TRY_ALLOC(aside, arena_format(repair->arena, "%s.damaged-%d", repair->journal, i));
    if (link(repair->journal, aside) != 0) /* there is a journal at every instant */
        TRY(fail(STATUS_IO, "cannot keep '%s' as '%s': %s", repair->journal, aside,
                 strerror(errno)));
    TRY(file_write(repair->journal, text_value(&repair->lines), (size_t)repair->lines.length));
done:
    return status;
}

static enum status repair_journal(const char *folder, struct shard shard, struct text *out,
                                  struct repair_counts *counts)
{
    enum status status = STATUS_OK;
    struct repair repair = {.folder = folder};
    struct folder_lock *lock = NULL;

    TRY(arena_create(&repair.arena));
    TRY(folder_lock_take(folder, shard, 0, &lock));
    TRY_ALLOC(repair.journal, shard_path(repair.arena, folder, shard, shard_journal));
    TRY(journal_salvage(repair.journal, see_event, &repair, &repair.lines, &repair.n_lost));
    TRY(repair.status);
    if (repair.n_lost == 0)
        goto done;
    keep_last_words(&repair);
    TRY(rebuild_runs(&repair));
    TRY(text_finish(&repair.lines));
    TRY(replace(&repair));
    text_append(out,
                "'%s': %" PRId64 " damaged lines left out, %" PRId64
                " finished runs told anew by their files; the old one is kept beside it\n",
                repair.journal, repair.n_lost, repair.n_rebuilt);
    counts->n_lost += repair.n_lost;
    counts->n_rebuilt += repair.n_rebuilt;
done:
    folder_lock_release(lock);
    text_release(&repair.lines);
    free(repair.told);
    arena_destroy(repair.arena);
    return status;
}

enum status folder_repair(const char *folder, struct text *out, struct repair_counts *counts)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct shard *shards = NULL;
    int64_t n = 0;

    *counts = (struct repair_counts){0};
    TRY(arena_create(&arena));
    TRY(shards_find(folder, shard_journal, arena, &shards, &n));
    for (int64_t i = 0; i < n; i++)
        TRY(repair_journal(folder, shards[i], out, counts));
    TRY(text_finish(out));
done:
    arena_destroy(arena);
    return status;
}
