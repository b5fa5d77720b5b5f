/* Runs made by hand around the default settings. */
#include "mpi/made_sweep.h"

#include "config/settings_table.h"

#include <inttypes.h>
#include <stdio.h>

void made_run_id(int64_t i, char id[RUN_ID_BYTES])
{
    snprintf(id, RUN_ID_BYTES, "%016d", (int)(i % 1000000000));
}

static enum status make_runs(struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct settings settings;

    TRY(settings_default(sweep->arena, NULL, false, &settings));
    settings.model.arch = "resnet20";
    settings.model.weights = "none.th";
    settings.data.path = "data";
    settings.unlearn.method = "finetune";
    settings.forget.class_index = 3;
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        struct run *run = &sweep->runs[i];
        made_run_id(i, run->id);
        run->settings = settings;
        run->settings.seed = i;
        run->first_point = sweep->points[i] = i;
        TRY_ALLOC(run->name,
                  arena_format(sweep->arena, "%04" PRId64 "-finetune-seed%" PRId64, i, i));
    }
done:
    return status;
}

struct sweep *made_sweep_create(int64_t n_runs)
{
    enum status status = STATUS_OK;
    struct sweep *sweep = NULL;

    TRY_ALLOC(sweep, heap_alloc(1, sizeof *sweep));
    TRY(arena_create(&sweep->arena));
    sweep->name = "made";
    sweep->description = "";
    sweep->resolved_yaml = "name: made\n";
    sweep->n_runs = sweep->n_points = n_runs;
    sweep->n_axes = 1;
    sweep->retries = 1;
    sweep->crash_limit = 2;
    TRY_ALLOC(sweep->runs, ARENA_ARRAY(sweep->arena, n_runs, struct run));
    TRY_ALLOC(sweep->points, ARENA_ARRAY(sweep->arena, n_runs, int64_t));
    TRY_ALLOC(sweep->axes, ARENA_ARRAY(sweep->arena, 1, const char *));
    sweep->axes[0] = "seed";
    TRY(make_runs(sweep));
    return sweep;
done:
    sweep_destroy(sweep);
    return NULL;
}
