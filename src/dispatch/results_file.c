/* One row per run: what the journal knows, one typed column per swept setting, every value of its
 * run.h5, and how far it is from its reference if the sweep has one; NaN where a run has none. */
#include "dispatch/results_file.h"

#include "dispatch/comparisons.h"
#include "dispatch/results_axes.h"
#include "store/results.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUE_NAMES = 128, N_STATE_COLUMNS = 10 };

struct result_entry {
    int64_t attempt; /* whose run.h5 was looked for; 0: none */
    bool is_loaded;
    struct run_file file;
    const char *path;
    const char *error; /* run.h5 is there and cannot be read */
};

struct results_file {
    const struct sweep *sweep;
    const char *folder, *command;
    struct shard shard;
    struct arena *arena;             /* owned: entries and the axes' columns */
    struct result_entry *entries;    /* [n_runs] */
    const char **settings_json;      /* [n_runs] */
    struct result_column *axes;      /* [n_axes] */
    struct comparisons *comparisons; /* owned */
    int64_t n_bad;                   /* results of ended runs that are there and cannot be read */
    const char *first_bad;
};

/* While a rebuild lasts. */
struct composition {
    struct results_file *file;
    const struct run_state *states;
    struct arena *arena;
    struct run_value names[MAX_VALUE_NAMES]; /* union over runs: name, units, long_name */
    int64_t n_names;
    struct result_column *columns;
    int64_t n_columns;
    struct results results;
};

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
    TRY_ALLOC(file->axes, ARENA_ARRAY(file->arena, sweep->n_axes, struct result_column));
    TRY_ALLOC(file->settings_json, ARENA_ARRAY(file->arena, sweep->n_runs, const char *));
    TRY(results_axes_fill(&(struct axes){sweep, file->arena, file->axes, file->settings_json}));
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

/* ---- run.h5 of each run ---- */

static char *run_link(struct arena *arena, const struct run *run, int64_t attempt)
{
    return arena_format(arena, "runs/%s/a%" PRId64 "/run.h5", run->id, attempt);
}

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
    if (failed != STATUS_BAD_DATA)
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
    char *link = NULL, *path = NULL;
    bool has_ended = state->phase >= RUN_DONE;

    if (!has_ended || state->attempt == 0 || entry->attempt == state->attempt)
        return STATUS_OK;
    TRY_ALLOC(link, run_link(file->arena, &file->sweep->runs[i], state->attempt));
    TRY_ALLOC(path, path_join(file->arena, file->folder, link));
    entry->attempt = state->attempt;
    entry->path = path;
    entry->is_loaded = false;
    entry->error = NULL;
    if (!file_exists(path) && state->phase == RUN_FAILED)
        return STATUS_OK; /* it crashed or could not start */
    enum status read = read_result(entry, &file->sweep->runs[i], file->arena);
    entry->is_loaded = read == STATUS_OK;
    if (entry->is_loaded)
        return STATUS_OK;
    TRY_ALLOC(entry->error, arena_strdup(file->arena, status_message()));
    if (state->phase != RUN_FAILED && file_exists(path))
        return note_bad(file, entry, read);
    log_warning("%s", status_message());
done:
    return status;
}

static const struct run_file *loaded(const struct composition *c, int64_t i)
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
    const struct run_file *file = loaded(c, i);

    if (file == NULL || c->states[i].phase != RUN_DONE || strcmp(file->state, "done") != 0)
        return false;
    *out = (struct finished_run){run, c->states[i].attempt, file, c->file->entries[i].path};
    return true;
}

static enum status compare_runs(struct composition *c)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = c->file->sweep;

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        struct finished_run run, reference;
        if (sweep->runs[i].reference != NULL && find_finished(c, &sweep->runs[i], &run) &&
            find_finished(c, sweep->runs[i].reference, &reference))
            TRY(comparisons_update(c->file->comparisons, &run, &reference));
    }
done:
    return status;
}

/* ---- columns ---- */

static struct result_column *add_column(struct composition *c, const char *name, const char *units,
                                        const char *long_name)
{
    struct result_column *column = &c->columns[c->n_columns++];
    *column = (struct result_column){.name = name, .units = units, .long_name = long_name};
    return column;
}

enum text_column {
    TEXT_ID,
    TEXT_NAME,
    TEXT_STATE,
    TEXT_HOST,
    TEXT_STARTED,
    TEXT_REFERENCE,
    TEXT_ERROR,
    TEXT_JSON
};

static const char *text_cell(const struct composition *c, int64_t i, enum text_column which)
{
    const struct run_state *state = &c->states[i];
    const struct run_file *file = loaded(c, i);
    const struct result_entry *entry = &c->file->entries[i];

    switch (which) {
    case TEXT_ID:
        return c->file->sweep->runs[i].id;
    case TEXT_NAME:
        return c->file->sweep->runs[i].name;
    case TEXT_STATE:
        /* a run paused first and stopped later says "paused" in its file */
        return file != NULL && state->phase != RUN_STOPPED ? file->state
                                                           : run_phase_name(state->phase);
    case TEXT_HOST:
        return file != NULL ? file->host : state->host;
    case TEXT_STARTED:
        return file != NULL ? file->started : state->started;
    case TEXT_REFERENCE:
        return c->file->sweep->runs[i].reference != NULL ? c->file->sweep->runs[i].reference->id
                                                         : "";
    case TEXT_ERROR:
        return entry->error != NULL && state->phase == RUN_DONE ? entry->error : state->message;
    default:
        return c->file->settings_json[i];
    }
}

static enum status add_text(struct composition *c, const char *name, enum text_column which)
{
    const char **texts = ARENA_ARRAY(c->arena, c->results.n_rows, const char *);

    if (texts == NULL)
        return STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < c->results.n_rows; i++)
        texts[i] = text_cell(c, i, which);
    struct result_column *column = add_column(c, name, "", name);
    column->kind = COLUMN_TEXT;
    column->texts = texts;
    return STATUS_OK;
}

static enum status add_integers(struct composition *c)
{
    int64_t *attempts = ARENA_ARRAY(c->arena, c->results.n_rows, int64_t);
    int64_t *signals = ARENA_ARRAY(c->arena, c->results.n_rows, int64_t);

    if (attempts == NULL || signals == NULL)
        return STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < c->results.n_rows; i++) {
        attempts[i] = c->states[i].attempt;
        signals[i] = c->states[i].exit_signal;
    }
    struct result_column *column =
        add_column(c, "attempt", "1", "attempt that counts, 0: none yet");
    column->kind = COLUMN_INTEGER;
    column->integers = attempts;
    column =
        add_column(c, "exit_signal", "1", "signal that ended the last crashed trainer, 0: none");
    column->kind = COLUMN_INTEGER;
    column->integers = signals;
    return STATUS_OK;
}

static void add_name(struct composition *c, const struct run_value *value)
{
    for (int64_t i = 0; i < c->n_names; i++)
        if (strcmp(c->names[i].name, value->name) == 0)
            return;
    if (c->n_names < MAX_VALUE_NAMES)
        c->names[c->n_names++] = *value;
}

/* The columns every reader counts on are there before the first run is done. */
static void collect_names(struct composition *c)
{
    static const struct run_value standard[] = {
        {"UA", "1", "unlearning accuracy", NAN},
        {"RA", "1", "retain accuracy", NAN},
        {"TA", "1", "test accuracy on retained classes", NAN},
        {"MIA", "1", "membership inference efficacy", NAN},
        {"seconds_train", "s", "seconds of the unlearning itself", NAN},
        {"seconds_eval", "s", "seconds of the evaluation", NAN},
        {"seconds_other", "s", "seconds of everything else", NAN},
        {"images_per_second", "images/s", "training throughput", NAN},
        {"peak_memory", "bytes", "largest resident memory of the trainer", NAN},
        {"trainable_parameters", "1", "parameters the optimizer moved", NAN},
    };
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        add_name(c, &standard[i]);
    for (int64_t i = 0; i < c->results.n_rows; i++)
        for (int64_t j = 0; loaded(c, i) != NULL && j < loaded(c, i)->n_values; j++)
            add_name(c, &loaded(c, i)->values[j]);
}

static enum status add_values(struct composition *c)
{
    for (int64_t j = 0; j < c->n_names; j++) {
        double *floats = ARENA_ARRAY(c->arena, c->results.n_rows, double);
        if (floats == NULL)
            return STATUS_OUT_OF_MEMORY;
        for (int64_t i = 0; i < c->results.n_rows; i++) {
            const struct run_file *file = loaded(c, i);
            floats[i] = file != NULL ? run_file_value(file, c->names[j].name) : NAN;
        }
        struct result_column *column =
            add_column(c, c->names[j].name, c->names[j].units, c->names[j].long_name);
        column->kind = COLUMN_FLOAT;
        column->floats = floats;
    }
    return STATUS_OK;
}

static enum status add_comparisons(struct composition *c)
{
    enum status status = STATUS_OK;

    if (!comparisons_has_any(c->file->comparisons))
        return STATUS_OK;
    for (int k = 0; k < N_COMPARISON; k++) {
        const struct run_value *value = &comparison_values[k];
        double *floats = ARENA_ARRAY(c->arena, c->results.n_rows, double);
        if (floats == NULL)
            return STATUS_OUT_OF_MEMORY;
        for (int64_t i = 0; i < c->results.n_rows; i++)
            floats[i] = comparisons_of(c->file->comparisons, i)[k];
        struct result_column *column = add_column(c, value->name, value->units, value->long_name);
        column->kind = COLUMN_FLOAT;
        column->floats = floats;
    }
    TRY(add_text(c, "reference", TEXT_REFERENCE));
done:
    return status;
}

static enum status add_columns(struct composition *c)
{
    enum status status = STATUS_OK;
    int64_t n_axes = c->file->sweep->n_axes;

    collect_names(c);
    TRY_ALLOC(c->columns,
              ARENA_ARRAY(c->arena, N_STATE_COLUMNS + N_COMPARISON + n_axes + c->n_names,
                          struct result_column));
    TRY(add_text(c, "id", TEXT_ID));
    TRY(add_text(c, "name", TEXT_NAME));
    TRY(add_text(c, "state", TEXT_STATE));
    TRY(add_text(c, "host", TEXT_HOST));
    TRY(add_text(c, "started", TEXT_STARTED));
    TRY(add_integers(c));
    for (int64_t i = 0; i < n_axes; i++)
        c->columns[c->n_columns++] = c->file->axes[i];
    TRY(add_values(c));
    TRY(add_comparisons(c));
    TRY(add_text(c, "error", TEXT_ERROR));
    TRY(add_text(c, "settings_json", TEXT_JSON));
    c->results.columns = c->columns;
    c->results.n_columns = c->n_columns;
done:
    return status;
}

/* ---- history and links ---- */

static int64_t history_rows(const struct run_file *file)
{
    int64_t n = 0;
    for (int64_t j = 0; file != NULL && j < file->n_history; j++)
        n = file->history[j].n > n ? file->history[j].n : n;
    return n;
}

static const struct run_series *find_series(const struct run_series *series, int64_t n,
                                            const char *name)
{
    for (int64_t j = 0; j < n; j++)
        if (strcmp(series[j].name, name) == 0)
            return &series[j];
    return NULL;
}

static enum status add_history(struct composition *c)
{
    enum status status = STATUS_OK;
    struct run_series *series = NULL;
    int64_t *run = NULL, n_series = 0, n_rows = 0;

    TRY_ALLOC(series, ARENA_ARRAY(c->arena, MAX_VALUE_NAMES, struct run_series));
    for (int64_t i = 0; i < c->results.n_rows; i++) {
        const struct run_file *file = loaded(c, i);
        n_rows += history_rows(file);
        for (int64_t j = 0; file != NULL && j < file->n_history; j++)
            if (n_series < MAX_VALUE_NAMES &&
                find_series(series, n_series, file->history[j].name) == NULL)
                series[n_series++] = file->history[j];
    }
    TRY_ALLOC(run, ARENA_ARRAY(c->arena, n_rows, int64_t));
    for (int64_t j = 0; j < n_series; j++) {
        series[j].n = n_rows;
        TRY_ALLOC(series[j].values, ARENA_ARRAY(c->arena, n_rows, double));
    }
    for (int64_t i = 0, row = 0; i < c->results.n_rows; i++) {
        const struct run_file *file = loaded(c, i);
        for (int64_t k = 0, n = history_rows(file); k < n; k++, row++) {
            run[row] = i;
            for (int64_t j = 0; j < n_series; j++) {
                const struct run_series *own =
                    find_series(file->history, file->n_history, series[j].name);
                series[j].values[row] = own != NULL && k < own->n ? own->values[k] : NAN;
            }
        }
    }
    c->results.history = (struct result_history){run, series, n_series, n_rows};
done:
    return status;
}

static enum status add_links(struct composition *c)
{
    enum status status = STATUS_OK;
    struct result_link *links = NULL;

    TRY_ALLOC(links, ARENA_ARRAY(c->arena, c->results.n_rows, struct result_link));
    for (int64_t i = 0; i < c->results.n_rows; i++) {
        if (loaded(c, i) == NULL)
            continue;
        const struct run *run = &c->file->sweep->runs[i];
        struct result_link *link = &links[c->results.n_links++];
        link->name = run->name;
        TRY_ALLOC(link->target, run_link(c->arena, run, c->states[i].attempt));
    }
    c->results.links = links;
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
    TRY(check_all_read(c->file));
    TRY(compare_runs(c));
    TRY(add_columns(c));
    TRY(add_history(c));
    TRY(add_links(c));
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
