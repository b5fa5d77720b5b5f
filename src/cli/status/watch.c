/* Look, draw, wait. */
#include "cli/status/watch.h"

#include "base/clock.h"
#include "base/full_screen.h"
#include "base/screen.h"
#include "base/terminal.h"
#include "cli/status/status_print.h"
#include "cli/status/watch_screen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double look_seconds = 1.0; /* rank 0 writes every two */
enum { MAX_MISSES = 5 };

struct watcher {
    struct status_view *view;
    struct full_screen *full; /* owned */
    struct screen *shown;     /* owned; what the terminal shows; NULL: nothing known */
    struct terminal terminal;
    int first_rank, n_ranks; /* shown */
    int n_misses;            /* in a row: a file that is being replaced, a server that is away */
};

/* The old sight stays for a while when there is no new one. */
static enum status look(struct watcher *watcher)
{
    enum status status = status_view_look(watcher->view);

    watcher->n_misses = status == STATUS_OK ? 0 : watcher->n_misses + 1;
    return watcher->n_misses < MAX_MISSES ? STATUS_OK : status;
}

/* ---- on a terminal ---- */

static enum status draw(struct watcher *watcher)
{
    enum status status = STATUS_OK;
    struct screen *screen = NULL;
    struct text text = {0};
    const struct terminal *terminal = &watcher->terminal;

    if (watcher->n_misses > 0)
        return STATUS_OK;
    TRY(screen_create(terminal->rows, terminal->columns, terminal->has_utf8, &screen));
    watcher->n_ranks = watch_screen_n_ranks(screen, watcher->view);
    if (watcher->first_rank > watcher->view->sweep.n_ranks - watcher->n_ranks)
        watcher->first_rank = watcher->view->sweep.n_ranks - watcher->n_ranks;
    if (watcher->first_rank < 0)
        watcher->first_rank = 0;
    watch_screen_draw(screen, watcher->view, watcher->first_rank);
    screen_append_change(
        &(struct screen_change){watcher->shown, screen, watcher->terminal.has_colour}, &text);
    TRY(text_finish(&text));
    TRY(full_screen_write(watcher->full, text_value(&text), text.length));
    screen_destroy(watcher->shown);
    watcher->shown = screen;
    screen = NULL;
done:
    screen_destroy(screen);
    text_release(&text);
    return status;
}

static void resize(struct watcher *watcher)
{
    terminal_size(STDOUT_FILENO, &watcher->terminal.columns, &watcher->terminal.rows);
    screen_destroy(watcher->shown);
    watcher->shown = NULL;
}

static void scroll(struct watcher *watcher, enum terminal_event event)
{
    int page = watcher->n_ranks > 1 ? watcher->n_ranks : 1;
    int n = watcher->n_misses == 0 ? watcher->view->sweep.n_ranks : 0;

    watcher->first_rank = event == TERMINAL_UP          ? watcher->first_rank - 1
                          : event == TERMINAL_DOWN      ? watcher->first_rank + 1
                          : event == TERMINAL_PAGE_UP   ? watcher->first_rank - page
                          : event == TERMINAL_PAGE_DOWN ? watcher->first_rank + page
                          : event == TERMINAL_HOME      ? 0
                                                        : n;
}

static bool is_over(const struct watcher *watcher)
{
    return watcher->n_misses == 0 && !watcher->view->is_alive;
}

static enum status watch_terminal(struct watcher *watcher)
{
    enum status status = STATUS_OK;
    double next_look = clock_seconds() + look_seconds;

    while (!is_over(watcher)) {
        TRY(draw(watcher));
        enum terminal_event event = full_screen_wait(watcher->full, next_look - clock_seconds());
        if (event == TERMINAL_QUIT)
            break;
        if (event == TERMINAL_RESIZED)
            resize(watcher);
        else if (event != TERMINAL_TIMEOUT)
            scroll(watcher, event);
        if (clock_seconds() < next_look)
            continue;
        TRY(look(watcher));
        next_look = clock_seconds() + look_seconds;
    }
done:
    return status;
}

/* ---- elsewhere ---- */

struct said { /* so far */
    int64_t n_done, n_failed, n_stopped, n_running, n_troubles;
};

static enum status say_change(const struct watcher *watcher, struct said *said)
{
    const struct status_view *view = watcher->view;
    struct text text = {0};
    struct said now = {view->sweep.counts.n_done, view->sweep.counts.n_failed,
                       view->sweep.counts.n_stopped, status_view_n_running(view), view->n_troubles};
    int64_t n_new = now.n_troubles - said->n_troubles;

    if (watcher->n_misses > 0 || memcmp(&now, said, sizeof now) == 0)
        return STATUS_OK;
    for (int64_t i = n_new < N_TROUBLES ? n_new - 1 : N_TROUBLES - 1; i >= 0; i--) {
        status_append_trouble(view, status_view_trouble(view, (int)i), &text);
        text_append(&text, "\n");
    }
    text_append(&text, "%.19s ", view->sweep.updated);
    status_append_counts(view, &text);
    *said = now;
    enum status status = text_finish(&text);
    if (status == STATUS_OK && (puts(text_value(&text)) < 0 || fflush(stdout) != 0))
        status = fail(STATUS_IO, "cannot write to standard output");
    text_release(&text);
    return status;
}

static enum status watch_plainly(struct watcher *watcher)
{
    enum status status = STATUS_OK;
    struct said said = {.n_done = -1, .n_troubles = watcher->view->n_troubles};

    while (!is_over(watcher)) {
        TRY(say_change(watcher, &said));
        clock_sleep(look_seconds);
        TRY(look(watcher));
    }
done:
    return status;
}

enum status watch(struct status_view *view, int *signal)
{
    enum status status = STATUS_OK;
    struct watcher watcher = {.view = view};

    *signal = 0;
    terminal_look(STDOUT_FILENO, &watcher.terminal);
    if (is_over(&watcher)) /* its end is all there is to see */
        return STATUS_OK;
    if (!watcher.terminal.is_terminal)
        return watch_plainly(&watcher);
    TRY(full_screen_open(STDOUT_FILENO, &watcher.full));
    status = watch_terminal(&watcher);
    *signal = full_screen_signal(watcher.full);
done:
    full_screen_close(watcher.full);
    screen_destroy(watcher.shown);
    return status;
}
