/* Runs on generated images, seconds long. */
#include "train/fixture.h"

#include "data/import.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct settings common_settings(const struct fixture *fixture)
{
    struct settings settings = {0};

    settings.model.arch = "resnet20";
    settings.model.weights = fixture->weights;
    settings.data.dataset = "images";
    settings.data.path = fixture->data;
    settings.data.mean = (struct normalisation){NORMALISATION_GIVEN, {0.5, 0.5, 0.5}};
    settings.data.std = (struct normalisation){NORMALISATION_GIVEN, {0.25, 0.25, 0.25}};
    settings.train = (struct recipe){.epochs = 2,
                                     .batch_size = 32,
                                     .optimizer = OPTIMIZER_ADAM,
                                     .lr = 1e-3,
                                     .gamma = 0.1,
                                     .validate_every = 1};
    settings.base_train = settings.train;
    settings.base_train.optimizer = OPTIMIZER_SGD;
    settings.base_train.lr = 0.05;
    settings.base_train.momentum = 0.9;
    settings.base_train.weight_decay = 1e-4;
    settings.base_train.schedule = SCHEDULE_COSINE;
    settings.prune.sparsity = 0.5;
    settings.lora.rank = 4;
    settings.lora.alpha = 8;
    settings.lora.dropout = 0.1;
    settings.lora.targets = "default";
    settings.eval.batch_size = 64;
    settings.eval.mia = (struct attack_list){.n = 1, .items = {ATTACK_LOSS_LR}};
    settings.resources.device = "auto";
    settings.resources.gpus = GPUS_AUTO;
    settings.precision = "fp32";
    settings.checkpoint.every_seconds = 3600;
    settings.checkpoint.keep = KEEP_FINAL;
    settings.seed = 1;
    return settings;
}

/* Halves both sides: every pixel is the mean of four. What a run does to an image it does to a
 * small one in a quarter of the time, which is most of these tests' time. */
static void shrink(struct image_table *table, int side)
{
    int half = side / 2;
    uint8_t *to = table->images;

    for (int64_t plane = 0; plane < 3 * table->n; plane++)
        for (int i = 0; i < half * half; i++) {
            const uint8_t *from =
                table->images + plane * side * side + 2 * (i / half) * side + 2 * (i % half);
            *to++ = (uint8_t)((from[0] + from[1] + from[side] + from[side + 1] + 2) / 4);
        }
}

static void write_images(const struct fixture *fixture, int n_train, int n_test)
{
    struct synth_settings synth = {.n_train = n_train, .n_test = n_test, .seed = 7};
    struct import_result small = {.arena = NULL};
    char large[128];

    snprintf(large, sizeof large, "%s/large", fixture->folder);
    ok(synth_write(&synth, large));
    ok(dataset_load(DATASET_CIFAR10, large, &small.dataset));
    shrink(&small.dataset->train, small.dataset->height);
    shrink(&small.dataset->test, small.dataset->height);
    small.dataset->height /= 2;
    small.dataset->width /= 2;
    ok(import_write(&small, fixture->data, large));
    dataset_destroy(small.dataset);
}

struct settings fixture_settings(const struct fixture *fixture, const char *method)
{
    struct settings settings = common_settings(fixture);

    settings.unlearn.method = method;
    settings.forget.class_index = 3;
    return settings;
}

void fixture_open(struct fixture *fixture, const char *backend)
{
    fixture_open_sized(fixture, backend, FIXTURE_TRAIN, FIXTURE_TEST);
}

void fixture_open_sized(struct fixture *fixture, const char *backend, int n_train, int n_test)
{
    const struct device_settings device = {.n_threads = 2};
    char base[128];

    *fixture = (struct fixture){.folder = "/tmp/prunelora-train-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->data, sizeof fixture->data, "%s/data", fixture->folder);
    snprintf(fixture->weights, sizeof fixture->weights, "%s/base.h5", fixture->folder);
    snprintf(base, sizeof base, "%s/base", fixture->folder);
    write_images(fixture, n_train, n_test);
    assert_non_null(backend_find(backend));
    ok(trainer_create(backend_find(backend), &device, &fixture->trainer));
    struct settings settings = fixture_settings(fixture, "retrain");
    settings.forget.class_index = -1;
    settings.base_train.epochs = 1;
    struct train_job job = {.settings = &settings,
                            .id = "base",
                            .name = "base",
                            .attempt = 1,
                            .folder = base,
                            .weights_path = fixture->weights};
    ok(trainer_execute(fixture->trainer, &job));
}

void fixture_close(struct fixture *fixture)
{
    char command[128];

    trainer_destroy(fixture->trainer);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->folder);
    assert_int_equal(system(command), 0);
}

void fixture_use(struct fixture *fixture, const char *backend)
{
    const struct device_settings settings = {.n_threads = 2};

    trainer_destroy(fixture->trainer);
    fixture->trainer = NULL;
    ok(trainer_create(backend_find(backend), &settings, &fixture->trainer));
}

static const char *path_in(const struct fixture *fixture, const char *name,
                           char path[FIXTURE_PATH_BYTES])
{
    snprintf(path, FIXTURE_PATH_BYTES, "%s/%s", fixture->folder, name != NULL ? name : "");
    return path;
}

struct train_job fixture_job(const struct fixture *fixture, const struct settings *settings,
                             const struct fixture_run *run, struct fixture_paths *paths)
{
    paths->earlier[0] = path_in(fixture, run->resume, paths->resume);
    paths->earlier[1] = path_in(fixture, run->before, paths->before);
    return (struct train_job){.settings = settings,
                              .id = "0123456789abcdef",
                              .name = run->name,
                              .attempt = run->resume != NULL ? 2 : 1,
                              .folder = path_in(fixture, run->name, paths->folder),
                              .earlier = paths->earlier,
                              .n_earlier = (run->resume != NULL) + (run->before != NULL),
                              .contents = run->contents,
                              .observer = run->observer};
}

enum status fixture_execute(const struct fixture *fixture, const struct settings *settings,
                            const struct fixture_run *run)
{
    struct fixture_paths paths;
    const struct train_job job = fixture_job(fixture, settings, run, &paths);

    return trainer_execute(fixture->trainer, &job);
}

struct run_file fixture_result(const struct fixture *fixture, const char *name, struct arena *arena)
{
    struct run_file run = {0};
    char path[160];

    snprintf(path, sizeof path, "%s/%s/run.h5", fixture->folder, name);
    ok(run_file_read(path, true, arena, &run));
    return run;
}

double fixture_value(const struct run_file *run, const char *name)
{
    for (int64_t i = 0; i < run->n_values; i++)
        if (strcmp(run->values[i].name, name) == 0)
            return run->values[i].value;
    fail_msg("run.h5 has no value '%s'", name);
    return 0;
}

int64_t fixture_best_epoch(const struct fixture *fixture, const char *name)
{
    struct arena *arena = NULL;

    ok(arena_create(&arena));
    struct run_file run = fixture_result(fixture, name, arena);
    int64_t best = (int64_t)fixture_value(&run, "best_epoch");
    arena_destroy(arena);
    return best;
}

struct weights *fixture_weights(const struct fixture *fixture, const char *name)
{
    struct weights *weights = NULL;
    char path[160];

    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    ok(weights_load(path, &weights));
    return weights;
}

void assert_same_weights(const struct weights *a, const struct weights *b)
{
    assert_int_equal(a->n, b->n);
    for (int64_t i = 0; i < a->n; i++) {
        const struct weight_tensor *x = &a->tensors[i], *y = weights_find(b, a->tensors[i].name);
        assert_non_null(y);
        assert_int_equal(weight_elements(x), weight_elements(y));
        if (memcmp(x->values, y->values, (size_t)weight_elements(x) * dtype_bytes(x->dtype)) != 0)
            fail_msg("'%s' differs", x->name);
    }
}

void assert_same_result(const struct fixture *fixture, const char *a, const char *b)
{
    struct arena *arena = NULL;
    char path[64];

    ok(arena_create(&arena));
    struct run_file x = fixture_result(fixture, a, arena), y = fixture_result(fixture, b, arena);
    static const char *const names[] = {"UA", "RA", "TA", "MIA", "test_accuracy_all"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(fixture_value(&x, names[i]) == fixture_value(&y, names[i]));
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < x.samples[s].n; i++)
            assert_true(x.samples[s].loss[i] == y.samples[s].loss[i]);
    for (int64_t i = 0; i < x.history[4].n; i++)
        assert_true(x.history[4].values[i] == y.history[4].values[i]);
    snprintf(path, sizeof path, "%s/weights.h5", a);
    struct weights *u = fixture_weights(fixture, path);
    snprintf(path, sizeof path, "%s/weights.h5", b);
    struct weights *v = fixture_weights(fixture, path);
    assert_same_weights(u, v);
    weights_destroy(u);
    weights_destroy(v);
    arena_destroy(arena);
}
