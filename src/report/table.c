/* The table for people: percent, mean ± standard deviation over seeds, failed runs below. */
#include "report/measures.h"
#include "report/reference.h"
#include "report/report.h"
#include "report/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool varies(const struct records *records, int64_t field)
{
    for (int64_t row = 1; row < records->n_rows; row++) {
        struct cell first = records_cell(records, 0, field);
        struct cell other = records_cell(records, row, field);
        if (!cell_equals(&first, &other))
            return true;
    }
    return false;
}

/* Where a run was computed is no reason to keep it apart from another. */
static bool is_execution(const char *name)
{
    return text_starts_with(name, "resources.") || text_starts_with(name, "checkpoint.");
}

/* The method, then what the sweep varies; without typed settings in the file, what differs at all.
 * A seed never is a key by default: means are over seeds. */
static void default_keys(const struct records *records, int64_t *fields, int64_t *n)
{
    static const char method[] = "unlearn.method";
    bool has_typed = false;

    if (records_find(records, method) >= 0)
        fields[(*n)++] = records_find(records, method);
    for (int64_t i = 0; i < records->n_fields; i++)
        has_typed = has_typed || (records->fields[i].is_setting && records->fields[i].is_column);
    for (int64_t i = 0; i < records->n_fields; i++) {
        const struct record_field *field = &records->fields[i];
        if (field->is_setting && field->is_column == has_typed &&
            strcmp(field->name, "seed") != 0 && strcmp(field->name, method) != 0 &&
            !is_execution(field->name) && varies(records, i))
            fields[(*n)++] = i;
    }
}

static enum status unknown_key(const struct records *records, const char *name, struct arena *arena)
{
    enum status status = STATUS_OK;
    const char **names = NULL;
    int64_t n = 0;

    TRY_ALLOC(names, ARENA_ARRAY(arena, records->n_fields, const char *));
    for (int64_t i = 0; i < records->n_fields; i++) {
        if (records->fields[i].is_setting)
            names[n++] = records->fields[i].name;
    }
    const char *near = text_nearest(name, names, n);
    status = fail(STATUS_BAD_CONFIG, "--by: the results have no setting '%s'%s%s%s", name,
                  near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                  near != NULL ? "'?" : "");
done:
    return status;
}

static enum status asked_keys(const struct records *records, const struct report_settings *settings,
                              struct arena *arena, int64_t *fields, int64_t *n)
{
    for (int64_t i = 0; i < settings->n_by; i++) {
        int64_t field = records_find(records, settings->by[i]);
        if (field < 0 || !records->fields[field].is_setting)
            return unknown_key(records, settings->by[i], arena);
        fields[(*n)++] = field;
    }
    return STATUS_OK;
}

static enum status set_cell(struct sheet *sheet, int64_t column, const struct records *records,
                            int64_t row, int64_t field)
{
    enum status status = STATUS_OK;
    struct text value = {0};
    struct cell cell = records_cell(records, row, field);

    cell_print(&cell, &value);
    TRY(text_finish(&value));
    TRY(sheet_set(sheet, column, text_value(&value)));
done:
    text_release(&value);
    return status;
}

/* Where fewer runs than the row's n have the number, it says how many. */
static enum status set_summary(struct sheet *sheet, int64_t column, const struct summary *summary,
                               const struct number_column *shown, int64_t n_of_row)
{
    char value[128] = "", fewer[32] = "";
    double mean = shown->measure->factor * summary->mean,
           sd = shown->measure->factor * summary->deviation;

    if (summary->n < n_of_row && !shown->is_gap_of_means)
        snprintf(fewer, sizeof fewer, " (n %lld)", (long long)summary->n);
    if (summary->n == 1)
        snprintf(value, sizeof value, "%.*f%s", shown->measure->digits, mean, fewer);
    if (summary->n > 1)
        snprintf(value, sizeof value, "%.*f ± %.*f%s", shown->measure->digits, mean,
                 shown->measure->digits, sd, fewer);
    return sheet_set(sheet, column, value);
}

/* What table_compose works on. */
struct table {
    const struct records *records; /* borrowed, as below */
    struct arena *arena;
    int64_t *keys; /* fields that name a row */
    int64_t n_keys;
    struct number_columns columns; /* of the table being printed */
    const int64_t *references;     /* [n_rows] */
};

static enum status find_keys(const struct report_settings *settings, struct table *table)
{
    enum status status = STATUS_OK;
    int64_t most = table->records->n_fields + settings->n_by + 1;

    TRY_ALLOC(table->keys, ARENA_ARRAY(table->arena, most, int64_t));
    if (settings->n_by > 0)
        TRY(asked_keys(table->records, settings, table->arena, table->keys, &table->n_keys));
    else
        default_keys(table->records, table->keys, &table->n_keys);
done:
    return status;
}

/* Headings of text columns, the keys, one number column, the measures. */
static enum status set_headings(const struct table *table, struct sheet *sheet,
                                const char *const *left, int64_t n_left, const char *number)
{
    enum status status = STATUS_OK;
    int64_t column = 0;

    TRY(sheet_add_line(sheet));
    for (int64_t i = 0; i < n_left; i++)
        TRY(sheet_set(sheet, column++, left[i]));
    for (int64_t i = 0; i < table->n_keys; i++)
        TRY(sheet_set(sheet, column++, table->records->fields[table->keys[i]].name));
    TRY(sheet_set(sheet, column++, number));
    for (int64_t i = 0; i < table->columns.n; i++)
        TRY(sheet_set(sheet, column++, table->columns.items[i].heading));
done:
    return status;
}

static struct summary measure_group(const struct table *table, const struct row_group *group,
                                    const struct number_column *shown)
{
    double gap = NAN;

    if (!shown->is_gap_of_means)
        return group_summary(table->records, group,
                             records_find(table->records, shown->measure->name));
    gap = reference_gap_of_means(table->records, table->references, group);
    return (struct summary){.n = !isnan(gap), .mean = gap, .deviation = NAN};
}

static enum status set_group(const struct table *table, const struct row_group *group,
                             struct sheet *sheet)
{
    enum status status = STATUS_OK;
    char count[32];
    int64_t column = 0;

    TRY(sheet_add_line(sheet));
    for (int64_t i = 0; i < table->n_keys; i++)
        TRY(set_cell(sheet, column++, table->records, group->first, table->keys[i]));
    snprintf(count, sizeof count, "%lld", (long long)group->n_done);
    TRY(sheet_set(sheet, column++, count));
    for (int64_t i = 0; i < table->columns.n; i++) {
        struct summary summary = measure_group(table, group, &table->columns.items[i]);
        TRY(set_summary(sheet, column++, &summary, &table->columns.items[i], group->n_done));
    }
done:
    return status;
}

static enum status print_groups(const struct table *table, int64_t most_width, struct text *out)
{
    enum status status = STATUS_OK;
    struct row_groups groups;
    struct sheet sheet = {.arena = table->arena,
                          .n_columns = table->n_keys + 1 + table->columns.n,
                          .n_left = table->n_keys,
                          .most_width = most_width};

    TRY(groups_create(table->records, table->keys, table->n_keys, table->arena, &groups));
    TRY(set_headings(table, &sheet, NULL, 0, "n"));
    for (int64_t i = 0; i < groups.n; i++)
        TRY(set_group(table, &groups.items[i], &sheet));
    TRY(sheet_print(&sheet, out));
done:
    sheet_release(&sheet);
    return status;
}

/* A run stopped early has its numbers, of that epoch; means over finished runs leave it out. */
static struct summary measure_run(const struct table *table, int64_t row,
                                  const struct number_column *shown)
{
    const struct records *records = table->records;
    const struct row_group alone = {.first = row, .rows = &row, .n_rows = 1};
    const char *state = records_text(records, row, records_find(records, "state"));

    if (strcmp(state, "stopped_early") != 0)
        return measure_group(table, &alone, shown);
    double value = records_number(records, row, records_find(records, shown->measure->name));
    return (struct summary){.n = !isnan(value), .mean = value, .deviation = NAN};
}

static enum status set_run(const struct table *table, int64_t row, struct sheet *sheet)
{
    enum status status = STATUS_OK;
    const struct records *records = table->records;
    int64_t column = 0;

    TRY(sheet_add_line(sheet));
    TRY(set_cell(sheet, column++, records, row, records_find(records, "name")));
    TRY(set_cell(sheet, column++, records, row, records_find(records, "state")));
    for (int64_t i = 0; i < table->n_keys; i++)
        TRY(set_cell(sheet, column++, records, row, table->keys[i]));
    TRY(set_cell(sheet, column++, records, row, records_find(records, "seed")));
    for (int64_t i = 0; i < table->columns.n; i++) {
        struct summary summary = measure_run(table, row, &table->columns.items[i]);
        TRY(set_summary(sheet, column++, &summary, &table->columns.items[i], 0));
    }
done:
    return status;
}

static enum status print_runs(const struct table *table, int64_t most_width, struct text *out)
{
    enum status status = STATUS_OK;
    static const char *const left[] = {"run", "state"};
    struct sheet sheet = {.arena = table->arena,
                          .n_columns = 2 + table->n_keys + 1 + table->columns.n,
                          .n_left = 2 + table->n_keys,
                          .most_width = most_width};

    TRY(set_headings(table, &sheet, left, 2, "seed"));
    for (int64_t row = 0; row < table->records->n_rows; row++)
        TRY(set_run(table, row, &sheet));
    TRY(sheet_print(&sheet, out));
done:
    sheet_release(&sheet);
    return status;
}

/* A run that may still become one that is done. */
static bool is_open(const char *state)
{
    return strcmp(state, "pending") == 0 || strcmp(state, "running") == 0 ||
           strcmp(state, "paused") == 0;
}

static bool is_stopped(const char *state)
{
    return strcmp(state, "stopped_early") == 0;
}

static void print_failures(const struct records *records, struct text *out)
{
    int64_t name = records_find(records, "name"), attempt = records_find(records, "attempt");
    int64_t state = records_find(records, "state"), message = records_find(records, "error");
    bool has_any = false;

    for (int64_t row = 0; row < records->n_rows; row++) {
        const char *how = records_text(records, row, state);
        if (records_is_done(records, row) || is_open(how) || is_stopped(how))
            continue;
        const char *why = records_text(records, row, message);
        text_append(out, "%s  %s (%s, attempt %.0f): %s\n", has_any ? "" : "\nfailed runs:\n",
                    records_text(records, row, name), how, records_number(records, row, attempt),
                    why[0] != '\0' ? why : "no message recorded");
        has_any = true;
    }
}

static void print_counts(const struct records *records, struct text *out)
{
    int64_t n_done = 0, n_stopped = 0, n_open = 0, state = records_find(records, "state");

    for (int64_t row = 0; row < records->n_rows; row++) {
        n_done += records_is_done(records, row);
        n_stopped += is_stopped(records_text(records, row, state));
        n_open += is_open(records_text(records, row, state));
    }
    text_append(out, "%lld runs: %lld done, ", (long long)records->n_rows, (long long)n_done);
    if (n_stopped > 0)
        text_append(out, "%lld stopped early, ", (long long)n_stopped);
    text_append(out, "%lld failed, %lld not finished\n",
                (long long)(records->n_rows - n_done - n_stopped - n_open), (long long)n_open);
}

/* What the main table has no room for, within the width of a terminal. */
static enum status print_further(struct table *table, bool has_runs, struct text *out)
{
    enum status status = STATUS_OK;
    enum { TERMINAL = 80 };

    columns_find_further(table->records, &table->columns);
    if (table->columns.n == 0)
        return STATUS_OK;
    text_append(out, "\nECE and membership attacks in percent%s\n\n",
                records_find(table->records, "confusion_distance") >= 0
                    ? "; confusion: distance to retraining"
                    : "");
    TRY(has_runs ? print_runs(table, TERMINAL, out) : print_groups(table, TERMINAL, out));
done:
    return status;
}

/* Of whole classes test images are forgotten too; of drawn or listed images none is. */
static bool has_subsets(const struct records *records)
{
    int64_t ua = records_find(records, "UA"), test = records_find(records, "forget_accuracy_test");

    for (int64_t row = 0; ua >= 0 && test >= 0 && row < records->n_rows; row++)
        if (!isnan(records_number(records, row, ua)) && isnan(records_number(records, row, test)))
            return true;
    return false;
}

enum status table_compose(const struct records *records, const struct report_settings *settings,
                          struct text *out)
{
    enum status status = STATUS_OK;
    struct table table = {.records = records};

    TRY(arena_create(&table.arena));
    TRY(find_keys(settings, &table));
    columns_find(records, settings->has_runs, &table.columns);
    TRY(references_find(records, table.arena, &table.references));
    print_counts(records, out);
    text_append(out, "UA RA TA MIA in percent%s\n%s%s\n",
                settings->has_runs ? "" : ", mean ± standard deviation over the n finished runs",
                has_subsets(records) ? "where single images are forgotten, not whole classes, the "
                                       "goal of UA RA TA MIA is retrain's value, not 100\n"
                                     : "",
                records_find(records, "average_gap") >= 0
                    ? "gap (percent), ToW, JS: to retraining with the same split and seed\n"
                    : "");
    TRY(settings->has_runs ? print_runs(&table, 0, out) : print_groups(&table, 0, out));
    TRY(print_further(&table, settings->has_runs, out));
    print_failures(records, out);
    TRY(text_finish(out));
done:
    arena_destroy(table.arena);
    return status;
}
