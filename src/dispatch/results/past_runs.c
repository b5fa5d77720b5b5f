/* Rows of results.h5, with the device from the run.h5 of one of the runs of each host. */
#include "dispatch/results/past_runs.h"

#include "base/file.h"
#include "store/results/results.h"
#include "store/results/run_paths.h"
#include "store/results/shard.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 4000, MOST_HOSTS = 256 };

struct host_device {
    const char *host, *device;
};

struct past_runs_reading {
    const char *folder;
    struct costs *costs;
    struct arena *arena;
    struct host_device hosts[MOST_HOSTS];
    int n_hosts;
    struct past_run *runs;
    int64_t n, capacity; /* in the arena: capacity is fixed from the start */
};

static const struct result_column *column_of(const struct results *results, const char *name)
{
    for (int64_t i = 0; i < results->n_columns; i++)
        if (strcmp(results->columns[i].name, name) == 0)
            return &results->columns[i];
    return NULL;
}

static const char *text_at(const struct results *results, const char *name, int64_t row)
{
    const struct result_column *column = column_of(results, name);
    return column != NULL && column->kind == COLUMN_TEXT ? column->texts[row] : "";
}

static double number_at(const struct results *results, const char *name, int64_t row)
{
    const struct result_column *column = column_of(results, name);

    if (column == NULL || column->kind == COLUMN_TEXT)
        return NAN;
    return column->kind == COLUMN_INTEGER ? (double)column->integers[row] : column->floats[row];
}

/* All trainers of a host are taken to compute on the same kind of device. */
static enum status find_device(struct past_runs_reading *reading, const struct results *results,
                               int64_t row, const char **out)
{
    enum status status = STATUS_OK;
    const char *host = text_at(results, "host", row), *path = NULL, *device = "";

    for (int i = 0; i < reading->n_hosts; i++) {
        *out = reading->hosts[i].device;
        if (strcmp(reading->hosts[i].host, host) == 0)
            return STATUS_OK;
    }
    TRY_ALLOC(path, run_attempt_file(reading->arena, reading->folder, text_at(results, "id", row),
                                     (int64_t)number_at(results, "attempt", row), RUN_RESULT_NAME));
    if (!file_exists(path) || run_file_read_device(path, reading->arena, &device) != STATUS_OK)
        device = "";
    if (reading->n_hosts < MOST_HOSTS)
        reading->hosts[reading->n_hosts++] = (struct host_device){host, device};
    *out = device;
done:
    return status;
}

static enum status add_row(struct past_runs_reading *reading, const struct results *results,
                           int64_t row)
{
    enum status status = STATUS_OK;
    struct settings settings;
    struct past_run run = {
        .train_seconds = number_at(results, "seconds_train", row),
        .eval_seconds = number_at(results, "seconds_eval", row),
        .other_seconds = number_at(results, "seconds_other", row),
    };

    if (strcmp(text_at(results, "state", row), "done") != 0)
        return STATUS_OK;
    if (isnan(run.train_seconds))
        run.train_seconds = 0; /* it trained nothing */
    if (isnan(run.other_seconds))
        run.other_seconds = 0;
    if (isnan(run.eval_seconds) || settings_from_json(text_at(results, "settings_json", row),
                                                      reading->arena, &settings) != STATUS_OK)
        return STATUS_OK; /* of another version of the program */
    TRY(costs_of(reading->costs, &settings, &run.cost));
    run.arch = settings.model.arch;
    run.method = settings.unlearn.method;
    TRY(find_device(reading, results, row, &run.device));
    if (reading->n < reading->capacity)
        reading->runs[reading->n++] = run;
done:
    return status;
}

static enum status read_file(struct past_runs_reading *reading, const char *path, int64_t most)
{
    enum status status = STATUS_OK;
    struct results results = {0};

    TRY(results_read(path, reading->arena, &results));
    int64_t stride = results.n_rows > most ? (results.n_rows + most - 1) / most : 1;
    for (int64_t row = 0; row < results.n_rows; row += stride)
        TRY(add_row(reading, &results, row));
done:
    return status;
}

enum status past_runs_find(const char *folder, struct costs *costs, struct arena *arena,
                           struct past_run **out, int64_t *n)
{
    enum status status = STATUS_OK;
    struct past_runs_reading reading = {
        .folder = folder, .costs = costs, .arena = arena, .capacity = MOST_RUNS};
    struct shard *shards = NULL;
    int64_t n_shards = 0;

    TRY(shards_find(folder, shard_results, arena, &shards, &n_shards));
    TRY_ALLOC(reading.runs, ARENA_ARRAY(arena, reading.capacity, struct past_run));
    for (int64_t i = 0; i < n_shards; i++) {
        const char *path = NULL;
        TRY_ALLOC(path, shard_path(arena, folder, shards[i], shard_results));
        TRY(read_file(&reading, path, MOST_RUNS / n_shards + 1));
    }
    *out = reading.runs;
    *n = reading.n;
done:
    return status;
}
