/* Which images are forgotten, which are kept: four ascending lists and one hash over them. */
#include "data/dataset.h"

#include <endian.h>
#include <stdlib.h>

static enum status check_class(const struct dataset *dataset, int forget_class)
{
    if (forget_class >= dataset->n_classes)
        return fail(STATUS_BAD_CONFIG, "forget.class must be in [0, %d), got %d",
                    dataset->n_classes, forget_class);
    for (int64_t i = 0; i < dataset->train.n; i++) {
        if (forget_class < 0 || dataset->train.labels[i] == forget_class)
            return STATUS_OK;
    }
    return fail(STATUS_BAD_CONFIG, "forget.class is %d, but no training image has that label",
                forget_class);
}

/* Deals the indices of one table to two new heap arrays. */
static enum status deal(const struct image_table *table, int forget_class, int32_t *lists[2],
                        int64_t counts[2])
{
    enum status status = STATUS_OK;

    for (int i = 0; i < 2; i++)
        TRY_ALLOC(lists[i], heap_alloc(table->n, sizeof **lists));
    for (int64_t i = 0; i < table->n; i++) {
        int list = table->labels[i] == forget_class ? 0 : 1;
        lists[list][counts[list]++] = (int32_t)i;
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
    hash_finish(hash, split->hash);
done:
    hash_destroy(hash);
    return status;
}

enum status split_by_class(const struct dataset *dataset, int forget_class, struct split **out)
{
    enum status status = STATUS_OK;
    struct split *split = NULL;
    int32_t *train[2] = {NULL, NULL}, *test[2] = {NULL, NULL};
    int64_t n_train[2] = {0, 0}, n_test[2] = {0, 0};

    TRY(check_class(dataset, forget_class));
    TRY_ALLOC(split, heap_alloc(1, sizeof *split));
    status = deal(&dataset->train, forget_class, train, n_train);
    if (status == STATUS_OK)
        status = deal(&dataset->test, forget_class, test, n_test);
    *split = (struct split){.forget_class = forget_class,
                            .forget = train[0],
                            .retain = train[1],
                            .test_forget = test[0],
                            .test_retain = test[1],
                            .n_forget = n_train[0],
                            .n_retain = n_train[1],
                            .n_test_forget = n_test[0],
                            .n_test_retain = n_test[1]};
    if (status == STATUS_OK)
        status = hash_split(dataset, split);
    if (status == STATUS_OK) {
        *out = split;
        split = NULL;
    }
done:
    split_destroy(split);
    return status;
}

void split_destroy(struct split *split)
{
    if (split == NULL)
        return;
    free(split->forget);
    free(split->retain);
    free(split->test_forget);
    free(split->test_retain);
    free(split);
}
