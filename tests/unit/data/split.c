/* Splits by class: every image once, ascending, hashed. */
#include "data/dataset.h"

#include "cifar_files.h"
#include "support/cmocka.h"

#include <string.h>

static int load(void **state)
{
    struct temporary_folder folder;
    struct dataset *dataset = NULL;

    temporary_folder_open(&folder);
    write_cifar10(&folder, 4); /* labels 0..7 in training, 5..9 in test */
    assert_int_equal(dataset_load(DATASET_CIFAR10, folder.path, &dataset), STATUS_OK);
    temporary_folder_close(&folder);
    *state = dataset;
    return 0;
}

static int unload(void **state)
{
    dataset_destroy(*state);
    return 0;
}

/* Ascending, of the class or not, and together all n images. */
static void check_lists(const struct image_table *table, int forget_class, const int32_t *lists[2],
                        const int64_t counts[2])
{
    assert_int_equal(counts[0] + counts[1], table->n);
    for (int list = 0; list < 2; list++) {
        for (int64_t i = 0; i < counts[list]; i++) {
            assert_true(i == 0 || lists[list][i] > lists[list][i - 1]);
            assert_in_range(lists[list][i], 0, table->n - 1);
            assert_int_equal(table->labels[lists[list][i]] == forget_class, list == 0);
        }
    }
}

static void test_lists(void **state)
{
    const struct dataset *dataset = *state;

    for (int class = -1; class < 8; class ++) {
        struct split *split = NULL;
        assert_int_equal(split_by_class(dataset, class, &split), STATUS_OK);
        assert_int_equal(split->forget_class, class);
        check_lists(&dataset->train, class, (const int32_t *[]){split->forget, split->retain},
                    (const int64_t[]){split->n_forget, split->n_retain});
        check_lists(&dataset->test, class,
                    (const int32_t *[]){split->test_forget, split->test_retain},
                    (const int64_t[]){split->n_test_forget, split->n_test_retain});
        assert_true(class < 0 ? split->n_forget == 0 : split->n_forget > 0);
        split_destroy(split);
    }
    split_destroy(NULL);
}

static void test_hash(void **state)
{
    struct dataset *dataset = *state;
    struct split *a = NULL, *b = NULL, *other = NULL;

    assert_int_equal(split_by_class(dataset, 3, &a), STATUS_OK);
    assert_int_equal(split_by_class(dataset, 3, &b), STATUS_OK);
    assert_int_equal(split_by_class(dataset, 4, &other), STATUS_OK);
    assert_int_equal(strlen(a->hash), 64);
    assert_string_equal(a->hash, b->hash);
    assert_string_not_equal(a->hash, other->hash);
    split_destroy(b);
    dataset->hash[0] = dataset->hash[0] == '0' ? '1' : '0'; /* other pixels, same labels */
    assert_int_equal(split_by_class(dataset, 3, &b), STATUS_OK);
    assert_string_not_equal(a->hash, b->hash);
    split_destroy(a);
    split_destroy(b);
    split_destroy(other);
}

static void test_bad_class(void **state)
{
    struct split *split = NULL;

    assert_int_equal(split_by_class(*state, 10, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "forget.class must be in [0, 10), got 10");
    assert_int_equal(split_by_class(*state, 9, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "forget.class is 9, but no training image has that label");
    assert_null(split);
}

/* Images of a list by class. */
static void count_classes(const struct dataset *dataset, const int32_t *images, int64_t n,
                          int64_t counts[10])
{
    memset(counts, 0, 10 * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[dataset->train.labels[images[i]]]++;
}

static struct split *make(const struct dataset *dataset, struct split_request request)
{
    struct split *split = NULL;

    assert_int_equal(split_create(dataset, &request, &split), STATUS_OK);
    return split;
}

/* Every training image is in one list, each ascending. */
static void check_partition(const struct dataset *dataset, const struct split *split)
{
    const int32_t *lists[] = {split->forget, split->retain, split->validation};
    const int64_t counts[] = {split->n_forget, split->n_retain, split->n_validation};
    int64_t n_seen = 0;

    for (int list = 0; list < 3; list++) {
        for (int64_t i = 0; i < counts[list]; i++)
            assert_true(i == 0 || lists[list][i] > lists[list][i - 1]);
        n_seen += counts[list];
    }
    assert_int_equal(n_seen, dataset->train.n);
    for (int32_t image = 0; image < dataset->train.n; image++) {
        int n_lists = 0;
        for (int list = 0; list < 3; list++)
            for (int64_t i = 0; i < counts[list]; i++)
                n_lists += lists[list][i] == image;
        assert_int_equal(n_lists, 1);
    }
}

/* 20 training images with 1 2 3 4 4 3 2 1 of the classes 0..7. */
static void test_validation_is_stratified(void **state)
{
    static const int64_t half[10] = {1, 1, 2, 2, 2, 1, 1, 0}; /* ties to the first class */
    struct split *share = make(*state, (struct split_request){-1, 0.5, 7});
    struct split *count = make(*state, (struct split_request){-1, 10, 7});
    int64_t counts[10];

    check_partition(*state, share);
    assert_int_equal(share->n_validation, 10);
    count_classes(*state, share->validation, share->n_validation, counts);
    assert_memory_equal(counts, half, sizeof counts);
    assert_int_equal(count->n_validation, 10);
    assert_memory_equal(share->validation, count->validation, 10 * sizeof *count->validation);
    assert_string_equal(share->hash, count->hash); /* written differently, the same */
    split_destroy(share);
    split_destroy(count);
}

/* What is forgotten does not change it: base training and unlearning leave out the same images. */
static void test_validation_is_fixed(void **state)
{
    struct split *base = make(*state, (struct split_request){-1, 6, 1});
    struct split *other = make(*state, (struct split_request){-1, 6, 2});

    assert_true(memcmp(base->validation, other->validation, 6 * sizeof *base->validation) != 0);
    assert_string_not_equal(base->hash, other->hash);
    for (int class = 2; class < 6; class ++) {
        struct split *split = make(*state, (struct split_request){class, 6, 1});
        check_partition(*state, split);
        assert_int_equal(split->n_validation, 6);
        assert_memory_equal(split->validation, base->validation, 6 * sizeof *base->validation);
        assert_true(split->n_forget > 0);
        split_destroy(split);
    }
    split_destroy(base);
    split_destroy(other);
}

/* A hash is part of every run's id. */
static void test_hash_without_validation(void **state)
{
    struct split *split = make(*state, (struct split_request){3, 0, 99});

    assert_int_equal(split->n_validation, 0);
    assert_string_equal(split->hash,
                        "f0084f4bc07442351b6dcaaa4fae9383684aa20efb54e170a8e586e75e65513d");
    split_destroy(split);
}

static void test_bad_validation(void **state)
{
    static const struct {
        double validation;
        const char *message;
    } cases[] = {
        {0.01, "data.validation is 0.01 of 20 training images, which is none"},
        {20, "data.validation is 20, which leaves none of the 20 training images to train on"},
        {0.99, "data.validation is 0.99, which leaves none of the 20 training images to train on"},
    };
    struct split *split = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct split_request request = {-1, cases[i].validation, 0};
        assert_int_equal(split_create(*state, &request, &split), STATUS_BAD_CONFIG);
        assert_string_equal(status_message(), cases[i].message);
    }
    assert_null(split);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, load, unload),
        cmocka_unit_test_setup_teardown(test_hash, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_class, load, unload),
        cmocka_unit_test_setup_teardown(test_validation_is_stratified, load, unload),
        cmocka_unit_test_setup_teardown(test_validation_is_fixed, load, unload),
        cmocka_unit_test_setup_teardown(test_hash_without_validation, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_validation, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
