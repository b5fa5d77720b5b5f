/* Which images are forgotten, kept or set aside: ascending lists and one hash over them. */
#include "data/split_parts.h"

#include <endian.h>
#include <stdlib.h>

/* By label, or by coarse label for a superclass. */
static bool is_forgotten(const struct image_table *test, const struct split_request *request,
                         int64_t i)
{
    return request->forget == FORGET_SUPERCLASS
               ? test->coarse[i] == request->superclass
               : request->forget == FORGET_WHOLE_CLASSES &&
                     small_set_has(&request->classes, test->labels[i]);
}

static void mark_test(const struct image_table *test, const struct split_request *request,
                      uint8_t *parts)
{
    for (int64_t i = 0; i < test->n; i++)
        parts[i] = is_forgotten(test, request, i) ? SPLIT_FORGET : SPLIT_RETAIN;
}

struct list {
    int32_t **images;
    int64_t *n;
};

/* Deals the indices of one table to new heap arrays, one per part. */
static enum status deal(const uint8_t *parts, int64_t n, const struct list lists[N_SPLIT_PARTS])
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < n; i++)
        ++*lists[parts[i]].n;
    for (int part = 0; part < N_SPLIT_PARTS; part++) {
        if (lists[part].images == NULL)
            continue;
        TRY_ALLOC(*lists[part].images, heap_alloc(*lists[part].n, sizeof **lists[part].images));
        *lists[part].n = 0;
    }
    for (int64_t i = 0; i < n; i++) {
        const struct list *list = &lists[parts[i]];
        (*list->images)[(*list->n)++] = (int32_t)i;
    }
done:
    return status;
}

static void hash_list(struct hash *hash, const int32_t *list, int64_t n)
{
    uint64_t count = htole64((uint64_t)n);

    hash_update(hash, &count, sizeof count);
    for (int64_t i = 0; i < n; i++) {
        uint32_t index = htole32((uint32_t)list[i]);
        hash_update(hash, &index, sizeof index);
    }
}

static enum status hash_split(const struct dataset *dataset, struct split *split)
{
    enum status status = STATUS_OK;
    struct hash *hash = NULL;

    TRY(hash_create(&hash));
    hash_update_text(hash, dataset->hash);
    hash_list(hash, split->forget, split->n_forget);
    hash_list(hash, split->retain, split->n_retain);
    hash_list(hash, split->test_forget, split->n_test_forget);
    hash_list(hash, split->test_retain, split->n_test_retain);
    if (split->n_validation > 0) /* without one a hash is what it was before there was any */
        hash_list(hash, split->validation, split->n_validation);
    hash_finish(hash, split->hash);
done:
    hash_destroy(hash);
    return status;
}

static enum status fill(const struct dataset *dataset, const struct split_request *request,
                        uint8_t *parts, struct split *split)
{
    enum status status = STATUS_OK;
    const struct list train[N_SPLIT_PARTS] = {
        [SPLIT_RETAIN] = {&split->retain, &split->n_retain},
        [SPLIT_FORGET] = {&split->forget, &split->n_forget},
        [SPLIT_VALIDATION] = {&split->validation, &split->n_validation},
    };
    const struct list test[N_SPLIT_PARTS] = {
        [SPLIT_RETAIN] = {&split->test_retain, &split->n_test_retain},
        [SPLIT_FORGET] = {&split->test_forget, &split->n_test_forget},
    };

    if (request->validation != 0)
        TRY(split_mark_validation(dataset, request, parts));
    TRY(split_mark_forgotten(dataset, request, parts, &split->classes));
    TRY(deal(parts, dataset->train.n, train));
    mark_test(&dataset->test, request, parts);
    TRY(deal(parts, dataset->test.n, test));
    TRY(hash_split(dataset, split));
done:
    return status;
}

enum status split_create(const struct dataset *dataset, const struct split_request *request,
                         struct split **out)
{
    enum status status = STATUS_OK;
    struct split *split = NULL;
    uint8_t *parts = NULL;
    int64_t n = dataset->train.n > dataset->test.n ? dataset->train.n : dataset->test.n;

    TRY_ALLOC(split, heap_alloc(1, sizeof *split));
    TRY_ALLOC(parts, heap_alloc(n, sizeof *parts));
    TRY(fill(dataset, request, parts, split));
    bool is_one = small_set_count(&split->classes) == 1;
    split->forget_class = is_one ? small_set_first(&split->classes) : -1;
    *out = split;
    split = NULL;
done:
    free(parts);
    split_destroy(split);
    return status;
}

void split_destroy(struct split *split)
{
    if (split == NULL)
        return;
    free(split->forget);
    free(split->retain);
    free(split->validation);
    free(split->test_forget);
    free(split->test_retain);
    free(split);
}
