/* Safetensors headers that lie, each refused with what, where, wanted and got; files written whole
 * or not at all; halves rounded as everywhere else. */
#include "base/file.h"
#include "store_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { FILE_BYTES = 1024 };

static int open_folder(void **state)
{
    static struct temporary_folder folder;

    temporary_folder_open(&folder);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

/* Length, header, n_data bytes counting up. */
static int64_t compose(const char *header, int64_t n_data, char file[FILE_BYTES])
{
    size_t n = strlen(header);

    assert_true(8 + n + (size_t)n_data <= FILE_BYTES);
    memset(file, 0, 8);
    file[0] = (char)(n & 0xFF);
    file[1] = (char)(n >> 8);
    memcpy(file + 8, header, n);
    for (int64_t i = 0; i < n_data; i++)
        file[8 + n + (size_t)i] = (char)i;
    return (int64_t)(8 + n) + n_data;
}

#define TENSOR(name, dtype, shape, begin, end)                                                     \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin        \
    "," #end "]}"

static void test_reads(void **state)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("module.w", "F32", "2", 4, 12) "," TENSOR(
            "module.none", "F32", "0,3", 12, 12) "," TENSOR("module.n", "I32", "", 0, 4) "}    ";
    char file[FILE_BYTES];
    struct weights *weights = NULL;

    (void)state;
    int64_t n = compose(header, 12, file);
    ok(weights_parse("x.safetensors", file, n, &weights));
    assert_string_equal(weights->format, "safetensors");
    assert_string_equal(weights->prefix, "module.");
    assert_int_equal(weights->n, 3);
    assert_int_equal(weight_value(weights_find(weights, "n"), 0), 0x03020100);
    assert_string_equal(weights->tensors[0].name, "module.w"); /* in the header's order */
    assert_int_equal(weights_find(weights, "w")->shape[0], 2);
    assert_int_equal(weight_elements(weights_find(weights, "none")), 0);
    weights_destroy(weights);
}

static void test_lies(void **state)
{
    static const struct {
        const char *header;
        int64_t n_data;
        const char *message;
    } cases[] = {
        {"{" TENSOR("w", "F32", "3", 0, 8) "}", 8,
         "'w': claims 8 bytes, which is not its shape times 4 bytes of float32"},
        {"{" TENSOR("w", "F32", "2", 0, 16) "}", 8,
         "'w': claims bytes 0 to 16 of the data, which has 8"},
        {"{" TENSOR("w", "F32", "2", 8, 0) "}", 8, "'w': claims bytes 8 to 0 of the data"},
        {"{" TENSOR("w", "F32", "2", -8, 0) "}", 8,
         "'w': has no 'data_offsets', expected two whole"},
        {"{" TENSOR("w", "F32", "2", 0.5, 8) "}", 8,
         "'w': has no 'data_offsets', expected two whole"},
        {"{" TENSOR("w", "F32", "2", 0, 1e300) "}", 8, "'w': has no 'data_offsets', expected two"},
        {"{" TENSOR("w", "F32", "4611686018427387904,4", 0, 0) "}", 0,
         "'w': has a size in its 'shape' that is not a whole number"},
        {"{" TENSOR("w", "F32", "4503599627370496,4503599627370496", 0, 8) "}", 8,
         "'w': claims 8 bytes, which is not its shape times 4 bytes of float32"},
        {"{" TENSOR("w", "F32", "-1", 0, 8) "}", 8, "'w': has a size in its 'shape'"},
        {"{" TENSOR("w", "F32", "1,1,1,1,1,1,1,1,2", 0, 8) "}", 8,
         "'w': has more than 8 dimensions"},
        {"{" TENSOR("w", "F8_E4M3", "8", 0, 8) "}", 8,
         "'w': has dtype 'F8_E4M3', expected one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL"},
        {"{" TENSOR("a", "F32", "2", 0, 8) "," TENSOR("b", "F32", "2", 4, 12) "}", 12,
         "'b' begins at byte 4, within 'a', which ends at 8"},
        {"{" TENSOR("a", "F32", "1", 0, 4) "," TENSOR("b", "F32", "1", 8, 12) "}", 12,
         "bytes 4 to 8 of the data belong to no tensor"},
        {"{" TENSOR("a", "F32", "1", 0, 4) "}", 12,
         "bytes 4 to 12 of the data belong to no tensor"},
        {"{" TENSOR("a", "U8", "1", 0, 1) "," TENSOR("a", "U8", "1", 1, 2) "}", 2,
         "holds 'a' twice"},
        {"{" TENSOR("a\\nb", "U8", "1", 0, 1) "}", 1, "whose name has control characters"},
        {"{" TENSOR("", "U8", "1", 0, 1) "}", 1, "holds a tensor without a name"},
        {"{\"w\":3}", 0,
         "'w': has no 'dtype', expected an object with dtype, shape and data_offsets"},
        {"{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0,
         "'w': has no 'shape', expected an array of sizes"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0, "'w': has no 'data_offsets'"},
        {"{}", 0, "holds no tensors"},
        {"{\"w\":}", 0, "header is not JSON: cannot be understood from its byte 5"},
        {"{} {}", 0, "header goes on after its JSON at byte 3"},
    };
    char file[FILE_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails(store_parse_exactly(file, compose(cases[i].header, cases[i].n_data, file)),
              STATUS_BAD_DATA, cases[i].message);
}

static void test_header_length(void **state)
{
    char file[FILE_BYTES];
    char *huge = NULL;
    const int64_t n_huge = 8 + (17 << 20);

    (void)state;
    int64_t n = compose("{" TENSOR("w", "F32", "2", 0, 8) "}", 8, file);
    for (int64_t length = 9; length < n; length++) /* cut anywhere, the header's start left */
        assert_int_equal(store_parse_exactly(file, length), STATUS_BAD_DATA);
    fails(store_parse_exactly(file, n - 1), STATUS_BAD_DATA,
          "claims bytes 0 to 8 of the data, which has 7");
    fails(store_parse_exactly(file, 20), STATUS_BAD_DATA, "but 12 follow its length: cut off?");
    file[7] = 0x7F;
    fails(store_parse_exactly(file, n), STATUS_BAD_DATA, "claims a header of 9151314442816847");
    huge = calloc((size_t)n_huge, 1);
    assert_non_null(huge);
    memset(huge + 8, ' ', (size_t)n_huge - 8);
    huge[2] = 0x10; /* 17 MiB */
    huge[3] = 0x01;
    huge[8] = '{';
    fails(store_parse_exactly(huge, n_huge), STATUS_BAD_DATA,
          "has a header of 17825792 bytes, expected at most 16777216");
    free(huge);
}

/* What a file was read as it is written as; ties go to even, too large to infinity. */
static void test_rounds_halves(void **state)
{
    static float values[] = {1.0f,       1.00048828125f, 1.00146484375f, 65519.0f,
                             65520.0f,   1e30f,          0x1p-24f,       0x1p-25f,
                             0x1.8p-25f, -0x1p-14f,      -0x1.ffep-15f,  0.0f};
    static const uint16_t halves[] = {0x3C00, 0x3C00, 0x3C02, 0x7BFF, 0x7C00, 0x7C00,
                                      0x0001, 0x0000, 0x0001, 0x8400, 0x8400, 0x0000};
    static float wide[] = {1.00390625f, 1.01171875f, 0x1.ffp127f, -0.0f};
    static const uint16_t bfloats[] = {0x3F80, 0x3F82, 0x7F80, 0x8000};
    const struct weight_tensor tensors[] = {
        {.name = "h",
         .dtype = DTYPE_F32,
         .stored_dtype = "float16",
         .n_dims = 1,
         .shape = {12},
         .values = values},
        {.name = "b",
         .dtype = DTYPE_F32,
         .stored_dtype = "bfloat16",
         .n_dims = 1,
         .shape = {4},
         .values = wide},
    };
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0;

    ok(weights_save(temporary_path(*state, "h.safetensors", path), tensors, 2));
    ok(file_read(path, &bytes, &n));
    assert_memory_equal(bytes + n - 32, halves, sizeof halves);
    assert_memory_equal(bytes + n - 8, bfloats, sizeof bfloats);
    free(bytes);
}

static void test_failed_write(void **state)
{
    static float values[4096];
    const struct weight_tensor tensor = {
        .name = "w", .dtype = DTYPE_F32, .n_dims = 1, .shape = {4096}, .values = values};
    static const char *const names[] = {"w.pth", "w.safetensors", "w.h5"};
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct rlimit old, small;

    int n_entries = temporary_folder_count(folder);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum status status = weights_save(temporary_path(folder, names[i], path), &tensor, 1);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        fails(status, STATUS_IO, "cannot write '");
        assert_int_equal(temporary_folder_count(folder), n_entries);
    }
    signal(SIGXFSZ, handler);
    fails(weights_save("w.onnx", &tensor, 1), STATUS_BAD_CONFIG,
          "'w.onnx': the name does not say which format; use one that ends in .pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),         cmocka_unit_test(test_lies),
        cmocka_unit_test(test_header_length), cmocka_unit_test(test_rounds_halves),
        cmocka_unit_test(test_failed_write),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
