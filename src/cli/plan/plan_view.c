/* Nothing here writes: the results folder is only read, and may be in use. */
#include "cli/plan/plan_view.h"

#include "base/file.h"
#include "dispatch/results/past_runs.h"

#include <stdlib.h>
#include <string.h>

/* GFLOP/s of products that a whole step reaches, in round numbers: two cores with AVX-512 reached
 * 180 on resnet20 and 160 on resnet50 (docs/performance.md); common cores do less. A GPU is bound
 * by memory long before its 790 TFLOP/s. */
static const double assumed_cpu = 50, assumed_gpu = 10000;

bool plan_view_is_to_do(const struct plan_view *view, int64_t run)
{
    enum difference_state state = view->difference.states[run];
    return state != DIFFERENCE_DONE && state != DIFFERENCE_STOPPED && state != DIFFERENCE_FAILED;
}

const char *estimate_basis_name(enum estimate_basis basis)
{
    static const char *const names[N_ESTIMATE_BASES] = {
        [BASIS_METHOD] = "method",
        [BASIS_ARCHITECTURE] = "architecture",
        [BASIS_ANY] = "any",
        [BASIS_ASSUMED] = "assumed",
    };
    return names[basis];
}

/* Keeps the runs measured on the device asked for, and says where that was. */
static void choose_device(struct plan_view *view, struct past_run *runs, int64_t *n)
{
    const char *wanted = view->request.device;
    int64_t n_kept = 0;

    for (int64_t i = 0; i < *n; i++) {
        if (strcmp(wanted, "auto") != 0 && strncmp(runs[i].device, wanted, strlen(wanted)) != 0)
            continue;
        if (n_kept == 0)
            view->measured_on = runs[i].device;
        else if (strcmp(view->measured_on, runs[i].device) != 0)
            view->measured_on = "several devices";
        runs[n_kept++] = runs[i];
    }
    *n = view->n_measured = n_kept;
}

static enum status create_estimator(struct plan_view *view, struct costs *costs,
                                    struct estimator **out)
{
    enum status status = STATUS_OK;
    struct past_run *runs = NULL;
    int64_t n = 0;

    TRY(past_runs_find(view->folder, costs, view->arena, &runs, &n));
    view->measured_on = "";
    choose_device(view, runs, &n);
    bool is_gpu = strcmp(view->request.device, "cuda") == 0;
    view->assumed_gflops = view->request.gflops > 0 ? view->request.gflops
                           : is_gpu                 ? assumed_gpu
                                                    : assumed_cpu;
    TRY(estimator_create(&(struct estimator_settings){runs, n, 1e9 * view->assumed_gflops}, out));
done:
    return status;
}

/* Rows in the order in which their first runs come. */
static enum status add_time(struct plan_view *view, const struct run *run,
                            const struct estimate *estimate)
{
    const struct settings *settings = &run->settings;
    struct time_row *row = view->times;

    while (row < view->times + view->n_times &&
           (strcmp(row->arch, settings->model.arch) != 0 ||
            strcmp(row->method, settings->unlearn.method) != 0))
        row++;
    if (row == view->times + view->n_times) {
        *row = (struct time_row){.arch = settings->model.arch,
                                 .method = settings->unlearn.method,
                                 .estimate = *estimate};
        view->n_times++;
    }
    row->n_runs++;
    row->seconds += estimate->seconds;
    return STATUS_OK;
}

static enum status estimate_runs(struct plan_view *view, struct costs *costs,
                                 struct estimator *estimator)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = view->sweep;

    TRY_ALLOC(view->estimates, ARENA_ARRAY(view->arena, sweep->n_runs, struct estimate));
    TRY_ALLOC(view->times, ARENA_ARRAY(view->arena, sweep->n_runs, struct time_row));
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        struct cost cost = {0};
        TRY(costs_of(costs, &sweep->runs[i].settings, &cost));
        view->estimates[i] = estimator_of(estimator, &sweep->runs[i].settings, &cost);
        if (!plan_view_is_to_do(view, i))
            continue;
        TRY(add_time(view, &sweep->runs[i], &view->estimates[i]));
        double bytes = 0;
        TRY(costs_disk(costs, &sweep->runs[i].settings, &bytes));
        view->disk_bytes += bytes;
    }
done:
    return status;
}

static enum status add_up(struct plan_view *view)
{
    enum status status = STATUS_OK;
    double *seconds = NULL;

    TRY_ALLOC(seconds, heap_alloc(view->sweep->n_runs, sizeof *seconds));
    for (int64_t i = 0; i < view->sweep->n_runs; i++) {
        const struct estimate *estimate = &view->estimates[i];
        if (!plan_view_is_to_do(view, i))
            continue;
        seconds[view->n_to_do++] = estimate->seconds;
        view->total_seconds += estimate->seconds;
        view->least_seconds += estimate->seconds / estimate->factor;
        view->most_seconds += estimate->seconds * estimate->factor;
    }
    TRY(makespan(seconds, view->n_to_do, view->request.n_trainers, &view->makespan_seconds));
    if (view->request.walltime > 0)
        TRY(makespan_trainers(seconds, view->n_to_do, view->request.walltime,
                              &view->n_trainers_needed));
done:
    free(seconds);
    return status;
}

enum status plan_view_create(const struct sweep *sweep, const struct plan_request *request,
                             struct plan_view *out)
{
    enum status status = STATUS_OK;
    struct plan_view view = {.sweep = sweep, .request = *request, .folder = request->folder};
    struct costs *costs = NULL;
    struct estimator *estimator = NULL;

    TRY(arena_create(&view.arena));
    if (view.folder == NULL)
        TRY_ALLOC(view.folder, path_join(view.arena, "results", sweep->name));
    TRY(unread_settings_find(sweep, view.arena, &view.merged, &view.n_merged));
    TRY(folder_difference_find(sweep, view.folder, view.arena, &view.difference));
    TRY(costs_create(&costs));
    TRY(create_estimator(&view, costs, &estimator));
    TRY(estimate_runs(&view, costs, estimator));
    TRY(add_up(&view));
    *out = view;
    view.arena = NULL;
done:
    estimator_destroy(estimator);
    costs_destroy(costs);
    arena_destroy(view.arena);
    return status;
}

void plan_view_release(struct plan_view *view)
{
    arena_destroy(view->arena);
    *view = (struct plan_view){0};
}
