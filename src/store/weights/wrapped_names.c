/* From names in a file to the model's own. A module that PEFT adapts keeps its weight one level
 * down, in "base_layer", beside "lora_A.<adapter>" and "lora_B.<adapter>"; one that it trains in
 * full is there twice, and the trained copy counts. */
#include "store/weights/wrapped_names.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* What wrappers put before a model's own names. */
static const char *const prefixes[] = {"module.", "base_model.model."};
enum { N_PREFIXES = sizeof prefixes / sizeof prefixes[0] };

enum segment_kind { SEGMENT_OWN, SEGMENT_WRAPPER, SEGMENT_COPY, SEGMENT_ADAPTER };
static const struct segment {
    const char *text;
    enum segment_kind kind; /* COPY and ADAPTER are followed by the adapter's name */
} segments[] = {
    {"base_layer", SEGMENT_WRAPPER},   {"original_module", SEGMENT_WRAPPER},
    {"modules_to_save", SEGMENT_COPY}, {"lora_A", SEGMENT_ADAPTER},
    {"lora_B", SEGMENT_ADAPTER},
};
enum { N_SEGMENTS = sizeof segments / sizeof segments[0] };

static bool all_start_with(const struct weights *weights, size_t skipped, const char *prefix)
{
    for (int64_t i = 0; i < weights->n; i++)
        if (strlen(weights->tensors[i].name) < skipped ||
            !text_starts_with(weights->tensors[i].name + skipped, prefix))
            return false;
    return weights->n > 0;
}

static enum status find_prefix(struct weights *weights)
{
    enum status status = STATUS_OK;
    size_t length = 0;
    bool is_longer = true;

    while (is_longer) {
        is_longer = false;
        for (int i = 0; i < N_PREFIXES && !is_longer; i++) {
            is_longer = all_start_with(weights, length, prefixes[i]);
            length += is_longer ? strlen(prefixes[i]) : 0;
        }
    }
    if (length > 0)
        TRY_ALLOC(weights->prefix,
                  arena_format(weights->arena, "%.*s", (int)length, weights->tensors[0].name));
done:
    return status;
}

static enum segment_kind kind_of(const char *segment, size_t length)
{
    for (int i = 0; i < N_SEGMENTS; i++)
        if (strlen(segments[i].text) == length && memcmp(segments[i].text, segment, length) == 0)
            return segments[i].kind;
    return SEGMENT_OWN;
}

/* The name without wrappers' segments; `name` has room for it. "lora_A.default.weight" has an
 * adapter's name in it, "lora_A.weight" has none: the last segment is always the parameter's. */
static void unwrap(char *name)
{
    char *to = name;
    const char *from = name;
    bool is_adapter_next = false;

    while (from != NULL && *from != '\0') {
        const char *dot = strchr(from, '.');
        size_t length = dot != NULL ? (size_t)(dot - from) : strlen(from);
        enum segment_kind kind = dot != NULL ? kind_of(from, length) : SEGMENT_OWN;
        bool is_kept =
            kind == SEGMENT_ADAPTER || (kind == SEGMENT_OWN && !(is_adapter_next && dot != NULL));
        if (is_kept && to != name)
            *to++ = '.';
        if (is_kept) {
            memmove(to, from, length);
            to += length;
        }
        is_adapter_next = kind == SEGMENT_ADAPTER || kind == SEGMENT_COPY;
        from = dot != NULL ? dot + 1 : NULL;
    }
    *to = '\0';
}

static bool has_segment(const char *name, const char *segment)
{
    const char *found = strstr(name, segment);

    return found != NULL && (found == name || found[-1] == '.') && found[strlen(segment)] == '.';
}

struct named {
    struct weight_tensor *tensor;
};

/* Equal bare names side by side, copies that training saved first. */
static int compare_bare(const void *a, const void *b)
{
    const struct weight_tensor *x = ((const struct named *)a)->tensor;
    const struct weight_tensor *y = ((const struct named *)b)->tensor;
    int order = strcmp(x->bare, y->bare);

    return order != 0
               ? order
               : has_segment(y->name, "modules_to_save") - has_segment(x->name, "modules_to_save");
}

static enum status refuse_doubles(const struct named *sorted, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const struct weight_tensor *first = sorted[i - 1].tensor, *second = sorted[i].tensor;
        if (strcmp(first->name, second->name) == 0)
            return fail(STATUS_BAD_DATA, "holds '%s' twice", first->name);
        if (strcmp(first->bare, second->bare) != 0)
            continue;
        if (!has_segment(first->name, "modules_to_save") ||
            !has_segment(second->name, "original_module"))
            return fail(STATUS_BAD_DATA, "'%s' and '%s' both stand for '%s'", first->name,
                        second->name, first->bare);
    }
    return STATUS_OK;
}

static void drop_originals(const struct named *sorted, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--)
        if (strcmp(sorted[i - 1].tensor->bare, sorted[i].tensor->bare) == 0)
            sorted[i].tensor->bare = NULL;
}

enum status wrapped_names_resolve(struct weights *weights)
{
    enum status status = STATUS_OK;
    struct named *sorted = NULL;

    TRY(find_prefix(weights));
    TRY_ALLOC(sorted, heap_alloc(weights->n, sizeof *sorted));
    for (int64_t i = 0; i < weights->n; i++) {
        char *bare =
            arena_strdup(weights->arena, weights->tensors[i].name + strlen(weights->prefix));
        TRY_ALLOC(weights->tensors[i].bare, bare);
        unwrap(bare);
        sorted[i].tensor = &weights->tensors[i];
    }
    qsort(sorted, (size_t)weights->n, sizeof *sorted, compare_bare);
    TRY(refuse_doubles(sorted, weights->n));
    drop_originals(sorted, weights->n);
done:
    free(sorted);
    return status;
}
