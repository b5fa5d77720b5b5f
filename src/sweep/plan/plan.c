/* A sweep before it runs, for people: axes, arithmetic, runs. */
#include "sweep/sweep.h"

#include "unlearn/forget.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <string.h>

enum { MOST_ROWS = 20, LONGEST_VALUES = 88 };

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_axes(const struct sweep *sweep, struct text *out)
{
    int width = 4;

    for (int64_t i = 0; i < sweep->n_axes; i++)
        if ((int)strlen(sweep->axes[i]) > width)
            width = (int)strlen(sweep->axes[i]);
    for (int64_t i = 0; i < sweep->n_axes; i++) {
        bool is_long = strlen(sweep->axis_values[i]) > LONGEST_VALUES;
        text_append(out, "  %-*s  %.*s%s\n", width, sweep->axes[i], LONGEST_VALUES,
                    sweep->axis_values[i], is_long ? " ..." : "");
    }
}

/* "1800 points, -200 excluded, +5 included, 850 duplicates -> 755 runs" */
static void print_arithmetic(const struct sweep *sweep, struct text *out)
{
    int64_t n_duplicates = sweep->n_points - sweep->n_runs;

    text_append(out, "%lld point%s", (long long)sweep->n_grid, plural(sweep->n_grid));
    if (sweep->n_excluded > 0)
        text_append(out, ", -%lld excluded", (long long)sweep->n_excluded);
    if (sweep->n_included > 0)
        text_append(out, ", +%lld included", (long long)sweep->n_included);
    text_append(out, ", %lld duplicate%s -> %lld run%s\n", (long long)n_duplicates,
                plural(n_duplicates), (long long)sweep->n_runs, plural(sweep->n_runs));
}

/* "12 runs are compared with 3 retrained models, dealt first" */
static void print_references(const struct sweep *sweep, struct text *out)
{
    int64_t n_compared = 0, n_references = 0;

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        n_compared += sweep->runs[i].reference != NULL;
        n_references += sweep->runs[i].is_reference;
    }
    if (n_compared > 0)
        text_append(out, "%lld run%s compared with %lld retrained model%s, dealt first\n",
                    (long long)n_compared, n_compared == 1 ? " is" : "s are",
                    (long long)n_references, plural(n_references));
}

/* A cell that the run's method does not read is "-". */
static void print_cell(struct text *out, bool is_read, int width, const char *value)
{
    text_append(out, "  %*s", width, is_read ? value : "-");
}

/* The column of what is forgotten: the class while every run forgets one or nothing. */
struct forget_column {
    const char *title;
    int width;
    struct text text; /* of the cell under way */
};

static const char *forgotten_of(const struct settings *settings, struct forget_column *column)
{
    column->text.length = 0;
    forget_print(settings, &column->text);
    bool is_class = column->title[0] == 'c' && column->text.length > 0;
    return text_value(&column->text) + is_class;
}

static struct forget_column forget_column_of(const struct sweep *sweep, int64_t n_shown)
{
    struct forget_column column = {"class", 5, {0}};

    for (int64_t i = 0; i < n_shown; i++)
        if (sweep->runs[i].settings.forget.kind != FORGET_BY_CLASS)
            column.title = "forget";
    for (int64_t i = 0; i < n_shown; i++) {
        int width = (int)strlen(forgotten_of(&sweep->runs[i].settings, &column));
        column.width = width > column.width ? width : column.width;
    }
    if ((int)strlen(column.title) > column.width)
        column.width = (int)strlen(column.title);
    return column;
}

static void print_run(const struct run *run, int width, struct forget_column *forget,
                      struct text *out)
{
    const struct settings *settings = &run->settings;
    const struct method *method = method_find(settings->unlearn.method);
    char value[32];

    text_append(out, "  %s  %-*s", run->id, width, run->name);
    text_append(out, "  %-9s", settings->model.arch);
    print_cell(out, !forget_is_nothing(settings), forget->width, forgotten_of(settings, forget));
    print_cell(out, method_reads(method) & GROUP_PRUNE, 8,
               text_from_double(settings->prune.sparsity, value));
    snprintf(value, sizeof value, "%lld", (long long)settings->lora.rank);
    print_cell(out, method_reads(method) & GROUP_LORA, 4, value);
    const struct recipe *recipe = method_recipe(method, settings);
    snprintf(value, sizeof value, "%lld", recipe != NULL ? (long long)recipe->epochs : 0);
    print_cell(out, recipe != NULL, 6, value);
    print_cell(out, recipe != NULL, 8, text_from_double(recipe != NULL ? recipe->lr : 0, value));
    snprintf(value, sizeof value, "%lld", (long long)settings->seed);
    print_cell(out, method_reads(method) & GROUP_SEED, 4, value);
}

void plan_print_head(const struct sweep *sweep, struct text *out)
{
    text_append(out, "sweep %s%s%s\n\naxes, the last varies fastest\n", sweep->name,
                *sweep->description != '\0' ? ": " : "", sweep->description);
    print_axes(sweep, out);
    text_append(out, "\n");
    print_arithmetic(sweep, out);
    print_references(sweep, out);
    early_print(sweep, out);
}

void plan_print_runs(const struct sweep *sweep, const struct plan_column *columns, int n_columns,
                     bool has_all, struct text *out)
{
    int64_t n_shown = has_all || sweep->n_runs <= MOST_ROWS ? sweep->n_runs : MOST_ROWS;
    int width = 4;

    for (int64_t i = 0; i < n_shown; i++)
        if ((int)strlen(sweep->runs[i].name) > width)
            width = (int)strlen(sweep->runs[i].name);
    struct forget_column forget = forget_column_of(sweep, n_shown);
    text_append(out, "\n  %-16s  %-*s  %-9s  %*s  sparsity  rank  epochs        lr  seed", "id",
                width, "run", "arch", forget.width, forget.title);
    for (int i = 0; i < n_columns; i++)
        text_append(out, "  %*s", columns[i].width, columns[i].title);
    text_append(out, "\n");
    for (int64_t i = 0; i < n_shown; i++) {
        char buffer[PLAN_CELL_BYTES];
        print_run(&sweep->runs[i], width, &forget, out);
        for (int j = 0; j < n_columns; j++)
            text_append(out, "  %*s", columns[j].width,
                        columns[j].cell(columns[j].context, i, buffer));
        text_append(out, "\n");
    }
    text_release(&forget.text);
    if (n_shown < sweep->n_runs)
        text_append(out, "  ... and %lld more (--all shows them)\n",
                    (long long)(sweep->n_runs - n_shown));
}
