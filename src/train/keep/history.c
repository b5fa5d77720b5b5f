/* A checkpoint of the form before has "checkpoint.history": a row per epoch of the first columns,
 * the metric, and the CRC-32 of the metric's name. */
#include "train/keep/history.h"

#include "base/hash.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char matrix_name[] = "checkpoint.history", name_start[] = "checkpoint.history.";
enum { N_MATRIX_COLUMNS = N_HISTORY + 1, NAME_BYTES = 96 };

static const struct {
    const char *name, *unit;
} named[N_HISTORY] = {
    [HISTORY_EPOCH] = {"epoch", "1"},
    [HISTORY_STEP] = {"step", "1"},
    [HISTORY_TIME] = {"time", "s"},
    [HISTORY_LR] = {"lr", "1"},
    [HISTORY_LOSS] = {"loss", "nats/image"},
    [HISTORY_VALIDATION_ACCURACY] = {"validation_accuracy", "1"},
    [HISTORY_VALIDATION_LOSS] = {"validation_loss", "nats/image"},
    [HISTORY_METRIC] = {NULL, "1"}, /* the sweep's */
};

static const char *column_name(const struct history *history, int column)
{
    return column == HISTORY_METRIC ? history->metric : named[column].name;
}

void history_begin(struct history *history, const char *metric)
{
    *history = (struct history){.metric = metric};
    for (int c = 0; metric != NULL && c < HISTORY_METRIC; c++)
        if (strcmp(metric, named[c].name) == 0)
            history->metric = NULL;
}

void history_release(struct history *history)
{
    free(history->rows);
    *history = (struct history){0};
}

double *history_add(struct history *history)
{
    if (heap_grow(&history->rows, &history->capacity, history->n + 1,
                  N_HISTORY * sizeof *history->rows) != STATUS_OK)
        return NULL;
    double *row = history->rows + history->n++ * N_HISTORY;
    for (int c = 0; c < N_HISTORY; c++)
        row[c] = NAN;
    return row;
}

int history_columns(const struct history *history)
{
    return history->metric != NULL ? N_HISTORY : HISTORY_METRIC;
}

static double *values_of(const struct history *history, int column, struct arena *arena)
{
    double *values = ARENA_ARRAY(arena, history->n, double);

    for (int64_t i = 0; values != NULL && i < history->n; i++)
        values[i] = history->rows[i * N_HISTORY + column];
    return values;
}

enum status history_series(const struct history *history, int column, struct arena *arena,
                           struct run_series *out)
{
    enum status status = STATUS_OK;

    *out = (struct run_series){column_name(history, column), named[column].unit, NULL, history->n};
    TRY_ALLOC(out->values, values_of(history, column, arena));
done:
    return status;
}

/* ---- in checkpoints ---- */

enum status history_save(const struct history *history, struct arena *arena,
                         struct weight_tensor *tensors, int64_t *n)
{
    enum status status = STATUS_OK;

    for (int c = 0; history->n > 0 && c < history_columns(history); c++) {
        struct weight_tensor tensor = {.dtype = DTYPE_F64, .n_dims = 1, .shape = {history->n}};
        TRY_ALLOC(tensor.name, arena_format(arena, "%s%s", name_start, column_name(history, c)));
        TRY_ALLOC(tensor.values, values_of(history, c, arena));
        tensors[(*n)++] = tensor;
    }
done:
    return status;
}

static const struct weight_tensor *find_column(const struct history *history,
                                               const struct weights *weights, int column)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%s%s", name_start, column_name(history, column));
    return weights_find(weights, name);
}

static enum status read_columns(struct history *history, const struct weights *weights)
{
    for (int c = 0; c < history_columns(history); c++) {
        const struct weight_tensor *stored = find_column(history, weights, c);
        if (stored != NULL && weight_elements(stored) != history->n)
            return fail(STATUS_BAD_DATA,
                        "checkpoint's '%s' has %" PRId64 " rows, %" PRId64 " epochs are done",
                        stored->name, weight_elements(stored), history->n);
        for (int64_t i = 0; stored != NULL && i < history->n; i++)
            history->rows[i * N_HISTORY + c] = weight_value(stored, i);
    }
    if (history->n > 0 && find_column(history, weights, HISTORY_EPOCH) == NULL)
        return fail(STATUS_BAD_DATA, "checkpoint has no history of its %" PRId64 " epochs",
                    history->n);
    return STATUS_OK;
}

static enum status read_matrix(struct history *history, const struct weight_tensor *stored)
{
    double id = history->metric != NULL
                    ? (double)crc32_bytes(history->metric, strlen(history->metric))
                    : NAN;

    if (weight_elements(stored) != history->n * N_MATRIX_COLUMNS)
        return fail(STATUS_BAD_DATA,
                    "checkpoint's history has %" PRId64 " numbers, %d for each of %" PRId64
                    " epochs were expected",
                    weight_elements(stored), N_MATRIX_COLUMNS, history->n);
    for (int64_t i = 0; i < history->n; i++) {
        double *row = history->rows + i * N_HISTORY;
        for (int c = 0; c < N_HISTORY; c++)
            row[c] = weight_value(stored, i * N_MATRIX_COLUMNS + c);
        if (weight_value(stored, i * N_MATRIX_COLUMNS + N_HISTORY) != id)
            row[HISTORY_METRIC] = NAN;
    }
    return STATUS_OK;
}

enum status history_restore(struct history *history, const struct weights *weights,
                            int64_t n_epochs)
{
    enum status status = STATUS_OK;
    const struct weight_tensor *matrix = weights_find(weights, matrix_name);
    double *row = NULL;

    history->n = 0;
    for (int64_t i = 0; i < n_epochs; i++)
        TRY_ALLOC(row, history_add(history));
    TRY(matrix != NULL ? read_matrix(history, matrix) : read_columns(history, weights));
done:
    if (status != STATUS_OK)
        history->n = 0;
    return status;
}

void history_find(const struct weights *weights, struct weight_tensor *ordered, int64_t *n)
{
    for (int64_t i = 0; i < weights->n; i++) {
        const char *name = weights->tensors[i].name;
        if (strcmp(name, matrix_name) == 0 || strncmp(name, name_start, strlen(name_start)) == 0)
            ordered[(*n)++] = weights->tensors[i];
    }
}
