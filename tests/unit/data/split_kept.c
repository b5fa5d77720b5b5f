/* Which images set aside a model is still to know. */
#include "data/dataset.h"

#include "support/cmocka.h"
#include "support/outcome.h"

static const int32_t train_labels[] = {0, 1, 2, 0, 1, 2, 3};
static const int32_t test_labels[] = {0, 1, 2, 2, 1};
static int32_t validation[] = {0, 1, 2, 4, 6};

static void expect(struct split split, const int32_t *wanted, int64_t n_wanted)
{
    int32_t images[5] = {-1, -1, -1, -1, -1};
    int64_t n = -1;

    ok(split_validation_kept(&split, train_labels, test_labels, images, &n));
    assert_int_equal(n, n_wanted);
    assert_memory_equal(images, wanted, (size_t)n * sizeof *images);
    for (int64_t i = n; i < split.n_validation; i++)
        assert_int_equal(images[i], -1);
}

static void what_ta_leaves_out_is_left_out(void **unused)
{
    int32_t of_one[] = {1, 4}, of_all[] = {0, 1, 2, 3, 4};

    (void)unused;
    expect((struct split){.validation = validation, .n_validation = 5}, validation, 5);
    expect(
        (struct split){
            .validation = validation, .n_validation = 5, .test_forget = of_one, .n_test_forget = 2},
        (const int32_t[]){0, 2, 6}, 3);
    expect(
        (struct split){
            .validation = validation, .n_validation = 5, .test_forget = of_all, .n_test_forget = 5},
        (const int32_t[]){6}, 1); /* a class without test images stays */
    expect((struct split){.test_forget = of_all, .n_test_forget = 5}, validation, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ta_leaves_out_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
