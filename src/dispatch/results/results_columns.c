/* The columns of /runs: what the journal knows of a run, its settings, its measures, and how far it
 * is from its reference. */
#include "dispatch/results/results_composition.h"
#include "eval/measures.h"

#include <math.h>
#include <string.h>

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
    TEXT_DEVICE,
    TEXT_STARTED,
    TEXT_REFERENCE,
    TEXT_ERROR,
    TEXT_JSON
};

static const char *text_cell(const struct composition *c, int64_t i, enum text_column which)
{
    const struct run_state *state = &c->states[i];
    const struct run_file *file = composition_loaded(c, i);
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
    case TEXT_DEVICE:
        return file != NULL && file->device != NULL ? file->device : "";
    case TEXT_STARTED:
        return file != NULL ? file->started : state->started;
    case TEXT_REFERENCE:
        return c->file->sweep->runs[i].reference != NULL ? c->file->sweep->runs[i].reference->id
                                                         : "";
    case TEXT_ERROR:
        return entry->error != NULL && state->phase == RUN_DONE ? entry->error : state->message;
    default:
        return c->file->axes.settings_json[i];
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

enum integer_column { INTEGER_ATTEMPT, INTEGER_SIGNAL, INTEGER_NUMERICS, INTEGER_THREADS };

static int64_t integer_cell(const struct composition *c, int64_t i, enum integer_column which)
{
    const struct run_file *file = composition_loaded(c, i);

    switch (which) {
    case INTEGER_ATTEMPT:
        return c->states[i].attempt;
    case INTEGER_SIGNAL:
        return c->states[i].exit_signal;
    case INTEGER_NUMERICS:
        return file != NULL ? file->numerics : 0;
    default:
        return file != NULL ? file->n_threads : 0;
    }
}

static enum status add_integers(struct composition *c)
{
    static const struct {
        const char *name, *long_name;
    } columns[] = {
        [INTEGER_ATTEMPT] = {"attempt", "attempt that counts, 0: none yet"},
        [INTEGER_SIGNAL] = {"exit_signal", "signal that ended the last crashed trainer, 0: none"},
        [INTEGER_NUMERICS] = {"numerics", "version of the arithmetic, 0: not known"},
        [INTEGER_THREADS] = {"threads", "of the trainer, 0: not known"},
    };

    for (int k = 0; k < (int)(sizeof columns / sizeof *columns); k++) {
        int64_t *integers = ARENA_ARRAY(c->arena, c->results.n_rows, int64_t);
        if (integers == NULL)
            return STATUS_OUT_OF_MEMORY;
        for (int64_t i = 0; i < c->results.n_rows; i++)
            integers[i] = integer_cell(c, i, (enum integer_column)k);
        struct result_column *column = add_column(c, columns[k].name, "1", columns[k].long_name);
        column->kind = COLUMN_INTEGER;
        column->integers = integers;
    }
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
    for (int i = 0; measure_at(i) != NULL; i++)
        if (measure_at(i)->is_standard)
            add_name(c, &(struct run_value){.name = measure_at(i)->name});
    for (int64_t i = 0; i < c->results.n_rows; i++)
        for (int64_t j = 0;
             composition_loaded(c, i) != NULL && j < composition_loaded(c, i)->n_values; j++)
            add_name(c, &composition_loaded(c, i)->values[j]);
}

/* What a value is, by the catalogue; of a measure that it lost or does not know yet, by the file.
 */
static struct result_column *add_measure(struct composition *c, const struct run_value *value)
{
    const struct measure *measure = measure_find(value->name);
    struct result_column *column =
        measure != NULL ? add_column(c, measure->name, measure->unit, measure->long_name)
                        : add_column(c, value->name, value->units, value->long_name);

    column->kind = COLUMN_FLOAT;
    return column;
}

static enum status add_values(struct composition *c)
{
    for (int64_t j = 0; j < c->n_names; j++) {
        double *floats = ARENA_ARRAY(c->arena, c->results.n_rows, double);
        if (floats == NULL)
            return STATUS_OUT_OF_MEMORY;
        for (int64_t i = 0; i < c->results.n_rows; i++) {
            const struct run_file *file = composition_loaded(c, i);
            floats[i] = file != NULL ? run_file_value(file, c->names[j].name) : NAN;
        }
        add_measure(c, &c->names[j])->floats = floats;
    }
    return STATUS_OK;
}

static enum status add_comparisons(struct composition *c)
{
    enum status status = STATUS_OK;

    if (!comparisons_has_any(c->file->comparisons))
        return STATUS_OK;
    for (int k = 0; k < N_COMPARISON; k++) {
        double *floats = ARENA_ARRAY(c->arena, c->results.n_rows, double);
        if (floats == NULL)
            return STATUS_OUT_OF_MEMORY;
        for (int64_t i = 0; i < c->results.n_rows; i++)
            floats[i] = comparisons_of(c->file->comparisons, i)[k];
        add_measure(c, &(struct run_value){.name = comparison_name(k)})->floats = floats;
    }
    TRY(add_text(c, "reference", TEXT_REFERENCE));
done:
    return status;
}

static enum status add_head(struct composition *c)
{
    static const struct {
        const char *name;
        enum text_column which;
    } columns[] = {{"id", TEXT_ID},     {"name", TEXT_NAME},     {"state", TEXT_STATE},
                   {"host", TEXT_HOST}, {"device", TEXT_DEVICE}, {"started", TEXT_STARTED}};
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < sizeof columns / sizeof *columns; i++)
        status = add_text(c, columns[i].name, columns[i].which);
    return status;
}

enum status composition_add_columns(struct composition *c)
{
    enum status status = STATUS_OK;
    int64_t n_axes = c->file->axes.n;

    collect_names(c);
    TRY_ALLOC(c->columns,
              ARENA_ARRAY(c->arena, N_STATE_COLUMNS + N_COMPARISON + n_axes + c->n_names,
                          struct result_column));
    TRY(add_head(c));
    TRY(add_integers(c));
    for (int64_t i = 0; i < n_axes; i++)
        c->columns[c->n_columns++] = c->file->axes.columns[i];
    TRY(add_values(c));
    TRY(add_comparisons(c));
    TRY(add_text(c, "error", TEXT_ERROR));
    TRY(add_text(c, "settings_json", TEXT_JSON));
    c->results.columns = c->columns;
    c->results.n_columns = c->n_columns;
done:
    return status;
}
