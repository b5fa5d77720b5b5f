/* From a results folder to the report asked for. */
#include "report/report.h"

#include "base/file.h"
#include "report/records.h"

#include <string.h>

enum status report_format_find(const char *name, enum report_format *out)
{
    static const char *const names[] = {
        [REPORT_TABLE] = "table", [REPORT_CSV] = "csv", [REPORT_JSON] = "json"};
    enum { N_NAMES = sizeof names / sizeof *names };

    for (int i = 0; i < N_NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum report_format)i;
            return STATUS_OK;
        }
    }
    return fail(STATUS_BAD_CONFIG, "unknown format '%s', want table, csv or json", name);
}

static enum status results_path(const char *folder, struct arena *arena, char **out)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    if (!folder_exists(folder))
        return fail(STATUS_BAD_CONFIG, "there is no results folder '%s'", folder);
    TRY_ALLOC(path, path_join(arena, folder, "results.h5"));
    if (!file_exists(path))
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' has no results.h5: not a results folder, or its sweep has not begun",
                 folder));
    *out = path;
done:
    return status;
}

enum status report_compose(const char *folder, const struct report_settings *settings,
                           struct text *out)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct results results = {.n_rows = 0};
    struct records records = {.n_rows = 0};
    char *path = NULL;

    TRY(arena_create(&arena));
    TRY(results_path(folder, arena, &path));
    TRY(results_read(path, arena, &results));
    status = records_create(&results, arena, &records);
    if (status != STATUS_OK)
        TRY(fail_context(status, "results '%s'", path));
    switch (settings->format) {
    case REPORT_CSV:
        TRY(csv_compose(&records, out));
        break;
    case REPORT_JSON:
        TRY(json_compose(&records, out));
        break;
    case REPORT_TABLE:
        TRY(table_compose(&records, settings, out));
        break;
    }
done:
    arena_destroy(arena);
    return status;
}
