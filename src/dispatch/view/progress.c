/* Lines for people, composed whole and written at once. */
#include "dispatch/view/progress.h"

#include "dispatch/view/trainer_table.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/screen.h"
#include "base/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double redraw_seconds = 0.2, plain_seconds = 10.0;
enum { BAR_CELLS = 20, LEAST_ROWS = 3, TITLE_ROWS = 8 };

struct rank_line {
    int64_t run;
    double started, last_plain;
};

struct progress {
    struct progress_settings settings;
    struct rank_line *lines;   /* owned */
    struct rank_status *ranks; /* owned; what their lines show */
    int64_t n_done, n_stopped, n_failed;
    double started, last_draw;
    struct terminal terminal; /* is_terminal: lines are redrawn */
    int n_drawn;              /* lines on the screen that the next drawing replaces */
};

enum status progress_create(const struct progress_settings *settings, struct progress **out)
{
    struct progress *made = heap_alloc(1, sizeof *made);

    if (made == NULL)
        return STATUS_OUT_OF_MEMORY;
    made->settings = *settings;
    made->lines = heap_alloc(settings->n_ranks, sizeof *made->lines);
    made->ranks = heap_alloc(settings->n_ranks, sizeof *made->ranks);
    if (made->lines == NULL || made->ranks == NULL) {
        progress_destroy(made);
        return STATUS_OUT_OF_MEMORY;
    }
    made->started = clock_seconds();
    terminal_look(settings->fd, &made->terminal);
    if (settings->is_plain || made->terminal.rows < LEAST_ROWS)
        made->terminal.is_terminal = false;
    *out = made;
    return STATUS_OK;
}

static void put(struct progress *progress, struct text *text)
{
    const char *at = text_value(text);
    int64_t left = text->length;

    while (left > 0 && !text->is_failed) {
        ssize_t n = write(progress->settings.fd, at, (size_t)left);
        if (n <= 0)
            break; /* nobody looks any more: no reason to end the sweep */
        at += n;
        left -= n;
    }
    text_release(text);
}

static void erase(struct progress *progress, struct text *text)
{
    if (progress->n_drawn > 0)
        text_append(text, "\033[%dA\r\033[J", progress->n_drawn);
    progress->n_drawn = 0;
}

/* A line that stays, above the redrawn ones. */
static void say(struct progress *progress, const char *colour, const char *line)
{
    struct text text = {0};

    erase(progress, &text);
    if (progress->terminal.has_colour && colour[0] != '\0')
        text_append(&text, "%s%s\033[0m\n", colour, line);
    else
        text_append(&text, "%s\n", line);
    put(progress, &text);
    progress->last_draw = 0;
}

static int64_t n_finished(const struct progress *progress)
{
    return progress->settings.n_finished_before + progress->n_done + progress->n_stopped +
           progress->n_failed;
}

static const char *run_name(const struct progress *progress, int64_t run)
{
    return progress->settings.sweep->runs[run].name;
}

static void plain_progress(struct progress *progress, int rank)
{
    struct text text = {0};

    text_append(&text, "        %s (rank %d): ", run_name(progress, progress->lines[rank].run),
                rank);
    run_progress_append(&text, &progress->ranks[rank].progress);
    if (text_finish(&text) == STATUS_OK)
        say(progress, "", text_value(&text));
    text_release(&text);
}

static void say_done(struct progress *progress, int rank, const struct event *said)
{
    struct text text = {0};
    char took[DURATION_BYTES];
    double seconds = clock_seconds() - progress->lines[rank].started;

    text_append(&text, "[%" PRId64 "/%" PRId64 "] done %s in %s", n_finished(progress),
                progress->settings.sweep->n_runs, run_name(progress, said->run),
                duration_to_text(seconds, took));
    for (int i = 0; i < N_SCORES; i++)
        if (!isnan(said->scores[i]))
            text_append(&text, "%s%s %.4f", i == 0 ? ": " : "  ", measure_score(i)->name,
                        said->scores[i]);
    if (text_finish(&text) == STATUS_OK && !progress->settings.is_quiet)
        say(progress, "\033[32m", text_value(&text));
    text_release(&text);
}

void progress_heard(struct progress *progress, int rank, const struct event *said)
{
    struct rank_line *line = &progress->lines[rank];
    struct rank_status *shown = &progress->ranks[rank];
    double now = clock_seconds();

    if (said->kind == EVENT_DONE) {
        say_done(progress, rank, said);
        return;
    }
    shown->progress = said->progress;
    loss_curve_see(&shown->losses, &said->progress);
    if (progress->terminal.is_terminal || progress->settings.is_quiet ||
        now - line->last_plain < plain_seconds)
        return;
    line->last_plain = now;
    plain_progress(progress, rank);
}

static void say_event(struct progress *progress, const struct journal_event *event,
                      const char *colour, const char *what)
{
    struct text text = {0};

    text_append(&text, "[%" PRId64 "/%" PRId64 "] %s %s (attempt %" PRId64 ", rank %d)",
                n_finished(progress), progress->settings.sweep->n_runs, what,
                run_name(progress, event->run), event->attempt, event->rank);
    if (event->text[0] != '\0')
        text_append(&text, ": %s", event->text);
    if (text_finish(&text) == STATUS_OK)
        say(progress, colour, text_value(&text));
    text_release(&text);
}

void progress_event(struct progress *progress, const struct journal_event *event)
{
    struct rank_status *shown = &progress->ranks[event->rank];
    double now = clock_seconds();

    if (journal_kind_is_attempt(event->kind))
        shown->is_busy = event->kind == JOURNAL_ASSIGNED;
    switch (event->kind) {
    case JOURNAL_ASSIGNED:
        progress->lines[event->rank] = (struct rank_line){event->run, now, now};
        *shown = (struct rank_status){.is_busy = true,
                                      .attempt = event->attempt,
                                      .name = run_name(progress, event->run),
                                      .progress = {.loss = NAN, .cores = NAN}};
        copy_text(shown->host, sizeof shown->host, event->host);
        if (!progress->terminal.is_terminal && !progress->settings.is_quiet)
            say_event(progress, event, "", "started");
        break;
    case JOURNAL_DONE:
        progress->n_done++; /* its line comes with its scores */
        break;
    case JOURNAL_FAILED:
        progress->n_failed++;
        say_event(progress, event, "\033[31m", "failed");
        break;
    case JOURNAL_CRASHED:
        say_event(progress, event, "\033[33m", "crashed");
        break;
    case JOURNAL_RETRIED:
        say_event(progress, event, "\033[33m", "failed, back in the queue:");
        break;
    case JOURNAL_STOPPED:
        progress->n_stopped++;
        if (!progress->settings.is_quiet)
            say_event(progress, event, "", "stopped early");
        break;
    case JOURNAL_PROMOTED:
        if (!progress->settings.is_quiet)
            say_event(progress, event, "", "goes on");
        break;
    case JOURNAL_INTERRUPTED:
        if (!progress->settings.is_quiet)
            say_event(progress, event, "", "stopped with a checkpoint");
        break;
    default:
        break;
    }
}

void progress_note(struct progress *progress, const char *text)
{
    say(progress, "\033[33m", text);
}

/* ---- the redrawn lines ---- */

static double share_done(const struct rank_status *rank)
{
    return rank->is_busy ? run_progress_share(&rank->progress) : 0;
}

static void draw_whole(const struct progress *progress, double now, struct screen *screen)
{
    char eta[DURATION_BYTES], words[160];
    int64_t busy = 0, n_runs = progress->settings.sweep->n_runs;
    int64_t unfinished = n_runs - n_finished(progress);
    double done = (double)(n_finished(progress) - progress->settings.n_finished_before);
    double left = (double)unfinished;
    struct text_field place = {screen->rows - 1, 0, BAR_CELLS, STYLE_GOOD};

    for (int i = 0; i < progress->settings.n_ranks; i++) {
        busy += progress->ranks[i].is_busy;
        done += share_done(&progress->ranks[i]);
        left -= share_done(&progress->ranks[i]);
    }
    duration_to_text(run_seconds_left(now - progress->started, done, left), eta);
    int length = snprintf(words, sizeof words,
                          "%" PRId64 "/%" PRId64 " %s, %" PRId64 " failed, %" PRId64
                          " running, %" PRId64 " left, %s to go",
                          n_finished(progress) - progress->n_failed, n_runs,
                          progress->n_stopped > 0 ? "done or stopped early" : "done",
                          progress->n_failed, busy, unfinished - busy, eta);
    place.width = screen->columns - length - 1; /* the words before the bar */
    if (place.width > BAR_CELLS)
        place.width = BAR_CELLS;
    if (place.width < 0)
        place.width = 0;
    screen_bar(screen, place, n_runs > 0 ? 1 - left / (double)n_runs : 1);
    place.column = place.width > 0 ? place.width + 1 : 0;
    place.width = screen->columns - place.column;
    place.style = STYLE_BOLD;
    screen_put(screen, place, words);
}

static void draw(struct progress *progress, double now)
{
    struct terminal *terminal = &progress->terminal;
    struct trainer_table table = {progress->ranks, progress->settings.n_ranks, false};
    struct text text = {0};
    struct screen *screen = NULL;

    terminal_size(progress->settings.fd, &terminal->columns, &terminal->rows);
    table.has_title = terminal->rows >= TITLE_ROWS;
    int n = table.n_ranks + table.has_title, most = terminal->rows - 2;
    /* the last column stays free: a terminal would wrap behind it */
    int columns = terminal->columns > 1 ? terminal->columns - 1 : 1;
    struct region region = {0, 0, n < most ? n : most, columns};
    if (region.rows < 0)
        region.rows = 0;
    if (screen_create(region.rows + 1, columns, terminal->has_utf8, &screen) != STATUS_OK)
        return; /* the next time, perhaps */
    trainer_table_draw(screen, region, &table, 0);
    draw_whole(progress, now, screen);
    erase(progress, &text);
    screen_append_lines(screen, 0, screen->rows, terminal->has_colour, &text);
    progress->n_drawn = screen->rows;
    put(progress, &text);
    screen_destroy(screen);
}

void progress_tick(struct progress *progress, double now)
{
    if (!progress->terminal.is_terminal || progress->settings.is_quiet ||
        now - progress->last_draw < redraw_seconds)
        return;
    progress->last_draw = now;
    draw(progress, now);
}

void progress_destroy(struct progress *progress)
{
    if (progress == NULL)
        return;
    struct text text = {0};
    erase(progress, &text);
    put(progress, &text);
    free(progress->lines);
    free(progress->ranks);
    free(progress);
}
