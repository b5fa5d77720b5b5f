/* Looking up, checking against a model, HDF5 weights and manifests. */
#include "store/weights/weights.h"

#include "base/file.h"
#include "store_test.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static float conv[2 * 3 * 2 * 2], bias[2] = {0.5f, -0.0f};
static double exact[1] = {0.1};
static int64_t batches = 1234567890123;

static const struct weight_tensor sample[] = {
    {"module.conv.weight", "float32", DTYPE_F32, 4, {2, 3, 2, 2}, conv, NULL},
    {"module.conv.bias", "float32", DTYPE_F32, 1, {2}, bias, NULL},
    {"module.exact", "float64", DTYPE_F64, 1, {1}, exact, NULL},
    {"module.bn.num_batches_tracked", "int64", DTYPE_I64, 0, {0}, &batches, NULL},
    {"module.empty", "float32", DTYPE_F32, 2, {0, 3}, conv, NULL},
};
enum { N_SAMPLE = sizeof sample / sizeof *sample };

static int open_folder(void **state)
{
    static struct temporary_folder folder;

    for (int i = 0; i < (int)(sizeof conv / sizeof *conv); i++)
        conv[i] = (float)i / 7;
    temporary_folder_open(&folder);
    *state = &folder;
    return 0;
}

static int close_folder(void **state)
{
    temporary_folder_close(*state);
    return 0;
}

static struct weights *save_and_load(const struct temporary_folder *folder, char *path)
{
    struct weights *weights = NULL;

    ok(weights_save_h5(temporary_path(folder, "w.h5", path), sample, N_SAMPLE));
    ok(weights_load(path, &weights));
    return weights;
}

static void test_h5_round_trip(void **state)
{
    char path[TEMPORARY_PATH_BYTES], hash[HASH_HEX_BYTES];
    struct weights *weights = save_and_load(*state, path);

    assert_string_equal(weights->format, "hdf5");
    assert_string_equal(weights->prefix, "module.");
    ok(hash_file(path, hash));
    assert_string_equal(weights->hash, hash);
    assert_int_equal(weights->n, N_SAMPLE);
    for (int i = 0; i < N_SAMPLE; i++) {
        const struct weight_tensor *found = &weights->tensors[i], *wanted = &sample[i];
        assert_string_equal(found->name, wanted->name); /* in the order they were saved */
        assert_string_equal(found->stored_dtype, wanted->stored_dtype);
        assert_int_equal(found->dtype, wanted->dtype);
        assert_int_equal(found->n_dims, wanted->n_dims);
        assert_memory_equal(found->shape, wanted->shape, sizeof(int64_t) * (size_t)found->n_dims);
        assert_memory_equal(found->values, wanted->values,
                            (size_t)weight_elements(wanted) * dtype_bytes(wanted->dtype));
    }
    assert_ptr_equal(weights_find(weights, "conv.bias"), &weights->tensors[1]);
    assert_null(weights_find(weights, "module.conv.bias"));
    weights_destroy(weights);
    weights_destroy(NULL);
}

/* A file of ours cut or flipped anywhere is refused by its checksum, before HDF5 sees it. Where the
 * cut or flip hits the checksum's own mark the content is whole, and loads. */
static void test_h5_damage(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    char *bytes = NULL;
    int64_t n = 0, n_whole = 0;
    const int64_t mark = 26;

    weights_destroy(save_and_load(*state, path));
    ok(file_read(path, &bytes, &n));
    for (int64_t i = 0; i < n; i += i < n - mark ? 13 : 1) {
        bytes[i] = (char)(bytes[i] ^ 0x20);
        enum status status = store_parse_exactly(bytes, n);
        if (i < n - mark && status == STATUS_OK)
            fail_msg("byte %lld flipped was not noticed", (long long)i);
        n_whole += status == STATUS_OK;
        bytes[i] = (char)(bytes[i] ^ 0x20);
    }
    assert_true(n_whole > 0 && n_whole <= mark);
    bytes[n / 2] = (char)(bytes[n / 2] ^ 1);
    fails(store_parse_exactly(bytes, n), STATUS_BAD_DATA,
          "x.pth': is damaged: its checksum is not that of its content");
    bytes[n / 2] = (char)(bytes[n / 2] ^ 1);
    for (int64_t length = 0; length < n - mark; length += 11)
        assert_int_equal(store_parse_exactly(bytes, length), STATUS_BAD_DATA);
    free(bytes);
}

static void test_h5_refused_names(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct weight_tensor tensor = sample[0];

    temporary_path(*state, "never.h5", path);
    tensor.name = "a/b";
    fails(weights_save_h5(path, &tensor, 1), STATUS_BAD_DATA,
          "tensor 'a/b': HDF5 cannot hold a tensor of this name");
    const struct weight_tensor twice[] = {sample[1], sample[1]};
    fails(weights_save_h5(path, twice, 2), STATUS_BAD_DATA, "tensor 'module.conv.bias': HDF5: ");
    assert_non_null(strstr(status_message(), "H5Dcreate2("));
    assert_false(file_exists(path));
}

/* Fails while writing: the old file stays, no temporary one remains, the process lives. */
static void test_h5_failed_write(void **state)
{
    const struct temporary_folder *folder = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct rlimit old, small;
    struct weights *weights = NULL;

    weights_destroy(save_and_load(folder, path));
    int n_entries = temporary_folder_count(folder);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = weights_save_h5(path, sample, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    fails(status, STATUS_IO, "cannot write '");
    assert_non_null(strstr(status_message(), "File too large"));
    assert_int_equal(temporary_folder_count(folder), n_entries);
    ok(weights_load(path, &weights));
    assert_int_equal(weights->n, N_SAMPLE);
    weights_destroy(weights);
    fails(weights_save_h5("/no/such/folder/w.h5", sample, 1), STATUS_IO, "/no/such/folder/w.h5");
    fails(weights_load("/no/such/file", &weights), STATUS_IO, "weights: cannot open");
}

/* ---- does it fit the model ---- */

static void test_check(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct weights *weights = save_and_load(*state, path);
    const struct weight_wanted fitting[] = {
        {"conv.weight", 4, {2, 3, 2, 2}},    {"conv.bias", 1, {2}}, {"exact", 1, {1}},
        {"bn2.num_batches_tracked", 0, {0}}, {"empty", 2, {0, 3}},
    };
    const struct weight_wanted other[] = {
        {"conv.weight", 4, {64, 64, 3, 3}}, {"conv.bias", 2, {2, 1}}, {"fc.weight", 2, {10, 64}}};

    ok(weights_check(weights, "x.pth", "resnet18", fitting, 5));
    fails(weights_check(weights, "x.pth", "resnet18", other, 3), STATUS_BAD_DATA,
          "weights 'x.pth': 'conv.weight' is [2,3,2,2], resnet18 expects [64,64,3,3]; 'conv.bias' "
          "is [2], resnet18 expects [2,1]; 'fc.weight' is missing, resnet18 expects it as [10,64]; "
          "'exact' is extra, resnet18 has no such tensor; 'empty' is extra, resnet18 has no such "
          "tensor");
    weights_destroy(weights);
}

static void test_check_shows_eight(void **state)
{
    char path[TEMPORARY_PATH_BYTES], names[20][16];
    struct weights *weights = save_and_load(*state, path);
    struct weight_wanted wanted[20] = {{0}};

    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "w%d", i);
        wanted[i] = (struct weight_wanted){.name = names[i]};
    }
    fails(weights_check(weights, "x.pth", "vit", wanted, 20), STATUS_BAD_DATA,
          "'w7' is missing, vit expects it as [] … and 16 more");
    assert_null(strstr(status_message(), "'w8'"));
    weights_destroy(weights);
}

/* ---- manifests ---- */

static const struct manifest full = {.arch = "resnet20",
                                     .dataset = "cifar10",
                                     .split_hash = "abc",
                                     .licence = "MIT",
                                     .sha256 = "0123456789abcdef",
                                     .recipe = "{\"epochs\":3}",
                                     .mean = {0.485, 0.456, 0.406},
                                     .std = {0.229, 0.224, 0.225},
                                     .has_normalisation = true,
                                     .seed = INT64_MAX};

static void test_manifest(void **state)
{
    char path[TEMPORARY_PATH_BYTES];
    struct manifest found = {0};
    struct arena *arena = NULL;
    bool is_present = true;

    temporary_path(*state, "m.pth", path);
    ok(arena_create(&arena));
    ok(manifest_load(path, "x", arena, &found, &is_present));
    assert_false(is_present);
    ok(manifest_save(path, &full));
    ok(manifest_load(path, "0123456789abcdef", arena, &found, &is_present));
    assert_true(is_present);
    assert_string_equal(found.arch, full.arch);
    assert_string_equal(found.dataset, full.dataset);
    assert_string_equal(found.split_hash, full.split_hash);
    assert_string_equal(found.licence, full.licence);
    assert_string_equal(found.sha256, full.sha256);
    assert_string_equal(found.recipe, full.recipe);
    assert_memory_equal(found.mean, full.mean, sizeof full.mean);
    assert_memory_equal(found.std, full.std, sizeof full.std);
    assert_true(found.has_normalisation && found.seed == INT64_MAX);
    ok(manifest_load(path, NULL, arena, &found, &is_present));
    fails(manifest_load(path, "ffff", arena, &found, &is_present), STATUS_BAD_DATA,
          "m.pth.json': 'sha256' is 0123456789ab…, the weights file's is "
          "ffff…: it describes other weights");
    struct manifest bad = full;
    bad.recipe = "[1]";
    fails(manifest_save(path, &bad), STATUS_BAD_DATA, "recipe is not a JSON object: '[1]'");
    arena_destroy(arena);
}

static void test_damaged_manifests(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"arch\": ", "m.pth.json': is damaged: not JSON"},
        {"{} x", "is damaged: not JSON"},
        {"[]", "is not a JSON object"},
        {"{\"format_version\": 2}", "has a 'format_version' that this program does not know"},
        {"{\"arch\": 3}", "'arch' must be text"},
        {"{\"mean\": [1, 2]}", "'mean' must be three numbers"},
        {"{\"mean\": [1, 2, \"x\"]}", "'mean' must be three numbers"},
        {"{\"mean\": [1, 2, 3]}", "'mean' and 'std' belong together"},
        {"{\"mean\": [1, 2, 3], \"std\": [1, 0, 1]}", "'std' must be above 0"},
        {"{\"seed\": 1.5}", "'seed' must be a whole number"},
        {"{\"seed\": \"12x\"}", "'seed' must be a whole number"},
        {"{\"recipe\": 3}", "'recipe' must be an object"},
    };
    char path[TEMPORARY_PATH_BYTES], json[TEMPORARY_PATH_BYTES];
    struct manifest found = {.seed = 42};
    struct arena *arena = NULL;
    bool is_present = false;

    temporary_path(*state, "m.pth", path);
    temporary_path(*state, "m.pth.json", json);
    ok(arena_create(&arena));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ok(file_write(json, cases[i].text, strlen(cases[i].text)));
        fails(manifest_load(path, "x", arena, &found, &is_present), STATUS_BAD_DATA,
              cases[i].message);
    }
    assert_int_equal(found.seed, 42); /* untouched by failures */
    arena_destroy(arena);
}

static void test_unknown_formats(void **state)
{
    (void)state;
    fails(store_parse_exactly("", 0), STATUS_BAD_DATA, "weights 'x.pth': is empty");
    fails(store_parse_exactly("hello", 5), STATUS_BAD_DATA, "is none of the formats known");
    fails(store_parse_exactly("PK\3\4 and no more", 16), STATUS_BAD_DATA,
          "zip archive cannot be opened");
    fails(store_parse_exactly("\x89HDF\r\n\x1a\nno", 10), STATUS_BAD_DATA, "HDF5: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h5_round_trip),
        cmocka_unit_test(test_h5_damage),
        cmocka_unit_test(test_h5_refused_names),
        cmocka_unit_test(test_h5_failed_write),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_shows_eight),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_damaged_manifests),
        cmocka_unit_test(test_unknown_formats),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
