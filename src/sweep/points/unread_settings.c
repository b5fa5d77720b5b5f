/* Counted by method: which settings a method reads is a property of the method alone. */
#include "sweep/points/unread_settings.h"

#include "config/settings_table.h"
#include "unlearn/method.h"

#include <string.h>

bool setting_is_read(const char *method_name, const char *name)
{
    const struct method *method = method_find(method_name);
    int i = setting_find(name);

    return i < 0 || method == NULL || setting_at(i)->group == GROUP_EXECUTION ||
           (method_reads(method) & setting_at(i)->group) != 0;
}

static enum status fill(const struct sweep *sweep, struct arena *arena, struct unread_settings *row)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(row->unread, ARENA_ARRAY(arena, sweep->n_axes, const char *));
    for (int64_t i = 0; i < sweep->n_axes; i++)
        if (!setting_is_read(row->method, sweep->axes[i]))
            row->unread[row->n_unread++] = sweep->axes[i];
done:
    return status;
}

enum { N_COMPOSITIONS = 4 };

/* Rows of methods in the order of their table, which is short; behind each, what it composes. */
static int64_t row_of(const char *method)
{
    const struct method *found = method_find(method);
    const char *plus = strchr(method, '+');
    size_t n = plus != NULL ? (size_t)(plus - method) : strlen(method);
    int64_t i = 0;

    while (method_at((int)i) != NULL &&
           (strncmp(method_at((int)i)->name, method, n) != 0 || method_at((int)i)->name[n] != '\0'))
        i++;
    return i * N_COMPOSITIONS + (plus != NULL ? method_composition(found) : 0);
}

enum status unread_settings_find(const struct sweep *sweep, struct arena *arena,
                                 struct unread_settings **out, int64_t *n)
{
    enum status status = STATUS_OK;
    struct unread_settings *rows = NULL;
    int64_t *row_of_run = NULL, n_methods = 0, n_used = 0;

    while (method_at((int)n_methods) != NULL)
        n_methods++;
    TRY_ALLOC(rows, ARENA_ARRAY(arena, n_methods * N_COMPOSITIONS, struct unread_settings));
    TRY_ALLOC(row_of_run, ARENA_ARRAY(arena, sweep->n_runs, int64_t));
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        row_of_run[i] = row_of(sweep->runs[i].settings.unlearn.method);
        rows[row_of_run[i]].method = sweep->runs[i].settings.unlearn.method;
        rows[row_of_run[i]].n_runs++;
    }
    for (int64_t i = 0; i < sweep->n_points; i++)
        if (sweep->points[i] >= 0)
            rows[row_of_run[sweep->points[i]]].n_points++;
    for (int64_t i = 0; i < n_methods * N_COMPOSITIONS; i++) {
        if (rows[i].n_runs == 0)
            continue;
        TRY(fill(sweep, arena, &rows[i]));
        rows[n_used++] = rows[i];
    }
    *out = rows;
    *n = n_used;
done:
    return status;
}
