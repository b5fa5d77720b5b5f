/* Every sweep that comes with the program, and every example of its language, plans without a word
 * once the files that it names are there: data, weights that fit, and what they were trained with.
 */
#include "base/file.h"
#include "base/hash.h"
#include "data/image_files.h"
#include "loading.h"
#include "store/weights/weights.h"
#include "support/cifar_files.h"
#include "support/cmocka.h"
#include "sweep/plan/cost.h"
#include "unlearn/method.h"
#include "weights_files.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct loaded load_file(const char *path, const char *const *sets, bool needs_files)
{
    struct loaded loaded = {0};
    struct sweep_source source = {.path = path, .sets = sets, .needs_files = needs_files};

    while (sets != NULL && sets[source.n_sets] != NULL)
        source.n_sets++;
    loaded.status = sweep_load(&source, &loaded.diagnostics, &loaded.sweep);
    return loaded;
}

/* The pictures of a CIFAR-10 as an import would leave them. */
static void make_pictures(const char *path)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct dataset *dataset = NULL;

    assert_int_equal(dataset_load(DATASET_CIFAR10, path, &dataset), STATUS_OK);
    dataset->class_names = names;
    assert_int_equal(image_files_write(dataset, path, "made"), STATUS_OK);
    dataset_destroy(dataset);
}

static void make_data(const struct settings *settings)
{
    const char *path = settings->data.path;
    struct temporary_folder folder = {{0}};

    if (folder_exists(path))
        return;
    assert_int_equal(folder_create(path), STATUS_OK);
    snprintf(folder.path, sizeof folder.path, "%s", path);
    write_cifar10(&folder, 20);
    if (strcmp(settings->data.dataset, "images") == 0)
        make_pictures(path);
}

static void make_weights(const struct settings *settings)
{
    const char *path = settings->model.weights;
    struct manifest manifest = {.arch = settings->model.arch,
                                .has_normalisation = true,
                                .mean = {0.5, 0.5, 0.5},
                                .std = {0.25, 0.25, 0.25}};
    char hash[HASH_HEX_BYTES];

    if (*path == '\0' || file_exists(path))
        return;
    assert_int_equal(folder_create("model_weights"), STATUS_OK);
    if (strcmp(settings->model.arch, "simple_vit") == 0)
        write_vit_weights(&settings->model.vit, 0.5F, path);
    else
        write_weights(settings->model.arch, 0.5F, path);
    assert_int_equal(hash_file(path, hash), STATUS_OK);
    manifest.sha256 = hash;
    assert_int_equal(manifest_save(path, &manifest), STATUS_OK);
}

static void check_costs(const struct sweep *sweep)
{
    struct costs *costs = NULL;
    struct cost cost = {0};

    assert_int_equal(costs_create(&costs), STATUS_OK);
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        const struct settings *settings = &sweep->runs[i].settings;
        assert_int_equal(costs_of(costs, settings, &cost), STATUS_OK);
        assert_true(cost.eval_flops > 0);
        const struct method *method = method_find(settings->unlearn.method);
        assert_true(cost.train_flops > 0 || method_phase(method) == NULL);
    }
    costs_destroy(costs);
}

static void check(const char *path, const char *const *sets, int64_t n_points)
{
    struct loaded loaded = load_file(path, sets, false);

    if (loaded.status != STATUS_OK)
        fail_msg("%s\n%s", path, text_value(&loaded.diagnostics));
    for (int64_t i = 0; i < loaded.sweep->n_runs; i++) {
        make_data(&loaded.sweep->runs[i].settings);
        make_weights(&loaded.sweep->runs[i].settings);
    }
    loaded_release(&loaded);
    loaded = load_file(path, sets, true);
    if (loaded.status != STATUS_OK || loaded.diagnostics.length > 0)
        fail_msg("%s\n%s", path, text_value(&loaded.diagnostics));
    if (n_points > 0)
        assert_int_equal(loaded.sweep->n_points, n_points);
    check_costs(loaded.sweep);
    loaded_release(&loaded);
}

static void check_all(const char *pattern, const char *const *sets)
{
    glob_t found = {0};

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check(found.gl_pathv[i], sets, 0);
    globfree(&found);
}

static void test_all(void **state)
{
    /* as `prunelora train` reads a base */
    /* … and as a hundred images allow */
    static const char *const train[] = {"unlearn.method=retrain", "forget.class=none",
                                        "base.train.warmup=0", "base.train.drop_last=false", NULL};
    struct temporary_folder folder;
    char before[TEMPORARY_PATH_BYTES];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    temporary_folder_open(&folder);
    assert_int_equal(chdir(folder.path), 0);
    assert_int_equal(folder_create("data"), STATUS_OK);
    check(EXAMPLES "/prunelora_cifar10.yaml", NULL, 1800 - 200 + 5);
    check(EXAMPLES "/prune_lora_search.yaml", NULL, 64);
    check_all(SWEEPS "/*.yaml", NULL);
    check_all(SWEEPS "/base/*.yaml", train);
    assert_int_equal(chdir(before), 0);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
