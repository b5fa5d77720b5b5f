/* Lines for people and logs. */
#include "cli/status/status_print.h"

#include "base/duration.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { N_PRINTED = 5 };

static void append_head(const struct status_view *view, struct text *out)
{
    const struct sweep_status *sweep = &view->sweep;

    text_append(out, "%s: sweep %s ", view->folder, sweep->name);
    status_view_append_state(view, out);
    text_append(out, "\n");
    if (sweep->n_threads > 0)
        text_append(out, "threads per trainer: %" PRId64 "\n", sweep->n_threads);
    if (sweep->message[0] != '\0')
        text_append(out, "%s: %s\n", strcmp(sweep->state, "error") == 0 ? "error" : "stopped by",
                    sweep->message);
}

void status_append_counts(const struct status_view *view, struct text *out)
{
    const struct dispatch_outcome *counts = &view->sweep.counts;
    int64_t n_running = status_view_n_running(view);
    char left[DURATION_BYTES];

    text_append(out,
                "%" PRId64 " runs: %" PRId64 " done (%" PRId64 " before this start), %" PRId64
                " failed, %" PRId64 " running, %" PRId64 " left",
                counts->n_runs, counts->n_done, counts->n_skipped, counts->n_failed, n_running,
                counts->n_pending - n_running);
    if (counts->n_stopped > 0)
        text_append(out, ", %" PRId64 " stopped early", counts->n_stopped);
    if (view->is_alive && !isnan(view->sweep.seconds_left))
        text_append(out, "; about %s to go", duration_to_text(view->sweep.seconds_left, left));
}

static void append_ranks(const struct status_view *view, struct text *out)
{
    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++) {
        const struct rank_status *rank = &view->sweep.ranks[i];
        text_append(out, "  rank %-3d %-12s ", i, rank->host);
        if (rank->is_busy) {
            run_progress_append(out, &rank->progress);
            text_append(out, "  %s", rank->name);
            if (rank->attempt > 1)
                text_append(out, " (attempt %" PRId64 ")", rank->attempt);
        } else {
            text_append(out, "idle");
        }
        text_append(out, "\n");
    }
}

void status_append_trouble(const struct status_view *view, const struct journal_event *event,
                           struct text *out)
{
    text_append(out, "%.19s %s %s, attempt %" PRId64 ": %s", event->time, trouble_name(event),
                status_view_run_name(view, event->run_id), event->attempt, event->text);
}

static void append_troubles(const struct status_view *view, struct text *out)
{
    int n = view->n_troubles < N_PRINTED ? (int)view->n_troubles : N_PRINTED;

    if (n > 0)
        text_append(out, "what went wrong last (%" PRId64 " in all):\n", view->n_troubles);
    for (int i = n - 1; i >= 0; i--) {
        text_append(out, "  ");
        status_append_trouble(view, status_view_trouble(view, i), out);
        text_append(out, "\n");
    }
}

static void append_advice(const struct status_view *view, struct text *out)
{
    const struct sweep_status *sweep = &view->sweep;

    if (status_view_was_killed(view) || (!view->is_alive && sweep->exit_code == 75))
        text_append(out, "to continue: %s\n", sweep->command);
    if (!view->is_alive && sweep->counts.n_failed > 0)
        text_append(out, "to repeat what failed: %s --retry-failed\n", sweep->command);
}

void status_append(const struct status_view *view, struct text *out)
{
    append_head(view, out);
    status_append_counts(view, out);
    text_append(out, "\n");
    append_ranks(view, out);
    append_troubles(view, out);
    append_advice(view, out);
}
