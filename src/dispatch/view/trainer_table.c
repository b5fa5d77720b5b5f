/* Columns that come and go with the width. */
#include "dispatch/view/trainer_table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum column { RANK, HOST, RUN, SHARE, EPOCH, STEP, RATE, CORES, LOSS, CURVE, N_COLUMNS };
enum { WIDE = 120, NARROW_PANEL = 78, LONGEST_RUN = 48 };

/* In the order of the screen; the run's name takes what is left. */
static const struct {
    const char *title;
    int width, wide_width;
    int least; /* shown in tables of at least this width */
    bool is_right;
} columns[N_COLUMNS] = {
    [RANK] = {"rank", 4, 4, 0, true},      [HOST] = {"host", 10, 16, 110, false},
    [RUN] = {"run", 0, 0, 0, false},       [SHARE] = {"done", 8, 16, 60, false},
    [EPOCH] = {"epoch", 8, 8, 72, true},   [STEP] = {"step", 11, 13, 96, true},
    [RATE] = {"images/s", 8, 8, 50, true}, [CORES] = {"cores", 5, 5, 104, true},
    [LOSS] = {"loss", 8, 8, 36, true},     [CURVE] = {"curve", 10, LOSS_CURVE_CELLS, 70, false},
};

struct layout {
    int at[N_COLUMNS], width[N_COLUMNS]; /* width 0: not shown */
};

static bool has_several_hosts(const struct trainer_table *table)
{
    const char *first = "";

    for (int i = 0; i < table->n_ranks; i++) {
        const char *host = table->ranks[i].host;
        if (first[0] != '\0' && host[0] != '\0' && strcmp(first, host) != 0)
            return true;
        if (first[0] == '\0')
            first = host;
    }
    return false;
}

static void lay_out(const struct trainer_table *table, int width, struct layout *out)
{
    int left = width, at = 0;

    for (int i = 0; i < N_COLUMNS; i++) {
        int least = i == HOST && has_several_hosts(table) ? 76 : columns[i].least;
        int wanted = width >= WIDE ? columns[i].wide_width : columns[i].width;
        out->width[i] = width >= least ? wanted : 0;
        left -= out->width[i] > 0 ? out->width[i] + 1 : 0;
    }
    out->width[RUN] = left < LONGEST_RUN ? left : LONGEST_RUN;
    if (left > LONGEST_RUN)
        out->width[SHARE] += left - LONGEST_RUN;
    for (int i = 0; i < N_COLUMNS; i++) {
        out->at[i] = at;
        at += out->width[i] > 0 ? out->width[i] + 1 : 0;
    }
}

/* ---- one row ---- */

struct table_row {
    struct screen *screen;
    const struct layout *layout;
    int row, column; /* where it begins */
};

static struct text_field cell(const struct table_row *row, enum column column, enum style style)
{
    return (struct text_field){row->row, row->column + row->layout->at[column],
                               row->layout->width[column], style};
}

static void draw_titles(const struct table_row *row)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        if (row->layout->width[i] == 0)
            continue;
        if (columns[i].is_right)
            screen_format_right(row->screen, cell(row, (enum column)i, STYLE_TITLE), "%s",
                                columns[i].title);
        else
            screen_put(row->screen, cell(row, (enum column)i, STYLE_TITLE), columns[i].title);
    }
}

static void draw_training(const struct table_row *row, const struct rank_status *rank)
{
    const struct run_progress *now = &rank->progress;
    int64_t epoch = now->epoch < now->n_epochs ? now->epoch + 1 : now->n_epochs;

    screen_format_right(row->screen, cell(row, EPOCH, STYLE_PLAIN), "%" PRId64 "/%" PRId64, epoch,
                        now->n_epochs);
    screen_format_right(row->screen, cell(row, STEP, STYLE_PLAIN), "%" PRId64 "/%" PRId64,
                        now->step, now->n_steps);
    screen_format_right(row->screen, cell(row, RATE, STYLE_PLAIN), "%.0f", now->images_per_second);
    if (isfinite(now->loss))
        screen_format_right(row->screen, cell(row, LOSS, STYLE_PLAIN), "%.4g", now->loss);
}

static void draw_curve(const struct table_row *row, const struct loss_curve *losses)
{
    struct text_field place = cell(row, CURVE, STYLE_TITLE);
    double values[LOSS_CURVE_CELLS];
    /* as far along its column as the run is along its steps */
    int width = (losses->n * place.width + LOSS_CURVE_CELLS - 1) / LOSS_CURVE_CELLS;

    for (int i = 0; i < losses->n; i++)
        values[i] = (double)losses->at[i];
    place.width = width;
    screen_sparkline(row->screen, place, values, losses->n);
}

static void draw_busy(const struct table_row *row, const struct rank_status *rank)
{
    const struct run_progress *now = &rank->progress;
    bool is_training = strcmp(now->phase, "train") == 0;
    const char *phase = now->phase[0] != '\0' ? now->phase : "start";
    enum column where = row->layout->width[EPOCH] > 0 ? EPOCH : LOSS;

    if (rank->attempt > 1)
        screen_format(row->screen, cell(row, RUN, STYLE_PLAIN), "try %" PRId64 ": %s",
                      rank->attempt, rank->name);
    else
        screen_put(row->screen, cell(row, RUN, STYLE_PLAIN), rank->name);
    screen_bar(row->screen, cell(row, SHARE, STYLE_GOOD), run_progress_share(now));
    if (is_training)
        draw_training(row, rank);
    else
        screen_format_right(row->screen, cell(row, where, STYLE_DIM), "%s", phase);
    if (isfinite(now->cores))
        screen_format_right(row->screen, cell(row, CORES, STYLE_PLAIN), "%.1f", now->cores);
    draw_curve(row, &rank->losses);
}

static void draw_rank(const struct table_row *row, const struct trainer_table *table, int number)
{
    const struct rank_status *rank = &table->ranks[number];

    screen_format_right(row->screen, cell(row, RANK, STYLE_PLAIN), "%d", number);
    screen_put(row->screen, cell(row, HOST, STYLE_PLAIN), rank->host);
    if (rank->is_busy)
        draw_busy(row, rank);
    else
        screen_put(row->screen, cell(row, RUN, STYLE_DIM), "idle");
}

/* ---- all ---- */

/* Panels side by side only when one does not hold all. */
static int n_panels(struct region region, const struct trainer_table *table)
{
    int per_panel = region.rows - table->has_title;
    int wanted = per_panel > 0 ? (table->n_ranks + per_panel - 1) / per_panel : 1;
    int possible = region.columns / NARROW_PANEL;

    if (wanted > possible)
        wanted = possible;
    return wanted > 1 ? wanted : 1;
}

int trainer_table_capacity(struct region region, const struct trainer_table *table)
{
    int per_panel = region.rows - table->has_title;

    return per_panel > 0 ? per_panel * n_panels(region, table) : 0;
}

void trainer_table_draw(struct screen *screen, struct region region,
                        const struct trainer_table *table, int first)
{
    int n = n_panels(region, table), per_panel = region.rows - table->has_title;
    int width = (region.columns - 2 * (n - 1)) / n;
    struct layout layout;

    if (per_panel <= 0)
        return;
    lay_out(table, width, &layout);
    for (int panel = 0; panel < n; panel++) {
        int begin = first + panel * per_panel;
        struct table_row row = {screen, &layout, region.row, region.column + panel * (width + 2)};
        if (table->has_title && begin < table->n_ranks) {
            draw_titles(&row);
            row.row++;
        }
        for (int i = begin; i < begin + per_panel && i < table->n_ranks; i++, row.row++)
            draw_rank(&row, table, i);
    }
}
