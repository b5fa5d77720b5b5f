/* The lossless part of CIFAR-10, where it lies beside the repository. */
#include "data/dataset.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/split_of_class.h"

#include <stdio.h>

static void test_counts(void **state)
{
    (void)state;
    struct dataset *dataset = NULL;
    struct split *split = NULL;

    ok(dataset_load(DATASET_CIFAR10, SHARED_DATA "/cifar-10-batches-bin", &dataset));
    assert_int_equal(dataset->train.n, 4660);
    assert_int_equal(dataset->test.n, 846);
    assert_string_equal(dataset->class_names[3], "cat");
    assert_int_equal(dataset->train.labels[0], 6); /* the official set begins with a frog */
    ok(split_of_class(dataset, 3, &split));
    assert_int_equal(split->n_forget, 448);
    assert_int_equal(split->n_retain, 4212);
    assert_int_equal(split->n_test_forget, 84);
    assert_int_equal(split->n_test_retain, 762);
    split_destroy(split);
    dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts)};

    if (!folder_exists(SHARED_DATA "/cifar-10-batches-bin")) {
        puts("skipped: there is no " SHARED_DATA "/cifar-10-batches-bin");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
