/* For people: each part says its one fact first, and is left out when there is none. */
#include "cli/plan/plan_view.h"

#include "base/duration.h"
#include "unlearn/method.h"

#include <math.h>
#include <string.h>

enum { MOST_LOST = 5 };

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_composed(const struct sweep *sweep, struct text *out)
{
    for (int64_t i = 0; i < sweep->n_composed; i++) {
        const struct composed_method *row = &sweep->composed[i];
        unsigned reads = method_reads(method_find(row->method));
        text_append(out, "  %s with unlearn.prune: %s and unlearn.adapt: %s is %s\n", row->asked,
                    reads & GROUP_PRUNE ? "true" : "false", reads & GROUP_LORA ? "lora" : "none",
                    row->method);
    }
}

static void print_merged(const struct plan_view *view, struct text *out)
{
    for (int64_t i = 0; i < view->n_merged; i++) {
        const struct unread_settings *row = &view->merged[i];
        if (row->n_points == row->n_runs)
            continue;
        text_append(out, "  %s: %lld points -> %lld run%s, ", row->method, (long long)row->n_points,
                    (long long)row->n_runs, plural(row->n_runs));
        for (int64_t j = 0; j < row->n_unread; j++)
            text_append(out, "%s%s", j == 0 ? "does not read " : ", ", row->unread[j]);
        text_append(out, "%s\n", row->n_unread == 0 ? "values that mean the same" : "");
    }
}

/* Texts that are not in the list yet; at most a few kinds of files are named in a sweep. */
static int64_t count_files(const struct sweep *sweep, bool are_weights)
{
    enum { MOST = 64 };
    const char *seen[MOST];
    int64_t n = 0;

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const struct settings *settings = &sweep->runs[i].settings;
        const char *path = are_weights ? settings->model.weights : settings->data.path;
        int64_t j = 0;
        if (are_weights && !setting_is_read(settings->unlearn.method, "model.weights"))
            continue;
        while (j < n && strcmp(seen[j], path) != 0)
            j++;
        if (j == n && n < MOST)
            seen[n++] = path;
    }
    return n;
}

static void print_shared(const struct plan_view *view, struct text *out)
{
    const struct sweep *sweep = view->sweep;
    int64_t n_starting = 0, n_weights = count_files(sweep, true),
            n_data = count_files(sweep, false);

    for (int64_t i = 0; i < sweep->n_runs; i++)
        n_starting += setting_is_read(sweep->runs[i].settings.unlearn.method, "model.weights");
    text_append(out, "shared: %lld data set%s", (long long)n_data, plural(n_data));
    if (n_weights > 0)
        text_append(out, ", %lld base model%s that %lld run%s", (long long)n_weights,
                    plural(n_weights), (long long)n_starting,
                    n_starting == 1 ? " starts from" : "s start from");
    text_append(out, "; each is read once by a trainer\n");
}

/* ---- against the results folder ---- */

static void print_changes(const struct folder_difference *difference, struct text *out)
{
    for (int64_t i = 0; i < difference->n_changed; i++) {
        const struct changed_setting *changed = &difference->changed[i];
        text_append(out, "  changed: %s", changed->name);
        if (changed->before[0] != '\0')
            text_append(out, " %s -> %s", changed->before, changed->after);
        text_append(out, " (%lld run%s)\n", (long long)changed->n_runs, plural(changed->n_runs));
    }
}

static void print_lost(const struct folder_difference *difference, bool has_all, struct text *out)
{
    int64_t n = difference->n_lost, n_shown = has_all || n <= MOST_LOST ? n : MOST_LOST;

    if (n > 0)
        text_append(out, "  %lld orphaned, no longer asked for and left alone:\n", (long long)n);
    for (int64_t i = 0; i < n_shown; i++)
        text_append(out, "    %s  %-7s  %s\n", difference->lost[i].id,
                    run_phase_name(difference->lost[i].phase), difference->lost[i].name);
    if (n_shown < n)
        text_append(out, "    ... and %lld more (--all shows them)\n", (long long)(n - n_shown));
}

static void print_difference(const struct plan_view *view, bool has_all, struct text *out)
{
    const struct folder_difference *difference = &view->difference;
    bool is_first = true;

    if (!difference->exists) {
        text_append(out, "\n%s: nothing there yet\n", view->folder);
        return;
    }
    text_append(out, "\n%s: ", view->folder);
    for (int i = N_DIFFERENCE_STATES - 1; i >= 0; i--) {
        if (difference->counts[i] == 0)
            continue;
        text_append(out, "%s%lld %s", is_first ? "" : ", ", (long long)difference->counts[i],
                    difference_names[i]);
        is_first = false;
    }
    if (difference->n_shards > 0)
        text_append(out, "; in %d shards", difference->n_shards);
    text_append(out, "\n");
    if (difference->counts[DIFFERENCE_FAILED] > 0)
        text_append(out, "  failed runs are repeated by sweep --retry-failed only\n");
    print_changes(difference, out);
    print_lost(difference, has_all, out);
}

/* ---- time ---- */

static void print_basis(const struct plan_view *view, const struct estimate *estimate,
                        struct text *out)
{
    static const char *const of[] = {"", " of that architecture", " of other architectures"};

    if (estimate->basis == BASIS_ASSUMED)
        text_append(out, "counted, at %g GFLOP/s", view->assumed_gflops);
    else
        text_append(out, "from %lld measured run%s%s, within a factor of %.2f",
                    (long long)estimate->n_runs, plural(estimate->n_runs), of[estimate->basis],
                    estimate->factor);
}

static void print_times(const struct plan_view *view, struct text *out)
{
    char each[DURATION_BYTES];
    int width = 0;

    for (int64_t i = 0; i < view->n_times; i++) {
        int n = (int)(strlen(view->times[i].arch) + strlen(view->times[i].method) + 1);
        width = n > width ? n : width;
    }
    for (int64_t i = 0; i < view->n_times; i++) {
        const struct time_row *row = &view->times[i];
        duration_to_text(row->seconds / (double)row->n_runs, each);
        int n = (int)strlen(row->arch);
        text_append(out, "  %s %-*s  %6lld run%-1s of %-11s ", row->arch, width - n - 1,
                    row->method, (long long)row->n_runs, plural(row->n_runs), each);
        print_basis(view, &row->estimate, out);
        text_append(out, "\n");
    }
    if (view->n_measured == 0)
        text_append(out,
                    "  nothing was measured%s%s: a rate is assumed, which may be off by a "
                    "factor of 4 (--rate sets it)\n",
                    strcmp(view->request.device, "auto") != 0 ? " on " : "",
                    strcmp(view->request.device, "auto") != 0 ? view->request.device : "");
    else
        text_append(out, "  measured on: %s\n",
                    view->measured_on[0] != '\0' ? view->measured_on : "an unknown device");
}

/* Between what is sure to be enough and what surely is not, it says so. */
static void print_walltime(const struct plan_view *view, struct text *out)
{
    double limit = view->request.walltime, seconds = view->makespan_seconds;
    char text[DURATION_BYTES];

    duration_to_text(limit, text);
    if (seconds * view->most_seconds / view->total_seconds <= limit)
        text_append(out, "  fits in %s\n", text);
    else if (seconds <= limit)
        text_append(out, "  fits in %s by this estimate, which is not that sure\n", text);
    else
        text_append(out,
                    "  does not fit in %s: about %.0f starts one after the other, each "
                    "continuing the last\n",
                    text, ceil(seconds / limit));
    if (seconds <= limit)
        return;
    if (view->n_trainers_needed > 0)
        text_append(out, "  %lld trainers would do it in one\n",
                    (long long)view->n_trainers_needed);
    else
        text_append(out, "  the longest run alone takes longer: more trainers do not help\n");
}

static void print_time(const struct plan_view *view, struct text *out)
{
    char total[DURATION_BYTES], least[DURATION_BYTES], most[DURATION_BYTES];
    int64_t n_trainers = view->request.n_trainers;

    if (view->n_to_do == 0) {
        text_append(out, "\ntime: nothing is left to do\n");
        return;
    }
    text_append(
        out, "\ntime: %lld run%s to do, %s on one trainer (%s to %s)\n", (long long)view->n_to_do,
        plural(view->n_to_do), duration_to_text(view->total_seconds, total),
        duration_to_text(view->least_seconds, least), duration_to_text(view->most_seconds, most));
    print_times(view, out);
    if (n_trainers > 1)
        text_append(out, "  on %lld trainers, each as fast as one alone: %s\n",
                    (long long)n_trainers, duration_to_text(view->makespan_seconds, total));
    if (view->request.walltime > 0)
        print_walltime(view, out);
    if (view->difference.n_threads > 0)
        text_append(out, "threads: %lld per trainer, as the folder began with\n",
                    (long long)view->difference.n_threads);
    text_append(out, "disk: %.3g MB when done (checkpoint.keep decides), %.3g MB a run\n",
                1e-6 * view->disk_bytes, 1e-6 * view->disk_bytes / (double)view->n_to_do);
}

/* ---- runs ---- */

static const char *state_cell(const void *context, int64_t run, char buffer[PLAN_CELL_BYTES])
{
    const struct plan_view *view = context;

    (void)buffer;
    return difference_names[view->difference.states[run]];
}

static const char *time_cell(const void *context, int64_t run, char buffer[PLAN_CELL_BYTES])
{
    const struct plan_view *view = context;

    return plan_view_is_to_do(view, run) ? duration_to_text(view->estimates[run].seconds, buffer)
                                         : "-";
}

enum status plan_table(const struct plan_view *view, bool has_all, struct text *out)
{
    const struct plan_column columns[] = {
        {"time", 11, time_cell, view},
        {"state", 13, state_cell, view},
    };

    plan_print_head(view->sweep, out);
    print_composed(view->sweep, out);
    print_merged(view, out);
    print_shared(view, out);
    print_difference(view, has_all, out);
    print_time(view, out);
    plan_print_runs(view->sweep, columns, view->difference.exists ? 2 : 1, has_all, out);
    return text_finish(out);
}
