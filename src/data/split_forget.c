/* Which training images are forgotten: whole classes, a draw, or a list. Images for validation were
 * never trained on, so they cannot be forgotten. */
#include "data/split_parts.h"

#include "base/random.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *setting_of(const struct split_request *request)
{
    return request->setting != NULL ? request->setting : "forget.class";
}

/* ---- whole classes ---- */

static enum status mark_class(const struct dataset *dataset, const struct split_request *request,
                              int class, uint8_t *parts)
{
    const char *verb = small_set_count(&request->classes) > 1 ? "has" : "is";
    int64_t n = 0;

    if (class >= dataset->n_classes)
        return fail(STATUS_BAD_CONFIG, "%s must be in [0, %d), got %d", setting_of(request),
                    dataset->n_classes, class);
    for (int64_t i = 0; i < dataset->train.n; i++) {
        if (dataset->train.labels[i] != class || parts[i] != SPLIT_RETAIN)
            continue;
        parts[i] = SPLIT_FORGET;
        n++;
    }
    if (n == 0) /* or only images for validation, which are not trained on */
        return fail(STATUS_BAD_CONFIG, "%s %s %d, but no training image has that label",
                    setting_of(request), verb, class);
    return STATUS_OK;
}

static enum status mark_classes(const struct dataset *dataset, const struct split_request *request,
                                uint8_t *parts)
{
    enum status status = STATUS_OK;

    for (int class = 0; class < SMALL_SET_LIMIT; class ++)
        if (small_set_has(&request->classes, class))
            TRY(mark_class(dataset, request, class, parts));
done:
    return status;
}

static enum status mark_superclass(const struct dataset *dataset,
                                   const struct split_request *request, uint8_t *parts,
                                   struct small_set *classes)
{
    const struct image_table *train = &dataset->train;
    int64_t n = 0;

    if (train->coarse == NULL)
        return fail(STATUS_BAD_CONFIG,
                    "forget.superclass needs cifar100: other data sets have no coarse labels");
    for (int64_t i = 0; i < train->n; i++) {
        if (train->coarse[i] != request->superclass || parts[i] != SPLIT_RETAIN)
            continue;
        parts[i] = SPLIT_FORGET;
        small_set_add(classes, train->labels[i]);
        n++;
    }
    if (n == 0)
        return fail(STATUS_BAD_CONFIG,
                    "forget.superclass is %d, but no training image has that coarse label",
                    request->superclass);
    return STATUS_OK;
}

/* ---- a draw ---- */

static enum status count_drawn(const struct split_request *request, int64_t n_pool, int64_t *out)
{
    char number[32], whose[32] = "";

    if (request->within >= 0)
        snprintf(whose, sizeof whose, " of class %d", request->within);
    *out = request->count;
    if (request->fraction > 0)
        *out = (int64_t)floor(request->fraction * (double)n_pool + 0.5);
    if (request->fraction > 0 && *out == 0)
        return fail(STATUS_BAD_CONFIG, "%s is %s of %lld training images%s, which is none",
                    setting_of(request), text_from_double(request->fraction, number),
                    (long long)n_pool, whose);
    if (*out > n_pool)
        return fail(STATUS_BAD_CONFIG, "%s is %lld, but there are %lld training images%s",
                    setting_of(request), (long long)*out, (long long)n_pool, whose);
    return STATUS_OK;
}

/* The first of a shuffled list: with one seed, a smaller draw is part of a larger one. */
static enum status mark_drawn(const struct dataset *dataset, const struct split_request *request,
                              uint8_t *parts)
{
    enum status status = STATUS_OK;
    const struct random_key key = {.seed = request->seed, .purpose = RANDOM_FORGET};
    int32_t *pool = NULL;
    int64_t n_pool = 0, n = 0;

    TRY_ALLOC(pool, heap_alloc(dataset->train.n, sizeof *pool));
    for (int64_t i = 0; i < dataset->train.n; i++)
        if (parts[i] == SPLIT_RETAIN &&
            (request->within < 0 || dataset->train.labels[i] == request->within))
            pool[n_pool++] = (int32_t)i;
    TRY(count_drawn(request, n_pool, &n));
    random_shuffle(&key, pool, n_pool);
    for (int64_t i = 0; i < n; i++)
        parts[pool[i]] = SPLIT_FORGET;
done:
    free(pool);
    return status;
}

/* ---- a list ---- */

static enum status mark_listed(const struct dataset *dataset, const struct split_request *request,
                               uint8_t *parts)
{
    enum status status = STATUS_OK;
    const struct index_list_source source = {setting_of(request), request->file, dataset->train.n};
    int32_t *images = NULL;
    int64_t n = 0;

    TRY(index_list_read(&source, &images, &n));
    for (int64_t i = 0; i < n; i++) {
        if (parts[images[i]] == SPLIT_VALIDATION)
            TRY(fail(STATUS_BAD_DATA,
                     "%s %s:%lld: image %d is for validation (data.validation), so no model is "
                     "trained on it",
                     source.setting, source.path, (long long)i + 1, (int)images[i]));
        parts[images[i]] = SPLIT_FORGET;
    }
done:
    free(images);
    return status;
}

static enum status mark(const struct dataset *dataset, const struct split_request *request,
                        uint8_t *parts, struct small_set *classes)
{
    switch (request->forget) {
    case FORGET_WHOLE_CLASSES:
        *classes = request->classes;
        return mark_classes(dataset, request, parts);
    case FORGET_SUPERCLASS:
        return mark_superclass(dataset, request, parts, classes);
    case FORGET_DRAWN:
        return mark_drawn(dataset, request, parts);
    case FORGET_LISTED:
        return mark_listed(dataset, request, parts);
    case FORGET_NOTHING:
        break;
    }
    return STATUS_OK;
}

enum status split_mark_forgotten(const struct dataset *dataset, const struct split_request *request,
                                 uint8_t *parts, struct small_set *classes)
{
    enum status status = STATUS_OK;
    int64_t n_left = 0;

    TRY(mark(dataset, request, parts, classes));
    for (int64_t i = 0; i < dataset->train.n; i++)
        n_left += parts[i] == SPLIT_RETAIN;
    if (n_left == 0 && request->forget != FORGET_NOTHING)
        TRY(fail(STATUS_BAD_CONFIG, "%s leaves none of the %lld training images to retain",
                 setting_of(request), (long long)dataset->train.n));
done:
    return status;
}
