/* Files behind a sweep: bases and their layers, data and weights that are missing, broken or of
 * another architecture, and content instead of paths in ids. */
#include "base/file.h"
#include "loading.h"
#include "model/model.h"
#include "store/weights/weights.h"
#include "support/cifar_files.h"
#include "support/cmocka.h"
#include "weights_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every test stands in its own folder with data/ and weights; paths are relative to it. */
struct place {
    struct temporary_folder folder, data;
    char before[TEMPORARY_PATH_BYTES];
};

static int enter(void **state)
{
    static struct place place;

    assert_non_null(getcwd(place.before, sizeof place.before));
    temporary_folder_open(&place.folder);
    assert_int_equal(chdir(place.folder.path), 0);
    assert_int_equal(folder_create("data"), STATUS_OK);
    snprintf(place.data.path, sizeof place.data.path, "data");
    write_cifar10(&place.data, 4);
    *state = &place;
    return 0;
}

static int leave(void **state)
{
    struct place *place = *state;

    assert_int_equal(chdir(place->before), 0);
    temporary_folder_close(&place->folder);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(file_write(path, text, strlen(text)), STATUS_OK);
}

#define SWEEP                                                                                      \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.h5}\n"                                                   \
    "  data: {path: data, mean: published, std: published}\n"                                      \
    "  forget.class: 3\n"                                                                          \
    "parameters:\n"                                                                                \
    "  unlearn.method: [retrain, lora]\n"

/* Loads as `sweep` does: missing files are mistakes. */
static struct loaded load_strictly(const char *yaml)
{
    struct loaded loaded = {0};
    struct sweep_source source = {.path = "x.yaml", .text = yaml, .needs_files = true};

    loaded.status = sweep_load(&source, &loaded.diagnostics, &loaded.sweep);
    return loaded;
}

static void check_refused(const char *yaml, const char *wanted)
{
    struct loaded loaded = load_strictly(yaml);

    if (loaded.status != STATUS_BAD_CONFIG ||
        strstr(text_value(&loaded.diagnostics), wanted) == NULL)
        fail_msg("wanted\n%s\ngot\n%s", wanted, text_value(&loaded.diagnostics));
    loaded_release(&loaded);
}

static void test_good_files(void **state)
{
    (void)state;
    write_weights("resnet20", 0.5F, "w.h5");
    struct loaded loaded = load_strictly(SWEEP);
    if (loaded.status != STATUS_OK)
        fail_msg("%s", text_value(&loaded.diagnostics));
    assert_string_equal(text_value(&loaded.diagnostics), "");
    assert_int_equal(loaded.sweep->n_runs, 2);
    loaded_release(&loaded);
}

/* A path is not part of an id, the content is; retrain does not care for weights. */
static void test_content(void **state)
{
    (void)state;
    write_weights("resnet20", 0.5F, "w.h5");
    char *first = ids_of(SWEEP, NULL);
    assert_int_equal(rename("w.h5", "moved.h5"), 0);
    assert_int_equal(rename("data", "elsewhere"), 0);
    const char *const moved[] = {"model.weights=moved.h5", "data.path=elsewhere", NULL};
    char *second = ids_of(SWEEP, moved);
    assert_string_equal(first, second);
    write_weights("resnet20", 0.25F, "moved.h5");
    char *third = ids_of(SWEEP, moved);
    assert_memory_equal(third, first, RUN_ID_BYTES);                                   /* retrain */
    assert_memory_not_equal(third + RUN_ID_BYTES, first + RUN_ID_BYTES, RUN_ID_BYTES); /* lora */
    struct temporary_folder data = {.path = "elsewhere"};
    write_cifar10_file(&data, 2, 5);
    char *fourth = ids_of(SWEEP, moved);
    assert_memory_not_equal(fourth, third, RUN_ID_BYTES);
    free(first);
    free(second);
    free(third);
    free(fourth);
}

/* `plan` warns and goes on, `sweep` refuses, both at the place of the path. */
static void test_missing(void **state)
{
    (void)state;
    check_refused(SWEEP, "x.yaml:2:36: error: weights 'w.h5' do not exist\n"
                         "    2 |   model: {arch: resnet20, weights: w.h5}\n"
                         "      |                                    ^~~~\n");
    assert_int_equal(rename("data", "gone"), 0);
    check_refused(SWEEP, "x.yaml:3:16: error: data folder 'data' does not exist\n"
                         "    3 |   data: {path: data, mean: published, std: published}\n"
                         "      |                ^~~~\n");
    struct loaded loaded = load_good(SWEEP, NULL);
    assert_string_equal(
        text_value(&loaded.diagnostics),
        "x.yaml:3:16: warning: data folder 'data' does not exist\n"
        "    3 |   data: {path: data, mean: published, std: published}\n"
        "      |                ^~~~  the ids of its runs change once it is there\n"
        "x.yaml:2:36: warning: weights 'w.h5' do not exist\n"
        "    2 |   model: {arch: resnet20, weights: w.h5}\n"
        "      |                                    ^~~~  the ids of its runs change "
        "once it is there\n");
    loaded_release(&loaded);
}

static void test_broken(void **state)
{
    struct place *place = *state;

    write_weights("resnet32", 0.5F, "w.h5");
    check_refused(SWEEP, "x.yaml:2:36: error: weights 'w.h5': ");
    check_refused(SWEEP, "'layer1.3.bn1.bias' is extra, resnet20 has no such tensor");
    write_text("w.h5", "no weights at all");
    check_refused(SWEEP, "x.yaml:2:36: error: ");
    write_weights("resnet20", 0.5F, "w.h5");
    write_bytes(&place->data, "data_batch_2.bin", "short", 5);
    check_refused(SWEEP, "x.yaml:3:16: error: ");
    check_refused(SWEEP, "data_batch_2.bin");
    assert_int_equal(unlink("data/data_batch_2.bin"), 0);
    check_refused(SWEEP, "x.yaml:3:16: error: ");
}

/* `base` takes mean and std from the manifest; given and published ones mean the same numbers. */
static void test_manifest(void **state)
{
    const char *base = "config: {model.arch: resnet20, model.weights: w.h5, data.path: data,\n"
                       "         forget.class: 3, unlearn.method: lora}\n";
    const char *const given[] = {"data.mean=[0.5, 0.25, 0.125]", "data.std=[1, 2, 3]", NULL};
    struct manifest manifest = {.arch = "resnet20",
                                .dataset = "cifar10",
                                .split_hash = "",
                                .licence = "MIT",
                                .recipe = "{}",
                                .mean = {0.5, 0.25, 0.125},
                                .std = {1, 2, 3},
                                .has_normalisation = true};
    char hex[HASH_HEX_BYTES];

    (void)state;
    write_weights("resnet20", 0.5F, "w.h5");
    check_refused(base,
                  "x.yaml:1:1: error: 'data.mean' is base, but no manifest beside 'w.h5' says "
                  "what the model was trained with\n");
    assert_int_equal(hash_file("w.h5", hex), STATUS_OK);
    manifest.sha256 = hex;
    assert_int_equal(manifest_save("w.h5", &manifest), STATUS_OK);
    struct loaded loaded = load_strictly(base);
    if (loaded.status != STATUS_OK)
        fail_msg("%s", text_value(&loaded.diagnostics));
    const struct settings *settings = &loaded.sweep->runs[0].settings;
    assert_int_equal(settings->data.std.kind, NORMALISATION_GIVEN);
    assert_true(settings->data.mean.values[2] == 0.125 && settings->data.std.values[1] == 2);
    loaded_release(&loaded);
    char *from_manifest = ids_of(base, NULL), *from_numbers = ids_of(base, given);
    assert_string_equal(from_manifest, from_numbers);
    free(from_manifest);
    free(from_numbers);
    write_text("w.h5.json", "{");
    check_refused(base, "x.yaml:1:47: error: ");
}

/* Left to right, then the file, then the command line; a base's paths are relative to it. */
static void test_bases(void **state)
{
    const char *const sets[] = {"train.epochs=4", NULL};

    (void)state;
    assert_int_equal(folder_create("sweeps/base"), STATUS_OK);
    write_text("sweeps/base/deep.yaml", "train: {lr: 1, momentum: 0.1, gamma: 0.1}\n");
    write_text("sweeps/base/a.yaml", "base: deep.yaml\n"
                                     "model: {arch: resnet32, weights: w.th}\n"
                                     "train.lr: 2\n"
                                     "train.epochs: 2\n"
                                     "base.train.lr: 0.5\n"
                                     "parameters: {prune.sparsity: [0.1, 0.2]}\n"
                                     "seeds: 3\n");
    write_text("sweeps/base/b.yaml",
               "base: {train: {epochs: 50}}\n"
               "config: {data: {path: data, mean: published, std: published},\n"
               "         train.momentum: 0.2}\n");
    write_text("sweeps/x.yaml", "base: [base/a.yaml, base/b.yaml]\n"
                                "config:\n"
                                "  model.arch: resnet20\n"
                                "  train: {gamma: 0.3, epochs: 3}\n"
                                "  unlearn.method: prune_lora\n"
                                "  forget.class: 1\n"
                                "  prune.sparsity: 0.4\n");
    struct sweep_source source = {.path = "sweeps/x.yaml", .sets = sets, .n_sets = 1};
    struct text diagnostics = {0};
    struct sweep *sweep = NULL;
    if (sweep_load(&source, &diagnostics, &sweep) != STATUS_OK)
        fail_msg("%s", text_value(&diagnostics));
    const struct settings *settings = &sweep->runs[0].settings;
    assert_int_equal(sweep->n_runs, 3);
    assert_string_equal(settings->model.arch, "resnet20");
    assert_string_equal(settings->model.weights, "w.th");
    assert_true(settings->train.lr == 2 && settings->train.momentum == 0.2);
    assert_true(settings->train.gamma == 0.3 && settings->prune.sparsity == 0.4);
    assert_int_equal(settings->train.epochs, 4);
    assert_int_equal(settings->base_train.epochs, 50);
    assert_true(settings->base_train.lr == 0.5);
    char *resolved = ids_of(sweep->resolved_yaml, NULL);
    assert_memory_equal(resolved, sweep->runs[0].id, RUN_ID_BYTES - 1);
    free(resolved);
    sweep_destroy(sweep);
    text_release(&diagnostics);
}

/* A mistake in a base is shown there; a base that names itself ends. */
static void test_bad_bases(void **state)
{
    (void)state;
    write_text("b.yaml", "train:\n  epochs: many\n");
    check_refused("base: [b.yaml]\n" SWEEP,
                  "b.yaml:2:11: error: 'train.epochs' expects an integer, got 'many'\n"
                  "    2 |   epochs: many\n"
                  "      |           ^~~~\n");
    write_text("c.yaml", "base: c.yaml\n");
    check_refused(
        "base: [c.yaml]\n" SWEEP,
        "c.yaml:1:7: error: bases are nested more than 8 files deep: does one name itself?\n");
    assert_int_equal(file_write("z.yaml", "a: 1\0b", 6), STATUS_OK);
    check_refused("base: [z.yaml]\n" SWEEP,
                  "x.yaml:1:8: error: 'z.yaml' contains a zero byte, so it is not text\n");
}

#define CONFIG                                                                                     \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.h5}\n"                                                   \
    "  data: {path: data, mean: published, std: published}\n"                                      \
    "  forget.class: 3\n"

/* Steps are known where the images are: those of class 3 leave. */
static void test_recipes(void **state)
{
    (void)state;
    write_weights("resnet20", 0.5F, "w.h5");
    check_refused(CONFIG "  unlearn.method: finetune\n"
                         "  train: {epochs: 2, batch_size: 4, warmup: 8}\n",
                  "x.yaml:6:45: error: warm-up is not shorter than training: 'train.warmup' is 8 "
                  "steps, and 2 epochs of 16 images in batches of 4 are 8 steps; set train.warmup "
                  "to less, or train.epochs to more\n");
    check_refused(CONFIG "  unlearn.method: retrain\n"
                         "  base.train: {batch_size: 17, drop_last: true}\n",
                  "x.yaml:6:28: error: 16 images do not fill a batch of 17, and "
                  "'base.train.drop_last' leaves out smaller ones;");
    check_refused(CONFIG "  unlearn.method: lora\n  train: {optimizer: sgd, momentum: 0, nesterov: "
                         "true}\n",
                  "x.yaml:6:50: error: 'train.nesterov' needs 'train.momentum' above 0\n");
    check_refused(CONFIG "  unlearn.method: lora\n  train.cutout: 33\n",
                  "x.yaml:6:17: error: 'train.cutout' is 33 pixels, and images are 32 × 32\n");
    /* a method that does not read the recipe, and one step less */
    struct loaded loaded =
        load_strictly(CONFIG "parameters:\n  unlearn.method: {values: [original, finetune]}\n"
                             "  train.epochs: {value: 2}\n  train.batch_size: {value: 4}\n"
                             "  train.warmup: {value: 7}\n  base.train.warmup: {value: 100000}\n");
    if (loaded.status != STATUS_OK)
        fail_msg("%s", text_value(&loaded.diagnostics));
    loaded_release(&loaded);
}

static void test_no_sweep_file(void **state)
{
    struct sweep_source source = {.path = "nowhere.yaml"};
    struct text diagnostics = {0};
    struct sweep *sweep = NULL;

    (void)state;
    assert_int_equal(sweep_load(&source, &diagnostics, &sweep), STATUS_BAD_CONFIG);
    assert_string_equal(text_value(&diagnostics),
                        "error: cannot open 'nowhere.yaml': No such file or directory\n");
    assert_null(sweep);
    text_release(&diagnostics);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_good_files), IN_PLACE(test_content),       IN_PLACE(test_missing),
        IN_PLACE(test_broken),     IN_PLACE(test_manifest),      IN_PLACE(test_bases),
        IN_PLACE(test_bad_bases),  IN_PLACE(test_no_sweep_file), IN_PLACE(test_recipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
