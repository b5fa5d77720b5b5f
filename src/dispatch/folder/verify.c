/* The journals tell which attempts count and how their files were written. */
#include "dispatch/folder/verify.h"

#include "base/file.h"
#include "dispatch/journal/last_words.h"
#include "store/results/results.h"
#include "store/results/run_paths.h"
#include "store/results/run_summary.h"
#include "store/results/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct verification {
    const char *folder;
    bool sets_aside;
    struct arena *arena;
    struct text *out;
    struct verify_counts *counts;
    struct last_words words; /* owned */
};

static enum status read_journals(struct verification *v)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n = 0;

    TRY(shards_find(v->folder, shard_journal, v->arena, &shards, &n));
    if (n == 0)
        TRY(fail(STATUS_IO, "'%s' is not a results folder: it has no journal", v->folder));
    for (int64_t i = 0; i < n; i++) {
        const char *path = NULL;
        int64_t before = v->words.n_lost;
        TRY_ALLOC(path, shard_path(v->arena, v->folder, shards[i], shard_journal));
        TRY(last_words_read(&v->words, path));
        if (v->words.n_lost > before)
            text_append(v->out, "damaged: '%s': %" PRId64 " of its lines\n", path,
                        v->words.n_lost - before);
    }
    v->counts->n_damaged += v->words.n_lost;
    last_words_sort(&v->words);
done:
    return status;
}

/* ---- files ---- */

static enum status report_damage(struct verification *v, const char *path, const char *what)
{
    enum status status = STATUS_OK;
    const char *aside = NULL;

    v->counts->n_damaged++;
    text_append(v->out, "damaged: '%s' %s", path, what);
    if (v->sets_aside && file_exists(path)) {
        TRY_ALLOC(aside, arena_format(v->arena, "%s.damaged", path));
        if (rename(path, aside) != 0)
            TRY(fail(STATUS_IO, "cannot rename '%s': %s", path, strerror(errno)));
        text_append(v->out, "; it is now '%s'", path_base(aside));
    }
done:
    text_append(v->out, "\n");
    return status;
}

/* OUT_OF_MEMORY ends the verification; what else concerns a file is reported. */
static enum status report_failure(struct verification *v, const char *path, enum status failed)
{
    if (failed == STATUS_OUT_OF_MEMORY)
        return failed;
    if (failed == STATUS_BAD_DATA) {
        const char *message = arena_strdup(v->arena, status_message());
        return message == NULL ? STATUS_OUT_OF_MEMORY : report_damage(v, path, message);
    }
    v->counts->n_unreadable++;
    text_append(v->out, "unreadable: %s\n", status_message());
    return STATUS_OK;
}

static enum status check_written(struct verification *v, const char *attempt,
                                 const struct run_summary *summary)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < summary->n_files; i++) {
        enum written_state found = WRITTEN_INTACT;
        const char *path = NULL;
        TRY_ALLOC(path, path_join(v->arena, attempt, summary->files[i].name));
        v->counts->n_files++;
        v->counts->n_bytes += summary->files[i].bytes;
        enum status checked = written_file_check(attempt, &summary->files[i], false, &found);
        if (checked != STATUS_OK)
            TRY(report_failure(v, path, checked));
        else if (found != WRITTEN_INTACT)
            TRY(report_damage(v, path, written_state_words(found)));
    }
done:
    return status;
}

/* Of runs that nobody summed up: older ones, and those stopped early. */
static enum status check_by_reading(struct verification *v, const char *attempt, const char *id)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct run_file run = {0};
    const char *path = NULL;

    TRY(arena_create(&arena));
    TRY_ALLOC(path, path_join(v->arena, attempt, RUN_RESULT_NAME));
    v->counts->n_files++;
    v->counts->n_unmeasured++;
    v->counts->n_bytes += file_exists(path) ? file_size(path) : 0;
    if (!file_exists(path)) {
        TRY(report_damage(v, path, written_state_words(WRITTEN_MISSING)));
        goto done;
    }
    enum status read = run_file_read(path, true, arena, &run);
    if (read == STATUS_OK && strcmp(run.id, id) != 0)
        read = fail(STATUS_BAD_DATA, "is the result of run %s", run.id);
    if (read != STATUS_OK)
        TRY(report_failure(v, path, read));
done:
    arena_destroy(arena);
    return status;
}

static enum status check_run(struct verification *v, const struct last_word *told)
{
    enum status status = STATUS_OK;
    struct run_summary summary = {0};
    const char *attempt = NULL;

    if (told->kind == JOURNAL_ASSIGNED)
        return STATUS_OK; /* under way, interrupted or failed: nothing is counted on */
    v->counts->n_runs++;
    TRY_ALLOC(attempt, run_attempt_folder(v->arena, v->folder, told->id, told->attempt));
    if (told->summary[0] == '\0') {
        TRY(check_by_reading(v, attempt, told->id));
    } else {
        TRY(run_summary_parse(told->summary, v->arena, &summary));
        TRY(check_written(v, attempt, &summary));
    }
done:
    return status;
}

static enum status check_results(struct verification *v)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    int64_t n = 0;

    TRY(shards_find(v->folder, shard_results, v->arena, &shards, &n));
    for (int64_t i = 0; i < n; i++) {
        struct results results = {0};
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(v->arena, v->folder, shards[i], shard_results));
        v->counts->n_files++;
        v->counts->n_bytes += file_size(path);
        enum status read = results_read(path, v->arena, &results);
        if (read != STATUS_OK)
            TRY(report_failure(v, path, read));
    }
done:
    return status;
}

enum status folder_verify(const char *folder, bool sets_aside, struct text *out,
                          struct verify_counts *counts)
{
    enum status status = STATUS_OK;
    struct verification v = {
        .folder = folder, .sets_aside = sets_aside, .out = out, .counts = counts};

    *counts = (struct verify_counts){0};
    TRY(arena_create(&v.arena));
    v.words.arena = v.arena;
    TRY(read_journals(&v));
    for (int64_t i = 0; i < v.words.n; i++)
        TRY(check_run(&v, &v.words.items[i]));
    TRY(check_results(&v));
    TRY(text_finish(out));
done:
    last_words_release(&v.words);
    arena_destroy(v.arena);
    return status;
}
