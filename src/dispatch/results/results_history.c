/* /history, all runs one after the other, and the links to their files. */
#include "dispatch/results/results_composition.h"
#include "store/results/run_paths.h"

#include <math.h>
#include <string.h>

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

enum status composition_add_history(struct composition *c)
{
    enum status status = STATUS_OK;
    struct run_series *series = NULL;
    int64_t *run = NULL, n_series = 0, n_rows = 0;

    TRY_ALLOC(series, ARENA_ARRAY(c->arena, MAX_VALUE_NAMES, struct run_series));
    for (int64_t i = 0; i < c->results.n_rows; i++) {
        const struct run_file *file = composition_loaded(c, i);
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
        const struct run_file *file = composition_loaded(c, i);
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

enum status composition_add_links(struct composition *c)
{
    enum status status = STATUS_OK;
    struct result_link *links = NULL;

    TRY_ALLOC(links, ARENA_ARRAY(c->arena, c->results.n_rows, struct result_link));
    for (int64_t i = 0; i < c->results.n_rows; i++) {
        if (composition_loaded(c, i) == NULL)
            continue;
        const struct run *run = &c->file->sweep->runs[i];
        struct result_link *link = &links[c->results.n_links++];
        link->name = run->name;
        TRY_ALLOC(link->target,
                  run_attempt_link(c->arena, run->id, c->states[i].attempt, RUN_RESULT_NAME));
    }
    c->results.links = links;
done:
    return status;
}
