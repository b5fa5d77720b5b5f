/* Runs are found by their folders, "runs/<id>/a<n>": a run.h5 that says "done" was written last. */
#include "dispatch/folder/repair.h"

#include "base/clock.h"
#include "base/file.h"
#include "dispatch/folder/attempts.h"
#include "dispatch/folder/folder_lock.h"
#include "dispatch/journal/last_words.h"
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

struct repair {
    const char *folder, *journal;
    struct arena *arena;
    struct text lines;       /* owned: the journal to be */
    struct last_words words; /* owned */
    int64_t n_rebuilt;
};

static bool has_ended(const struct repair *repair, const char *id)
{
    const struct last_word *word = last_words_find(&repair->words, id);

    return word != NULL && word->kind != JOURNAL_ASSIGNED;
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
    int64_t n = 0;
    bool is_done = false;

    TRY(attempts_newest(repair->folder, id, repair->arena, &n));
    for (; n >= 1 && !is_done; n--) {
        const char *attempt = NULL;
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

static enum status repair_journal(const char *folder, struct shard shard, struct text *out)
{
    enum status status = STATUS_OK;
    struct repair repair = {.folder = folder};
    struct folder_lock *lock = NULL;

    TRY(arena_create(&repair.arena));
    TRY(folder_lock_take(folder, shard, 0, &lock));
    TRY_ALLOC(repair.journal, shard_path(repair.arena, folder, shard, shard_journal));
    repair.words = (struct last_words){.arena = repair.arena, .sound = &repair.lines};
    TRY(last_words_read(&repair.words, repair.journal));
    if (repair.words.n_lost == 0)
        goto done;
    last_words_sort(&repair.words);
    TRY(rebuild_runs(&repair));
    TRY(text_finish(&repair.lines));
    TRY(replace(&repair));
    text_append(out,
                "'%s': %" PRId64 " damaged lines left out, %" PRId64
                " finished runs told anew by their files; the old one is kept beside it\n",
                repair.journal, repair.words.n_lost, repair.n_rebuilt);
done:
    folder_lock_release(lock);
    text_release(&repair.lines);
    last_words_release(&repair.words);
    arena_destroy(repair.arena);
    return status;
}

enum status folder_repair(const char *folder, struct text *out)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct shard *shards = NULL;
    int64_t n = 0;

    TRY(arena_create(&arena));
    TRY(shards_find(folder, shard_journal, arena, &shards, &n));
    for (int64_t i = 0; i < n; i++)
        TRY(repair_journal(folder, shards[i], out));
    TRY(text_finish(out));
done:
    arena_destroy(arena);
    return status;
}
