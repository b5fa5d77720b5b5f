/* Lines for people, composed whole and written at once. */
#include "dispatch/progress.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double redraw_seconds = 0.2, plain_seconds = 10.0;
enum { BAR_CELLS = 20 };

struct rank_line {
    bool is_busy;
    int64_t run;
    double started, last_plain;
    struct run_progress progress;
};

struct progress {
    struct progress_settings settings;
    struct rank_line *ranks; /* owned */
    int64_t n_done, n_stopped, n_failed;
    double started, last_draw;
    bool is_terminal, has_colour;
    int columns, rows, n_drawn; /* lines on the screen that the next drawing replaces */
};

static void look_at_terminal(struct progress *progress)
{
    struct winsize size = {0};
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    bool is_dumb = term == NULL || strcmp(term, "dumb") == 0;

    if (progress->settings.is_plain || is_dumb || !isatty(progress->settings.fd))
        return;
    if (ioctl(progress->settings.fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row < 3)
        return; /* mpirun gives its ranks a terminal of size 0 x 0 */
    progress->is_terminal = true;
    progress->columns = size.ws_col;
    progress->rows = size.ws_row;
    progress->has_colour = no_colour == NULL || no_colour[0] == '\0';
}

enum status progress_create(const struct progress_settings *settings, struct progress **out)
{
    struct progress *made = heap_alloc(1, sizeof *made);

    if (made == NULL)
        return STATUS_OUT_OF_MEMORY;
    made->settings = *settings;
    made->ranks = heap_alloc(settings->n_ranks, sizeof *made->ranks);
    if (made->ranks == NULL) {
        free(made);
        return STATUS_OUT_OF_MEMORY;
    }
    made->started = clock_seconds();
    look_at_terminal(made);
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
    if (progress->has_colour && colour[0] != '\0')
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

static void plain_progress(struct progress *progress, const struct rank_line *line, int rank)
{
    struct text text = {0};

    text_append(&text, "        %s (rank %d): ", run_name(progress, line->run), rank);
    run_progress_append(&text, &line->progress);
    if (text_finish(&text) == STATUS_OK)
        say(progress, "", text_value(&text));
    text_release(&text);
}

static void say_done(struct progress *progress, int rank, const struct message *message)
{
    struct text text = {0};
    char took[DURATION_BYTES];
    double seconds = clock_seconds() - progress->ranks[rank].started;

    text_append(&text, "[%" PRId64 "/%" PRId64 "] done %s in %s", n_finished(progress),
                progress->settings.sweep->n_runs, run_name(progress, message->run),
                duration_to_text(seconds, took));
    for (int i = 0; i < RUN_SCORES; i++)
        if (!isnan(message->scores[i]))
            text_append(&text, "%s%s %.4f", i == 0 ? ": " : "  ", run_score_names[i],
                        message->scores[i]);
    if (text_finish(&text) == STATUS_OK && !progress->settings.is_quiet)
        say(progress, "\033[32m", text_value(&text));
    text_release(&text);
}

void progress_message(struct progress *progress, int rank, const struct message *message)
{
    struct rank_line *line = &progress->ranks[rank];
    double now = clock_seconds();

    if (message->kind == MESSAGE_DONE) {
        say_done(progress, rank, message);
        return;
    }
    line->progress = message->progress;
    if (progress->is_terminal || progress->settings.is_quiet ||
        now - line->last_plain < plain_seconds)
        return;
    line->last_plain = now;
    plain_progress(progress, line, rank);
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
    struct rank_line *line = &progress->ranks[event->rank];
    double now = clock_seconds();

    if (journal_kind_is_attempt(event->kind))
        line->is_busy = event->kind == JOURNAL_ASSIGNED;
    switch (event->kind) {
    case JOURNAL_ASSIGNED:
        *line = (struct rank_line){
            .is_busy = true, .run = event->run, .started = now, .last_plain = now};
        if (!progress->is_terminal && !progress->settings.is_quiet)
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

static double share_done(const struct rank_line *line)
{
    return line->is_busy ? run_progress_share(&line->progress) : 0;
}

static void draw_rank(const struct progress *progress, int rank, struct text *text)
{
    const struct rank_line *line = &progress->ranks[rank];
    const struct run_progress *now = &line->progress;
    struct text row = {0};
    char bar[BAR_CELLS + 1];

    if (line->is_busy) {
        int filled = (int)(share_done(line) * BAR_CELLS);
        for (int i = 0; i < BAR_CELLS; i++)
            bar[i] = i < filled ? '=' : '.';
        bar[BAR_CELLS] = '\0';
        text_append(&row, "rank %-3d [%s] ", rank, bar);
        run_progress_append(&row, now);
        text_append(&row, "  %s", run_name(progress, line->run));
    } else {
        text_append(&row, "rank %-3d idle", rank);
    }
    text_append(text, "%.*s\n", progress->columns - 1, text_value(&row));
    text_release(&row);
}

static void draw_whole(const struct progress *progress, double now, struct text *text)
{
    char eta[DURATION_BYTES], line[160];
    int64_t busy = 0, unfinished = progress->settings.sweep->n_runs - n_finished(progress);
    double done = (double)(n_finished(progress) - progress->settings.n_finished_before);
    double left = (double)unfinished;

    for (int i = 0; i < progress->settings.n_ranks; i++) {
        busy += progress->ranks[i].is_busy;
        done += share_done(&progress->ranks[i]);
        left -= share_done(&progress->ranks[i]);
    }
    duration_to_text(run_seconds_left(now - progress->started, done, left), eta);
    snprintf(line, sizeof line,
             "%" PRId64 "/%" PRId64 " %s, %" PRId64 " failed, %" PRId64 " running, %" PRId64
             " left, about %s to go",
             n_finished(progress) - progress->n_failed, progress->settings.sweep->n_runs,
             progress->n_stopped > 0 ? "done or stopped early" : "done", progress->n_failed, busy,
             unfinished - busy, eta);
    text_append(text, "%.*s\n", progress->columns - 1, line);
}

void progress_tick(struct progress *progress, double now)
{
    struct text text = {0};

    if (!progress->is_terminal || progress->settings.is_quiet ||
        now - progress->last_draw < redraw_seconds)
        return;
    progress->last_draw = now;
    erase(progress, &text);
    for (int i = 0; i < progress->settings.n_ranks && i < progress->rows - 2; i++) {
        draw_rank(progress, i, &text);
        progress->n_drawn++;
    }
    draw_whole(progress, now, &text);
    progress->n_drawn++;
    put(progress, &text);
}

void progress_destroy(struct progress *progress)
{
    if (progress == NULL)
        return;
    struct text text = {0};
    erase(progress, &text);
    put(progress, &text);
    free(progress->ranks);
    free(progress);
}
