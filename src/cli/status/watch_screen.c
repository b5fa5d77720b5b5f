/* From top to bottom: the sweep, its runs, its pace, the trainers, what went wrong, the keys. */
#include "cli/status/watch_screen.h"

#include "base/clock.h"
#include "base/duration.h"
#include "dispatch/view/trainer_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* below TIGHT_ROWS: no blank rows, no keys */
enum { TIGHT_ROWS = 14, NARROW_COLUMNS = 72, SPARK_CELLS = 24, AGE_CELLS = 10 };
enum { INDENT = 9, REASON_ROWS = 3 };
enum { OLD_SECONDS = 3 * STATUS_REST_SECONDS }; /* rank 0 should have written again */

/* Which rows belong to what; an end is the row behind the last. */
struct plan_of_rows {
    int message, ranks, ranks_end, troubles, troubles_end; /* message −1: none */
    bool has_keys;
};

static struct trainer_table table_of(const struct status_view *view)
{
    return (struct trainer_table){view->sweep.ranks, view->sweep.n_ranks, true};
}

static int n_troubles(const struct status_view *view)
{
    return view->n_troubles < N_TROUBLES ? (int)view->n_troubles : N_TROUBLES;
}

/* Trainers take what they need but leave a third to the troubles, and the other way round. */
static struct plan_of_rows plan_rows(const struct screen *screen, const struct status_view *view)
{
    bool is_tight = screen->rows < TIGHT_ROWS;
    struct plan_of_rows plan = {.message = -1, .has_keys = !is_tight};
    int top = 4, end = screen->rows - plan.has_keys;

    if (view->sweep.message[0] != '\0')
        plan.message = top++;
    top += !is_tight;
    int room = end - top, ranks = view->sweep.n_ranks + 1;
    int troubles = n_troubles(view) > 0 ? 1 + !is_tight + 2 * n_troubles(view) : 0;
    if (ranks + troubles > room && troubles > room / 3)
        troubles = room - ranks > room / 3 ? room - ranks : room / 3;
    if (ranks + troubles > room)
        ranks = room - troubles;
    plan.ranks = top;
    plan.ranks_end = top + ranks;
    plan.troubles = plan.ranks_end + (troubles > 0 && !is_tight);
    plan.troubles_end = plan.ranks_end + troubles;
    return plan;
}

static struct region ranks_region(const struct screen *screen, const struct plan_of_rows *plan)
{
    return (struct region){plan->ranks, 0, plan->ranks_end - plan->ranks, screen->columns};
}

static struct text_field whole_row(const struct screen *screen, int row, enum style style)
{
    return (struct text_field){row, 0, screen->columns, style};
}

/* ---- the head ---- */

static void append_state(const struct status_view *view, struct text *out)
{
    const struct sweep_status *sweep = &view->sweep;
    char took[DURATION_BYTES];

    if (!view->is_alive) {
        status_view_append_state(view, out);
        return;
    }
    double seconds = view->now - clock_from_timestamp(sweep->started);
    text_append(out, "is %s on %s, process %" PRId64 ", for %s", sweep->state, sweep->host,
                sweep->pid, duration_to_text(seconds, took));
}

static void draw_head(struct screen *screen, const struct status_view *view)
{
    struct text_field place = whole_row(screen, 0, STYLE_BOLD);
    struct text state = {0};
    char age[DURATION_BYTES];

    place.column = screen_format(screen, place, "%s ", view->sweep.name);
    place.width -= place.column;
    place.style = status_view_was_killed(view) ? STYLE_BAD : STYLE_PLAIN;
    append_state(view, &state);
    int used = screen_put(screen, place, text_value(&state));
    text_release(&state);
    place.column += used + 2;
    place.width -= used + 2;
    place.style = view->age_seconds > OLD_SECONDS ? STYLE_WARNING : STYLE_DIM;
    duration_to_text(view->age_seconds, age);
    if (view->is_alive && place.width >= AGE_CELLS)
        screen_format_right(screen, place, "%s ago", age);
}

static double share_done(const struct status_view *view)
{
    const struct dispatch_outcome *counts = &view->sweep.counts;
    double done = (double)(counts->n_runs - counts->n_pending);

    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++)
        if (view->sweep.ranks[i].is_busy)
            done += run_progress_share(&view->sweep.ranks[i].progress);
    return counts->n_runs > 0 ? done / (double)counts->n_runs : 1;
}

static void draw_bar(struct screen *screen, const struct status_view *view)
{
    struct text_field place = whole_row(screen, 1, STYLE_GOOD);
    double share = share_done(view);

    screen_format_right(screen, place, "%.0f %%", floor(100 * share));
    place.width -= 6;
    screen_bar(screen, place, share);
}

static void put_next(struct screen *screen, struct text_field *place, const char *text)
{
    int used = screen_put(screen, *place, text);

    place->column += used;
    place->width -= used;
}

/* Numbers that ask for attention have a colour, and only then. */
static void draw_counts(struct screen *screen, const struct status_view *view)
{
    const struct dispatch_outcome *counts = &view->sweep.counts;
    struct text_field place = whole_row(screen, 2, STYLE_PLAIN);
    int64_t n_running = status_view_n_running(view);
    bool is_narrow = screen->columns < NARROW_COLUMNS;
    char words[96], left[DURATION_BYTES];

    snprintf(words, sizeof words,
             is_narrow ? "%" PRId64 "/%" PRId64 " done, "
                       : "%" PRId64 " of %" PRId64 " runs done, ",
             counts->n_done, counts->n_runs);
    put_next(screen, &place, words);
    place.style = counts->n_failed > 0 ? STYLE_BAD : STYLE_PLAIN;
    snprintf(words, sizeof words, "%" PRId64 " failed", counts->n_failed);
    put_next(screen, &place, words);
    place.style = STYLE_PLAIN;
    snprintf(words, sizeof words, ", %" PRId64 " running, %" PRId64 " left", n_running,
             counts->n_pending - n_running);
    put_next(screen, &place, is_narrow ? "" : words);
    snprintf(words, sizeof words, ", %" PRId64 " stopped early", counts->n_stopped);
    put_next(screen, &place, counts->n_stopped > 0 ? words : "");
    if (view->is_alive && !isnan(view->sweep.seconds_left)) {
        double seconds = fmax(view->sweep.seconds_left - view->age_seconds, 0);
        snprintf(words, sizeof words, is_narrow ? ", %s left" : "; about %s to go",
                 duration_to_text(seconds, left));
        put_next(screen, &place, words);
    }
}

/* ---- the pace ---- */

struct rank_sums {
    double images_per_second, cores;
    int64_t n_cores;
};

static struct rank_sums sum_ranks(const struct status_view *view)
{
    struct rank_sums sums = {0};

    for (int i = 0; view->is_alive && i < view->sweep.n_ranks; i++) {
        const struct run_progress *now = &view->sweep.ranks[i].progress;
        if (!view->sweep.ranks[i].is_busy)
            continue;
        if (strcmp(now->phase, "train") == 0 && isfinite(now->images_per_second))
            sums.images_per_second += now->images_per_second;
        if (isfinite(now->cores))
            sums.cores += now->cores;
        sums.n_cores += now->n_cores;
    }
    return sums;
}

static const char *pace_text(double per_second, char buffer[48])
{
    if (per_second >= 1)
        snprintf(buffer, 48, "%.1f runs/s ", per_second);
    else if (60 * per_second >= 1)
        snprintf(buffer, 48, "%.1f runs/min ", 60 * per_second);
    else
        snprintf(buffer, 48, "%.1f runs/h ", 3600 * per_second);
    return buffer;
}

static void draw_pace(struct screen *screen, const struct status_view *view)
{
    struct text_field place = whole_row(screen, 3, STYLE_PLAIN);
    struct rank_sums sums = sum_ranks(view);
    double values[PACE_CELLS], took = view->now - view->pace.start;
    char words[64];

    if (!view->is_alive)
        return;
    snprintf(words, sizeof words, "%.0f images/s   ", sums.images_per_second);
    put_next(screen, &place, words);
    if (sums.n_cores > 0) {
        snprintf(words, sizeof words, "%.1f of %" PRId64 " cores busy   ", sums.cores,
                 sums.n_cores);
        put_next(screen, &place, words);
    }
    if (view->pace.n == 0 || !(took > 0))
        return;
    put_next(screen, &place, pace_text((double)view->pace.n / took, words));
    place.style = STYLE_TITLE;
    if (place.width > SPARK_CELLS)
        place.width = SPARK_CELLS;
    int n = pace_values(&view->pace, view->now, values);
    if (place.width > 0)
        screen_sparkline(screen, place, values, n);
}

/* ---- what went wrong ---- */

/* In one row if it fits, else with rows for the reason. Returns the rows it took. */
static int draw_trouble(struct screen *screen, const struct status_view *view,
                        const struct journal_event *event, int row, int rows)
{
    const char *name = status_view_run_name(view, event->run_id);
    struct text_field place = whole_row(screen, row, STYLE_PLAIN);
    struct text line = {0};
    char words[16];

    snprintf(words, sizeof words, "%.8s ", strlen(event->time) > 19 ? event->time + 11 : "");
    put_next(screen, &place, words);
    place.style = event->kind == JOURNAL_FAILED ? STYLE_BAD : STYLE_WARNING;
    put_next(screen, &place, trouble_name(event));
    place.style = STYLE_PLAIN;
    text_append(&line, " %s: %s", name, event->text);
    int n = 1;
    if (line.length > place.width && rows > 1) {
        screen_format(screen, place, " %s, attempt %" PRId64, name, event->attempt);
        place = (struct text_field){row + 1, INDENT, screen->columns - INDENT, STYLE_PLAIN};
        n += screen_put_wrapped(screen, place, rows - 1 < REASON_ROWS ? rows - 1 : REASON_ROWS,
                                event->text);
    } else {
        screen_put(screen, place, text_value(&line));
    }
    text_release(&line);
    return n;
}

static void draw_troubles(struct screen *screen, const struct status_view *view,
                          const struct plan_of_rows *plan)
{
    int row = plan->troubles, end = plan->troubles_end;

    if (end <= row)
        return;
    screen_format(screen, whole_row(screen, row++, STYLE_TITLE),
                  "what went wrong last (%" PRId64 " in all)", view->n_troubles);
    for (int i = 0; i < n_troubles(view) && row < end; i++)
        row += draw_trouble(screen, view, status_view_trouble(view, i), row, end - row);
}

/* ---- all ---- */

static void draw_keys(struct screen *screen, const struct status_view *view, int first, int shown)
{
    struct text_field place = whole_row(screen, screen->rows - 1, STYLE_DIM);

    place.column = screen_put(screen, place, "q quit");
    place.width -= place.column;
    if (shown < view->sweep.n_ranks)
        screen_format(screen, place, "   arrows scroll: trainers %d to %d of %d", first,
                      first + shown - 1 < view->sweep.n_ranks ? first + shown - 1
                                                              : view->sweep.n_ranks - 1,
                      view->sweep.n_ranks);
}

int watch_screen_n_ranks(const struct screen *screen, const struct status_view *view)
{
    struct plan_of_rows plan = plan_rows(screen, view);
    struct trainer_table table = table_of(view);

    return trainer_table_capacity(ranks_region(screen, &plan), &table);
}

void watch_screen_draw(struct screen *screen, const struct status_view *view, int first_rank)
{
    struct plan_of_rows plan = plan_rows(screen, view);
    struct trainer_table table = table_of(view);
    struct region region = ranks_region(screen, &plan);

    draw_head(screen, view);
    draw_bar(screen, view);
    draw_counts(screen, view);
    draw_pace(screen, view);
    if (plan.message >= 0)
        screen_format(screen, whole_row(screen, plan.message, STYLE_WARNING), "stopped by: %s",
                      view->sweep.message);
    trainer_table_draw(screen, region, &table, first_rank);
    draw_troubles(screen, view, &plan);
    if (plan.has_keys)
        draw_keys(screen, view, first_rank, trainer_table_capacity(region, &table));
}
