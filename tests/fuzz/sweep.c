/* Sweep files from strangers: whatever the text, the answer is a sweep or mistakes with a place;
 * and a sweep says the same again when its resolved text is read. Large sweeps are left at their
 * reading: expanding a million points is no mistake, only slow. No file is opened: texts that name
 * bases are skipped. */
#include "fuzz.h"

#include "model/model.h"
#include "sweep/points/expand.h"
#include "unlearn/method.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 300, MAX_NAMES = 64, MOST_BYTES = 20000 };

/* Points of the sweep, or −1 when the text is none; a mistake must have been said. */
static int64_t count_points(const struct sweep_source *source)
{
    const char *architectures[MAX_NAMES] = {NULL}, *methods[MAX_NAMES] = {NULL};
    struct diagnostics diagnostics = {0};
    struct arena *arena = NULL;
    struct spec *spec = calloc(1, sizeof *spec);
    struct axes *axes = calloc(1, sizeof *axes);
    int64_t n = -1;

    for (int i = 0; architecture_at(i) != NULL; i++)
        architectures[i] = architecture_at(i)->name;
    for (int i = 0; method_at(i) != NULL; i++)
        methods[i] = method_at(i)->name;
    if (spec == NULL || axes == NULL || arena_create(&arena) != STATUS_OK)
        abort();
    spec->arena = arena;
    spec->diagnostics = &diagnostics;
    spec->reader = (struct setting_reader){.arena = arena,
                                           .diagnostics = &diagnostics,
                                           .architectures = architectures,
                                           .methods = methods};
    if (spec_load(source, spec) != STATUS_OK)
        abort();
    if (diagnostics.n_errors == 0 && axes_init(spec, axes))
        n = axes->n_points + spec->include.n * spec->n_seeds;
    if (n < 0 && diagnostics.n_errors == 0)
        abort();
    spec_release(spec);
    free(spec);
    free(axes);
    diagnostics_release(&diagnostics);
    arena_destroy(arena);
    return n;
}

static void check_again(const struct sweep *sweep)
{
    const struct sweep_source source = {.path = "again.yaml", .text = sweep->resolved_yaml};
    struct text found = {0};
    struct sweep *again = NULL;

    if (sweep_load(&source, &found, &again) != STATUS_OK || again->n_runs != sweep->n_runs ||
        strcmp(again->resolved_yaml, sweep->resolved_yaml) != 0)
        abort();
    for (int64_t i = 0; i < sweep->n_runs; i++)
        if (strcmp(again->runs[i].id, sweep->runs[i].id) != 0)
            abort();
    sweep_destroy(again);
    text_release(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct text found = {0};
    struct sweep *sweep = NULL;
    char *text = n < MOST_BYTES ? calloc(n + 1, 1) : NULL;
    const struct sweep_source source = {.path = "fuzz.yaml", .text = text};

    if (text == NULL)
        return 0;
    memcpy(text, bytes, n);
    if (strstr(text, "base") == NULL && strchr(text, '/') == NULL &&
        count_points(&source) <= MOST_POINTS) {
        enum status status = sweep_load(&source, &found, &sweep);
        if (status != STATUS_OK && status != STATUS_BAD_CONFIG)
            abort();
        if (status != STATUS_OK && strstr(text_value(&found), ": error: ") == NULL)
            abort();
        if (status == STATUS_OK)
            check_again(sweep);
    }
    sweep_destroy(sweep);
    text_release(&found);
    free(text);
    return 0;
}
