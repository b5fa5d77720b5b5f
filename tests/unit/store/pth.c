/* Files that PyTorch itself wrote (make_pth.py): every value compared, every refusal worded, every
 * prefix and every flipped byte survived. Skipped without PyTorch. */
#include "base/file.h"
#include "store_test.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct temporary_folder folder;
    cJSON *expected;
};

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void compare_values(const struct weight_tensor *tensor, const cJSON *values)
{
    assert_int_equal(weight_elements(tensor), cJSON_GetArraySize(values));
    int64_t i = 0;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, values)
    {
        const char *spelled = cJSON_GetStringValue(item);
        if (tensor->dtype == DTYPE_I64) {
            assert_true(((const int64_t *)tensor->values)[i] == strtoll(spelled, NULL, 10));
        } else {
            double wanted = strtod(spelled, NULL), found = weight_value(tensor, i);
            assert_true(isnan(wanted) ? isnan(found) : wanted == found);
            if (!isnan(wanted))
                assert_int_equal(signbit(wanted) != 0, signbit(found) != 0);
        }
        i++;
    }
}

static enum dtype memory_dtype(const char *stored)
{
    if (strcmp(stored, "float64") == 0)
        return DTYPE_F64;
    return strstr(stored, "float") != NULL ? DTYPE_F32 : DTYPE_I64;
}

static void compare_tensor(const struct weights *weights, const cJSON *wanted)
{
    const char *name = text_of(wanted, "name") + strlen(weights->prefix);
    const struct weight_tensor *tensor = weights_find(weights, name);
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(wanted, "shape");

    assert_non_null(tensor);
    assert_string_equal(tensor->name, text_of(wanted, "name"));
    assert_string_equal(tensor->stored_dtype, text_of(wanted, "dtype"));
    assert_int_equal(tensor->dtype, memory_dtype(tensor->stored_dtype));
    assert_int_equal(tensor->n_dims, cJSON_GetArraySize(shape));
    for (int i = 0; i < tensor->n_dims; i++)
        assert_int_equal(tensor->shape[i], cJSON_GetArrayItem(shape, i)->valueint);
    compare_values(tensor, cJSON_GetObjectItemCaseSensitive(wanted, "values"));
}

static void test_values(void **state)
{
    struct fixture *fixture = *state;
    char path[TEMPORARY_PATH_BYTES];
    int n_files = 0;
    const cJSON *file = NULL, *wanted = NULL;

    cJSON_ArrayForEach(file, cJSON_GetObjectItem(fixture->expected, "good"))
    {
        struct weights *weights = NULL;
        char hash[HASH_HEX_BYTES];
        const cJSON *tensors = cJSON_GetObjectItem(file, "tensors");
        temporary_path(&fixture->folder, text_of(file, "file"), path);
        ok(weights_load(path, &weights));
        assert_string_equal(weights->format, text_of(file, "format"));
        assert_string_equal(weights->nested_under, text_of(file, "nested"));
        assert_string_equal(weights->prefix, text_of(file, "prefix"));
        ok(hash_file(path, hash));
        assert_string_equal(weights->hash, hash);
        assert_int_equal(weights->n, cJSON_GetArraySize(tensors));
        cJSON_ArrayForEach(wanted, tensors) compare_tensor(weights, wanted);
        assert_null(weights_find(weights, "no such tensor"));
        weights_destroy(weights);
        n_files++;
    }
    assert_true(n_files > 30);
}

static void test_refusals(void **state)
{
    struct fixture *fixture = *state;
    char path[TEMPORARY_PATH_BYTES], start[TEMPORARY_PATH_BYTES + 32];
    int n_files = 0;
    const cJSON *file = NULL;

    cJSON_ArrayForEach(file, cJSON_GetObjectItem(fixture->expected, "bad"))
    {
        struct weights *weights = NULL;
        temporary_path(&fixture->folder, text_of(file, "file"), path);
        fails(weights_load(path, &weights), STATUS_BAD_DATA, text_of(file, "message"));
        assert_null(weights); /* out-parameters change only on success */
        snprintf(start, sizeof start, "weights '%s': ", path);
        assert_memory_equal(status_message(), start, strlen(start));
        n_files++;
    }
    assert_true(n_files > 20);
    assert_false(file_exists(temporary_path(&fixture->folder, "executed", path)));
}

static void every_prefix(struct fixture *fixture, const char *name)
{
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0;

    ok(file_read(temporary_path(&fixture->folder, name, path), &bytes, &n));
    ok(store_parse_exactly(bytes, n));
    for (int64_t length = 0; length < n; length++)
        if (store_parse_exactly(bytes, length) != STATUS_BAD_DATA)
            fail_msg("%s cut to %lld of %lld bytes was not refused", name, (long long)length,
                     (long long)n);
    free(bytes);
}

static void test_every_prefix(void **state)
{
    every_prefix(*state, "small_zip.pth");
    every_prefix(*state, "small_legacy.pth");
}

static void every_flip(struct fixture *fixture, const char *name, int64_t step)
{
    static const unsigned char masks[] = {0x01, 0x10, 0x80, 0xFF};
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0;

    ok(file_read(temporary_path(&fixture->folder, name, path), &bytes, &n));
    for (int64_t i = 0; i < n; i += step) {
        for (size_t m = 0; m < sizeof masks; m++) {
            bytes[i] = (char)(bytes[i] ^ masks[m]);
            enum status status = store_parse_exactly(bytes, n);
            if (status != STATUS_OK && status != STATUS_BAD_DATA)
                fail_msg("%s with byte %lld flipped by %#x: %s", name, (long long)i, masks[m],
                         status_message());
            bytes[i] = (char)(bytes[i] ^ masks[m]);
        }
    }
    free(bytes);
}

static void test_every_flip(void **state)
{
    every_flip(*state, "small_zip.pth", 1);
    every_flip(*state, "small_legacy.pth", 1);
    every_flip(*state, "nested_net_2_zip.pth", 7);
    every_flip(*state, "views_2_legacy.pth", 3);
}

/* A flipped bit in a stored tensor of a zip is never loaded: its CRC tells. */
static void test_flipped_value(void **state)
{
    struct fixture *fixture = *state;
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0;
    const float value = 0.875f; /* the last of conv.weight */

    ok(file_read(temporary_path(&fixture->folder, "small_zip.pth", path), &bytes, &n));
    char *at = memmem(bytes, (size_t)n, &value, sizeof value);
    assert_non_null(at);
    *at = 1;
    fails(store_parse_exactly(bytes, n), STATUS_BAD_DATA, "data/0' is damaged");
    free(bytes);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    temporary_folder_close(&fixture->folder);
    cJSON_Delete(fixture->expected);
    return 0;
}

/* Exit code of the script: 0, 77 without PyTorch. */
static int prepare(struct fixture *fixture)
{
    char path[TEMPORARY_PATH_BYTES];
    char *text = NULL;
    int64_t n = 0;

    temporary_folder_open(&fixture->folder);
    int code = store_run_python("make_pth.py", fixture->folder.path);
    if (code != 0 ||
        file_read(temporary_path(&fixture->folder, "expected.json", path), &text, &n) != STATUS_OK)
        return code != 0 ? code : 1;
    fixture->expected = cJSON_Parse(text);
    free(text);
    return fixture->expected == NULL;
}

int main(void)
{
    static struct fixture fixture;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_values, &fixture),
        cmocka_unit_test_prestate(test_refusals, &fixture),
        cmocka_unit_test_prestate(test_every_prefix, &fixture),
        cmocka_unit_test_prestate(test_every_flip, &fixture),
        cmocka_unit_test_prestate(test_flipped_value, &fixture),
    };
    int code = prepare(&fixture);

    if (code == 0)
        code = cmocka_run_group_tests(tests, NULL, NULL);
    void *state = &fixture;
    teardown(&state);
    return code;
}
