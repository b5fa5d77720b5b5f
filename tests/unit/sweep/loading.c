/* Loading a sweep from a text, for tests. */
#include "loading.h"

#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

struct loaded load_text(const char *yaml, const char *const *sets)
{
    struct loaded loaded = {0};
    struct sweep_source source = {.path = "x.yaml", .text = yaml, .sets = sets};

    while (sets != NULL && sets[source.n_sets] != NULL)
        source.n_sets++;
    loaded.status = sweep_load(&source, &loaded.diagnostics, &loaded.sweep);
    return loaded;
}

struct loaded load_good(const char *yaml, const char *const *sets)
{
    struct loaded loaded = load_text(yaml, sets);

    if (loaded.status != STATUS_OK)
        fail_msg("%s\n%s", status_message(), text_value(&loaded.diagnostics));
    return loaded;
}

void loaded_release(struct loaded *loaded)
{
    sweep_destroy(loaded->sweep);
    text_release(&loaded->diagnostics);
}

char *text_joined(const char *base, const char *added)
{
    size_t n = strlen(base), m = strlen(added);
    char *joined = malloc(n + m + 1);

    assert_non_null(joined);
    memcpy(joined, base, n);
    memcpy(joined + n, added, m + 1);
    return joined;
}

void print_plan(const struct sweep *sweep, bool has_all, struct text *out)
{
    plan_print_head(sweep, out);
    plan_print_runs(sweep, NULL, 0, has_all, out);
    assert_int_equal(text_finish(out), STATUS_OK);
}

char *ids_of(const char *yaml, const char *const *sets)
{
    struct loaded loaded = load_good(yaml, sets);
    char *ids = calloc((size_t)loaded.sweep->n_points + 1, RUN_ID_BYTES);

    assert_non_null(ids);
    for (int64_t i = 0; i < loaded.sweep->n_points; i++) {
        memcpy(ids + i * RUN_ID_BYTES, loaded.sweep->runs[loaded.sweep->points[i]].id,
               RUN_ID_BYTES - 1);
        ids[i * RUN_ID_BYTES + RUN_ID_BYTES - 1] = '\n';
    }
    loaded_release(&loaded);
    return ids;
}
