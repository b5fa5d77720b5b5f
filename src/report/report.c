/* From a results folder to the report asked for. */
#include "report/report.h"

#include "base/file.h"
#include "report/joined.h"
#include "store/results/shard.h"

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
    return fail(STATUS_BAD_CONFIG, "unknown format '%s', expected table, csv or json", name);
}

/* Of the whole sweep, or those of its shards. */
static enum status find_files(const char *folder, struct arena *arena, struct shard **out,
                              int64_t *n)
{
    enum status status = STATUS_OK;

    if (!folder_exists(folder))
        return fail(STATUS_BAD_CONFIG, "there is no results folder '%s'", folder);
    TRY(shards_find(folder, shard_results, arena, out, n));
    if (*n == 0)
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' has no results.h5: not a results folder, or its sweep has not begun",
                 folder));
done:
    return status;
}

static enum status read_records(const char *folder, struct shard shard, struct arena *arena,
                                struct records *out)
{
    enum status status = STATUS_OK;
    struct results results = {.n_rows = 0};
    char *path = NULL;

    TRY_ALLOC(path, shard_path(arena, folder, shard, shard_results));
    TRY(results_read(path, arena, &results));
    status = records_create(&results, arena, out);
    if (status != STATUS_OK)
        TRY(fail_context(status, "results '%s'", path));
done:
    return status;
}

/* How many shards have no file yet: theirs are no runs of the report. */
static enum status read_all(const char *folder, struct arena *arena, struct records *out,
                            int64_t *n_missing)
{
    enum status status = STATUS_OK;
    struct shard *shards = NULL;
    struct records *parts = NULL;
    int64_t n = 0;

    TRY(find_files(folder, arena, &shards, &n));
    if (n == 1 && shards[0].count == 0)
        return read_records(folder, shards[0], arena, out);
    TRY_ALLOC(parts, ARENA_ARRAY(arena, n, struct records));
    for (int64_t i = 0; i < n; i++)
        TRY(read_records(folder, shards[i], arena, &parts[i]));
    TRY(records_join(parts, n, arena, out));
    *n_missing = shards[n - 1].count > n ? shards[n - 1].count - n : 0;
done:
    return status;
}

static enum status compose(const struct records *records, const struct report_settings *settings,
                           int64_t n_missing, struct text *out)
{
    enum status status = STATUS_OK;

    switch (settings->format) {
    case REPORT_CSV:
        return csv_compose(records, out);
    case REPORT_JSON:
        return json_compose(records, out);
    case REPORT_TABLE:
        TRY(table_compose(records, settings, out));
        if (n_missing > 0)
            text_append(out, "%lld shard%s of the sweep ha%s no results yet\n",
                        (long long)n_missing, n_missing == 1 ? "" : "s",
                        n_missing == 1 ? "s" : "ve");
        break;
    }
done:
    return status;
}

enum status report_compose(const char *folder, const struct report_settings *settings,
                           struct text *out)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct records records = {.n_rows = 0};
    int64_t n_missing = 0;

    TRY(arena_create(&arena));
    TRY(read_all(folder, arena, &records, &n_missing));
    TRY(compose(&records, settings, n_missing, out));
done:
    arena_destroy(arena);
    return status;
}
