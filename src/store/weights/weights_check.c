/* Does a weights file fit a model? Every difference is found before the first is reported. */
#include "base/text.h"
#include "store/weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 8 };

struct report {
    struct text text;
    int64_t n;
    const char *arch;
};

static const char *shape_text(int n_dims, const int64_t *shape, char *buffer, size_t n_buffer)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (int i = 0; i < n_dims && used < n_buffer; i++)
        used += (size_t)snprintf(buffer + used, n_buffer - used, "%s%lld", i > 0 ? "," : "",
                                 (long long)shape[i]);
    return buffer;
}

static bool may_be_absent(const char *name)
{
    return text_ends_with(name, "num_batches_tracked");
}

/* Room for one more line? Counts it either way. */
static bool report_next(struct report *report)
{
    if (report->n++ >= MAX_SHOWN)
        return false;
    if (report->n > 1)
        text_append(&report->text, "; ");
    return true;
}

static void compare_one(struct report *report, const struct weights *weights,
                        const struct weight_wanted *wanted)
{
    char found_shape[192], wanted_shape[192];
    const struct weight_tensor *found = weights_find(weights, wanted->name);

    shape_text(wanted->n_dims, wanted->shape, wanted_shape, sizeof wanted_shape);
    if (found == NULL) {
        if (!may_be_absent(wanted->name) && report_next(report))
            text_append(&report->text, "'%s' is missing, %s expects it as [%s]", wanted->name,
                        report->arch, wanted_shape);
        return;
    }
    bool is_same = found->n_dims == wanted->n_dims;
    for (int i = 0; i < wanted->n_dims && is_same; i++)
        is_same = found->shape[i] == wanted->shape[i];
    if (!is_same && report_next(report))
        text_append(&report->text, "'%s' is [%s], %s expects [%s]", wanted->name,
                    shape_text(found->n_dims, found->shape, found_shape, sizeof found_shape),
                    report->arch, wanted_shape);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status report_extra(struct report *report, const struct weights *weights,
                                const struct weight_wanted *wanted, int64_t n_wanted)
{
    const char **names = heap_alloc(n_wanted, sizeof *names);

    if (names == NULL)
        return STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < n_wanted; i++)
        names[i] = wanted[i].name;
    qsort(names, (size_t)n_wanted, sizeof *names, compare_names);
    for (int64_t i = 0; i < weights->n; i++) {
        const char *name = weights->tensors[i].bare;
        if (name == NULL)
            continue;
        bool is_known =
            bsearch(&name, names, (size_t)n_wanted, sizeof *names, compare_names) != NULL;
        if (!is_known && !may_be_absent(name) && report_next(report))
            text_append(&report->text, "'%s' is extra, %s has no such tensor", name, report->arch);
    }
    free(names);
    return STATUS_OK;
}

/* Adapters have no meaning without alpha, which no weights file holds: they are merged first. */
static enum status refuse_adapters(const struct weights *weights, const char *path,
                                   const char *arch)
{
    int64_t n = 0;
    const char *first = NULL;

    for (int64_t i = weights->n - 1; i >= 0; i--)
        if (weight_is_lora(&weights->tensors[i])) {
            first = weights->tensors[i].name;
            n++;
        }
    if (n == 0)
        return STATUS_OK;
    return fail(STATUS_BAD_DATA,
                "weights '%s': holds %lld LoRA tensors such as '%s', %s expects plain weights: "
                "prunelora weights merge '%s' --alpha A --out FILE",
                path, (long long)n, first, arch, path);
}

enum status weights_check(const struct weights *weights, const char *path, const char *arch,
                          const struct weight_wanted *wanted, int64_t n_wanted)
{
    enum status status = STATUS_OK;
    struct report report = {.arch = arch};

    TRY(refuse_adapters(weights, path, arch));
    for (int64_t i = 0; i < n_wanted; i++)
        compare_one(&report, weights, &wanted[i]);
    TRY(report_extra(&report, weights, wanted, n_wanted));
    if (report.n > MAX_SHOWN)
        text_append(&report.text, " … and %lld more", (long long)(report.n - MAX_SHOWN));
    TRY(text_finish(&report.text));
    if (report.n > 0)
        status = fail(STATUS_BAD_DATA, "weights '%s': %s", path, text_value(&report.text));
done:
    text_release(&report.text);
    return status;
}
