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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, load, unload),
        cmocka_unit_test_setup_teardown(test_hash, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_class, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
