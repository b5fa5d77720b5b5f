/* One row per run: what the journal knows, one typed column per swept setting, every measure of the
 * run, and how far it is from its reference if the sweep has one; NaN where a run has none. Of a
 * done run the journal tells everything; run.h5 is read for what older journals left out. */
#include "dispatch/results/results_composition.h"

#include "base/file.h"
#include "base/log.h"
#include "store/results/run_paths.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status results_file_create(const struct sweep *sweep, const char *folder, struct shard shard,
                                const char *command, struct results_file **out)
{
    enum status status = STATUS_OK;
    struct results_file *file = NULL;

    TRY_ALLOC(file, heap_alloc(1, sizeof *file));
    file->sweep = sweep;
    file->folder = folder;
    file->command = command;
    file->shard = shard;
    TRY(arena_create(&file->arena));
    TRY_ALLOC(file->entries, ARENA_ARRAY(file->arena, sweep->n_runs, struct result_entry));
    file->axes = (struct results_axes){.sweep = sweep, .arena = file->arena};
    TRY(results_axes_fill(&file->axes));
    TRY(comparisons_create(sweep, &file->comparisons));
    *out = file;
    file = NULL;
done:
    results_file_destroy(file);
    return status;
}

void results_file_destroy(struct results_file *file)
{
    if (file == NULL)
        return;
    comparisons_destroy(file->comparisons);
    arena_destroy(file->arena);
    free(file);
}

/* ---- results as the journal has them ---- */

/* "cuda, NVIDIA H200 (GPU 3), …": which of several like it does not count. */
static bool is_same_device(const char *a, const char *b)
{
    static const char number[] = "(GPU ";

    while (*a != '\0' && *a == *b) {
        if (strncmp(a, number, sizeof number - 1) == 0 &&
            strncmp(b, number, sizeof number - 1) == 0) {
            a = strchrnul(a, ')');
            b = strchrnul(b, ')');
        } else {
            a++;
            b++;
        }
    }
    return *a == *b;
}

/* Their last digits may differ; said once, for every row names its own. */
static void compare_device(struct results_file *file, const struct run *run, const char *device)
{
    if (device == NULL || device[0] == '\0')
        return;
    if (file->device == NULL)
        file->device = device;
    if (file->has_warned || is_same_device(file->device, device))
        return;
    file->has_warned = true;
    log_warning("run %s was computed by '%s', others by '%s': the last digits may differ; the "
                "column `device` of results.h5 tells which",
                run->name, device, file->device);
}

static const struct written_file *find_written(const struct run_summary *summary, const char *name)
{
    for (int64_t i = 0; i < summary->n_files; i++)
        if (strcmp(summary->files[i].name, name) == 0)
            return &summary->files[i];
    return NULL;
}

static enum status name_result(struct results_file *file, int64_t i, int64_t attempt,
                               const char **out)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*out, run_attempt_file(file->arena, file->folder, file->sweep->runs[i].id, attempt,
                                     RUN_RESULT_NAME));
done:
    return status;
}

enum status results_file_know(struct results_file *file, int64_t run,
                              const struct run_summary *summary)
{
    enum status status = STATUS_OK;
    struct result_entry made = {.attempt = summary->run.attempt,
                                .is_loaded = true,
                                .file = summary->run,
                                .written = find_written(summary, RUN_RESULT_NAME)};

    TRY(name_result(file, run, made.attempt, &made.path));
    file->entries[run] = made;
    compare_device(file, &file->sweep->runs[run], made.file.device);
done:
    return status;
}

enum status results_file_hear(struct results_file *file, const struct journal_event *event)
{
    enum status status = STATUS_OK;
    struct run_summary summary;

    if (event->kind != JOURNAL_DONE || event->summary[0] == '\0')
        return STATUS_OK;
    TRY(run_summary_parse(event->summary, file->arena, &summary));
    TRY(results_file_know(file, event->run, &summary));
done:
    return status;
}

/* ---- run.h5 of each run ---- */

static enum status read_result(struct result_entry *entry, const struct run *run,
                               struct arena *arena)
{
    enum status status = run_file_read(entry->path, false, arena, &entry->file);

    if (status == STATUS_OK && strcmp(entry->file.id, run->id) != 0)
        status = fail(STATUS_BAD_DATA, "'%s' is the result of run %s, not of %s", entry->path,
                      entry->file.id, run->id);
    return status;
}

/* A finished run whose result cannot be read must not leave the table as if it had none: means
 * would be over fewer runs. What is damaged makes room for a repetition; what the disk does not
 * give may be there another time. */
static enum status note_bad(struct results_file *file, const struct result_entry *entry,
                            enum status failed)
{
    enum status status = STATUS_OK;
    const char *aside = NULL;

    if (file->n_bad++ == 0)
        TRY_ALLOC(file->first_bad, arena_strdup(file->arena, status_message()));
    if (failed != STATUS_BAD_DATA || !file_exists(entry->path))
        return STATUS_OK;
    TRY_ALLOC(aside, arena_format(file->arena, "%s.damaged", entry->path));
    log_warning("%s: it is now '%s'", status_message(), aside);
    if (rename(entry->path, aside) != 0)
        TRY(fail(STATUS_IO, "cannot rename '%s': %s", entry->path, strerror(errno)));
done:
    return status;
}

static enum status check_all_read(const struct results_file *file)
{
    if (file->n_bad == 0)
        return STATUS_OK;
    return fail(STATUS_IO,
                "results of %" PRId64 " finished runs cannot be read, the first: %s; results.h5 "
                "is left as it was, and the same command repeats runs whose result is damaged",
                file->n_bad, file->first_bad);
}

static enum status load_entry(struct results_file *file, int64_t i, const struct run_state *state)
{
    enum status status = STATUS_OK;
    struct result_entry *entry = &file->entries[i];
    bool has_ended = state->phase >= RUN_DONE;

    if (!has_ended || state->attempt == 0 || entry->attempt == state->attempt)
        return STATUS_OK;
    *entry = (struct result_entry){.attempt = state->attempt};
    TRY(name_result(file, i, state->attempt, &entry->path));
    if (!file_exists(entry->path) && state->phase == RUN_FAILED)
        return STATUS_OK; /* it crashed or could not start */
    enum status read = read_result(entry, &file->sweep->runs[i], file->arena);
    entry->is_loaded = read == STATUS_OK;
    if (entry->is_loaded) {
        compare_device(file, &file->sweep->runs[i], entry->file.device);
        return STATUS_OK;
    }
    TRY_ALLOC(entry->error, arena_strdup(file->arena, status_message()));
    if (state->phase != RUN_FAILED && file_exists(entry->path))
        return note_bad(file, entry, read);
    log_warning("%s", status_message());
done:
    return status;
}

const struct run_file *composition_loaded(const struct composition *c, int64_t i)
{
    const struct result_entry *entry = &c->file->entries[i];
    bool is_newest = entry->is_loaded && entry->attempt == c->states[i].attempt &&
                     c->states[i].phase >= RUN_DONE;
    return is_newest ? &entry->file : NULL;
}

/* False unless it is done and its file is there. */
static bool find_finished(const struct composition *c, const struct run *run,
                          struct finished_run *out)
{
    int64_t i = run - c->file->sweep->runs;
    const struct run_file *file = composition_loaded(c, i);

    if (file == NULL || c->states[i].phase != RUN_DONE || strcmp(file->state, "done") != 0)
        return false;
    *out = (struct finished_run){run, c->states[i].attempt, file, c->file->entries[i].path};
    return true;
}

/* What it says of single images is read from run.h5, and a damaged one says something else. */
static enum status check_intact(struct results_file *file, const struct finished_run *run,
                                bool *is_intact)
{
    enum status status = STATUS_OK;
    const struct result_entry *entry = &file->entries[run->run - file->sweep->runs];
    enum written_state found = WRITTEN_INTACT;
    struct arena *arena = NULL;
    const char *folder = NULL;

    TRY(arena_create(&arena));
    if (entry->written != NULL) {
        TRY_ALLOC(folder, path_parent(arena, entry->path));
        TRY(written_file_check(folder, entry->written, false, &found));
    }
    *is_intact = found == WRITTEN_INTACT;
    if (*is_intact)
        goto done;
    enum status damaged = fail(STATUS_BAD_DATA, "'%s' %s", entry->path, written_state_words(found));
    TRY(note_bad(file, entry, damaged));
done:
    arena_destroy(arena);
    return status;
}

static enum status compare_run(struct composition *c, const struct finished_run *run,
                               const struct finished_run *reference)
{
    enum status status = STATUS_OK;
    struct results_file *file = c->file;
    bool is_intact = true;

    if (comparisons_are_made(file->comparisons, run, reference))
        return STATUS_OK;
    TRY(check_intact(file, reference, &is_intact));
    if (is_intact)
        TRY(check_intact(file, run, &is_intact));
    if (is_intact)
        TRY(comparisons_update(file->comparisons, run, reference));
done:
    return status;
}

static enum status compare_runs(struct composition *c)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = c->file->sweep;

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        struct finished_run run, reference;
        if (sweep->runs[i].reference != NULL && find_finished(c, &sweep->runs[i], &run) &&
            find_finished(c, sweep->runs[i].reference, &reference))
            TRY(compare_run(c, &run, &reference));
    }
done:
    return status;
}

/* Reads what is new of the runs, then everything of results.h5 but its attributes. */
static enum status compose(struct composition *c)
{
    enum status status = STATUS_OK;

    c->results.n_rows = c->file->sweep->n_runs;
    for (int64_t i = 0; i < c->results.n_rows; i++)
        TRY(load_entry(c->file, i, &c->states[i]));
    TRY(compare_runs(c));
    TRY(check_all_read(c->file));
    TRY(composition_add_columns(c));
    TRY(composition_add_history(c));
    TRY(composition_add_links(c));
    c->results.points = c->file->sweep->points;
    c->results.n_points = c->file->sweep->n_points;
done:
    return status;
}

enum status results_file_rebuild(struct results_file *file, const struct run_state *states)
{
    enum status status = STATUS_OK;
    static const char *const names[] = {"sweep", "sweep_name", "command", "program_version"};
    const char *values[] = {file->sweep->resolved_yaml, file->sweep->name, file->command,
                            PRUNELORA_VERSION " " PRUNELORA_COMMIT};
    struct composition composition = {.file = file, .states = states};
    struct results *results = &composition.results;
    char *path = NULL;

    TRY(arena_create(&composition.arena));
    TRY(compose(&composition));
    results->attribute_names = names;
    results->attribute_values = values;
    results->n_attributes = sizeof names / sizeof *names;
    TRY_ALLOC(path, shard_path(composition.arena, file->folder, file->shard, shard_results));
    TRY(results_write(path, results));
done:
    arena_destroy(composition.arena);
    return status;
}
