/* A published checkpoint, when the development data is there. */
#include "base/file.h"
#include "store_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char path[] = SHARED_DATA "/model_weights/resnet20-12fca82f.th";

static void test_published(void **state)
{
    struct weights *weights = NULL;
    int64_t n_parameters = 0;

    (void)state;
    ok(weights_load(path, &weights));
    assert_string_equal(weights->format, "pytorch-legacy");
    assert_string_equal(weights->nested_under, "state_dict");
    assert_string_equal(weights->prefix, "module.");
    assert_memory_equal(weights->hash, "12fca82f", 8); /* the file's name says so */
    for (int64_t i = 0; i < weights->n; i++)
        if (strstr(weights->tensors[i].name, "running_") == NULL)
            n_parameters += weight_elements(&weights->tensors[i]);
    assert_int_equal(n_parameters, 269722);
    const struct weight_tensor *stem = weights_find(weights, "conv1.weight");
    assert_non_null(stem);
    assert_string_equal(stem->name, "module.conv1.weight");
    assert_int_equal(stem->n_dims, 4);
    assert_int_equal(stem->shape[0], 16);
    assert_int_equal(stem->shape[1], 3);
    assert_int_equal(weights_find(weights, "linear.weight")->shape[0], 10);
    assert_null(weights_find(weights, "bn1.num_batches_tracked")); /* older than PyTorch 0.4.1 */
    weights_destroy(weights);
}

static void test_truncated(void **state)
{
    char *bytes = NULL;
    int64_t n = 0;

    (void)state;
    ok(file_read(path, &bytes, &n));
    for (int64_t length = n - 1; length > 0; length -= 1 + n / 60)
        assert_int_equal(store_parse_exactly(bytes, length), STATUS_BAD_DATA);
    fails(store_parse_exactly(bytes, n - 1), STATUS_BAD_DATA, "x.pth': is cut off: storage '");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published),
                                       cmocka_unit_test(test_truncated)};

    if (!file_exists(path)) {
        printf("skipped: %s is not there\n", path);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
