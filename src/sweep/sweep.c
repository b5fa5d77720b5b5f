/* The public verb: load, merge, check, expand; every mistake on the way is collected first. */
#include "sweep/sweep.h"

#include "sweep/points/point.h"

#include <stdlib.h>

enum { MAX_NAMES = 64 };

static void list_names(const char *architectures[MAX_NAMES], const char *methods[MAX_NAMES])
{
    for (int i = 0; i < MAX_NAMES - 1 && architecture_at(i) != NULL; i++)
        architectures[i] = architecture_at(i)->name;
    for (int i = 0; i < MAX_NAMES - 1 && method_at(i) != NULL; i++)
        methods[i] = method_at(i)->name;
}

static void keep(const struct spec *spec, struct sweep *sweep)
{
    sweep->name = spec->name;
    sweep->description = spec->description;
    sweep->retries = spec->retries;
    sweep->crash_limit = spec->crash_limit;
    sweep->max_fails = spec->max_fails;
    sweep->fail_fast = spec->fail_fast;
    sweep->early = spec->early;
}

static enum status load(const struct sweep_source *source, struct spec *spec, struct sweep *sweep)
{
    enum status status = STATUS_OK;
    struct content *content = NULL;

    TRY(spec_load(source, spec));
    if (!spec->is_incomplete) {
        TRY(content_create(spec, source->needs_files, &content));
        TRY(expand(spec, content, sweep));
        spec_check_early(spec, sweep);
    }
    int64_t n_errors = spec->diagnostics->n_errors;
    if (n_errors > 0)
        TRY(fail(STATUS_BAD_CONFIG, "%lld mistake%s in '%s'", (long long)n_errors,
                 n_errors == 1 ? "" : "s", source->path));
    keep(spec, sweep);
    TRY(spec_print(spec, &sweep->resolved_yaml));
done:
    content_destroy(content);
    return status;
}

enum status sweep_load(const struct sweep_source *source, struct text *diagnostics,
                       struct sweep **out)
{
    enum status status = STATUS_OK;
    const char *architectures[MAX_NAMES] = {NULL}, *methods[MAX_NAMES] = {NULL};
    struct diagnostics found = {0};
    struct spec *spec = NULL;
    struct sweep *sweep = NULL;

    list_names(architectures, methods);
    TRY_ALLOC(sweep, heap_alloc(1, sizeof *sweep));
    TRY_ALLOC(spec, heap_alloc(1, sizeof *spec));
    TRY(arena_create(&sweep->arena));
    spec->arena = sweep->arena;
    spec->diagnostics = &found;
    spec->reader = (struct setting_reader){.arena = sweep->arena,
                                           .diagnostics = &found,
                                           .architectures = architectures,
                                           .methods = methods};
    status = load(source, spec, sweep);
    text_append_bytes(diagnostics, text_value(&found.text), found.text.length);
    if (status == STATUS_OK) {
        *out = sweep;
        sweep = NULL;
    }
done:
    if (spec != NULL)
        spec_release(spec);
    free(spec);
    diagnostics_release(&found);
    sweep_destroy(sweep);
    return status;
}

void sweep_destroy(struct sweep *sweep)
{
    if (sweep == NULL)
        return;
    arena_destroy(sweep->arena);
    free(sweep);
}
