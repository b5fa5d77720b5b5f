/* How many images an evaluation takes at a time, and that nothing but its speed depends on it. */
#include "train/fixture.h"

#include "kernels/cuda/host/host_gpu.h"
#include "train/measure/eval_batch.h"
#include "train/measure/evaluate.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 5000 };
static const size_t mebibyte = (size_t)1 << 20;

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, "cpu");
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* The fixture's base model on a trainer's device. */
struct model {
    struct settings settings;
    struct arena *arena;     /* owned */
    struct trainer *trainer; /* owned */
    struct network network;  /* owned */
};

static void model_open(struct model *model, const char *backend)
{
    const struct device_settings device = {.n_threads = 2};
    const struct weights *weights = NULL;

    *model = (struct model){.settings = fixture_settings(&fixture, "original")};
    ok(arena_create(&model->arena));
    ok(trainer_create(backend_find(backend), &device, &model->trainer));
    model->network =
        (struct network){.settings = &model->settings, .device = model->trainer->device};
    model->network.queue = device_queue(model->trainer->device);
    ok(trainer_data(model->trainer, &model->settings, &model->network.data));
    ok(trainer_weights(model->trainer, fixture.weights, &weights));
    ok(network_describe(&model->network, weights, model->arena));
    ok(network_create(&model->network));
    ok(network_load_weights(&model->network, weights, fixture.weights));
}

static void model_close(struct model *model)
{
    network_release(&model->network);
    trainer_destroy(model->trainer);
    arena_destroy(model->arena);
}

static struct predictions predict(struct model *model, int64_t batch_size, struct arena *arena)
{
    struct predictions train, test;

    model->settings.eval.batch_size = batch_size;
    ok(network_evaluate(&model->network, arena, &train, &test));
    assert_int_equal(test.n, FIXTURE_TEST);
    return train;
}

/* A library may add up in another order for other sizes: some roundings of a logit of the size of
 * ten, which a loss has twice. */
static void predictions_do_not_depend_on_it(void **state)
{
    static const int64_t sizes[] = {1, 7, 64, 4096};
    const double tolerance = 2 * 64 * 10 * 0x1p-24;
    struct model model;
    struct arena *arena = NULL;

    (void)state;
    model_open(&model, "cpu");
    ok(arena_create(&arena));
    struct predictions chosen = predict(&model, EVAL_BATCH_AUTO, arena);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct predictions given = predict(&model, sizes[s], arena);
        assert_int_equal(given.n, chosen.n);
        assert_memory_equal(given.labels, chosen.labels, (size_t)given.n * sizeof(int32_t));
        assert_memory_equal(given.argmax, chosen.argmax, (size_t)given.n * sizeof(int32_t));
        for (int64_t i = 0; i < given.n; i++)
            if (!(fabs(given.loss[i] - chosen.loss[i]) <= tolerance))
                fail_msg("image %lld, %lld at a time: loss %.9g, with auto %.9g", (long long)i,
                         (long long)sizes[s], given.loss[i], chosen.loss[i]);
    }
    arena_destroy(arena);
    model_close(&model);
}

static void rows_may_come_in_any_order(void **state)
{
    static const int32_t rows[] = {FIXTURE_TRAIN + 3, 5, FIXTURE_TRAIN, 99, 0};
    enum { N = sizeof rows / sizeof *rows };
    struct model model;
    struct arena *arena = NULL;
    struct evaluator *evaluator = NULL;
    struct predictions train, test, some;

    (void)state;
    model_open(&model, "cpu");
    model.settings.eval.batch_size = 2; /* the last batch is partial */
    ok(arena_create(&arena));
    ok(network_evaluate(&model.network, arena, &train, &test));
    ok(predictions_create(arena, N, train.n_classes, &some));
    ok(evaluator_create(&model.network, N, (struct span){0}, &evaluator));
    ok(evaluator_run(evaluator, rows, &some));
    for (int i = 0; i < N; i++) {
        const struct predictions *table = rows[i] < FIXTURE_TRAIN ? &train : &test;
        int32_t row = rows[i] < FIXTURE_TRAIN ? rows[i] : rows[i] - FIXTURE_TRAIN;
        assert_int_equal(some.labels[i], table->labels[row]);
        assert_true(some.loss[i] == table->loss[row]);
    }
    evaluator_destroy(evaluator);
    arena_destroy(arena);
    model_close(&model);
}

static int64_t choose(struct model *model, int64_t wanted, int64_t n_images)
{
    int64_t chosen = 0;

    model->settings.eval.batch_size = wanted;
    ok(eval_batch_choose(&model->network, n_images, &chosen));
    return chosen;
}

static int64_t batch_of(struct model *model)
{
    struct evaluator *evaluator = NULL;
    struct predictions some;
    struct arena *arena = NULL;
    static const int32_t row = 0;

    model->settings.eval.batch_size = EVAL_BATCH_AUTO;
    ok(arena_create(&arena));
    ok(predictions_create(arena, 1, 10, &some));
    ok(evaluator_create(&model->network, MANY, (struct span){0}, &evaluator));
    ok(evaluator_run(evaluator, &row, &some));
    evaluator_destroy(evaluator);
    arena_destroy(arena);
    return some.batch_size;
}

/* What is free changes nothing until there is too little of it; then halves, down to what fits. */
static void a_rule_decides(void **state)
{
    struct model model;
    size_t needed = 0;

    (void)state;
    host_gpu_reset();
    model_open(&model, "cuda_host");
    assert_int_equal(choose(&model, EVAL_BATCH_AUTO, MANY), 1000); /* five of at most 1024 */
    assert_int_equal(choose(&model, EVAL_BATCH_AUTO, 3), 3);
    assert_int_equal(choose(&model, 300, MANY), 300);
    assert_int_equal(choose(&model, 300, 20), 20);
    ok(network_arena_bytes(&model.network, 125, &needed));
    for (int i = 0; i < 2; i++) { /* more than an arena of 125 needs, less than one of 250 */
        host_gpu()->memory_bytes = host_gpu()->used_bytes + needed + (size_t)(i + 1) * needed / 3;
        assert_int_equal(choose(&model, EVAL_BATCH_AUTO, MANY), 1000);
        assert_int_equal(batch_of(&model), 125);
    }
    model_close(&model);
    host_gpu_reset();
}

/* Memory that seems to be there and is refused all the same. */
static void a_refusal_halves_it(void **state)
{
    struct model model;
    size_t needed = 0;

    (void)state;
    host_gpu_reset();
    model_open(&model, "cuda_host");
    ok(network_arena_bytes(&model.network, 125, &needed));
    host_gpu()->memory_bytes = host_gpu()->used_bytes + needed;
    assert_int_equal(batch_of(&model), 63); /* its inputs need some beside the arena */
    model_close(&model);
    host_gpu_reset();
}

static void too_many_are_refused(void **state)
{
    struct model model;
    int64_t chosen = -7;
    char *most = NULL;

    (void)state;
    host_gpu_reset();
    model_open(&model, "cuda_host");
    host_gpu()->memory_bytes = host_gpu()->used_bytes + 64 * mebibyte;
    model.settings.eval.batch_size = 4000;
    assert_int_equal(eval_batch_choose(&model.network, MANY, &chosen), STATUS_OUT_OF_MEMORY);
    assert_int_equal(chosen, -7);
    assert_ptr_equal(strstr(status_message(), "eval.batch_size is 4000: 4000 images at a time "
                                              "need "),
                     status_message());
    assert_non_null(strstr(status_message(), " MiB with resnet20, but 64.0 MiB are free; "));
    assert_non_null(most = strstr(status_message(), "choose at most "));
    int64_t n_fit = strtoll(most + strlen("choose at most "), NULL, 10);
    assert_int_equal(choose(&model, n_fit, MANY), n_fit); /* which is true */
    model.settings.eval.batch_size = n_fit + 1 + n_fit / 100;
    assert_int_equal(eval_batch_choose(&model.network, MANY, &chosen), STATUS_OUT_OF_MEMORY);
    model_close(&model);
    host_gpu_reset();
}

static void memory_is_lent_where_it_is_enough(void **state)
{
    struct model model;
    struct arena *arena = NULL;
    struct evaluator *evaluator = NULL;
    struct predictions own, lent, small;
    static const int32_t rows[] = {0, 1, 2, 3};
    void *memory = NULL;

    (void)state;
    model_open(&model, "cpu");
    ok(arena_create(&arena));
    for (int i = 0; i < 3; i++)
        ok(predictions_create(arena, 4, 10, i == 0 ? &own : i == 1 ? &lent : &small));
    ok(evaluator_create(&model.network, 4, (struct span){0}, &evaluator));
    ok(evaluator_run(evaluator, rows, &own));
    evaluator_destroy(evaluator);
    ok(device_alloc(model.network.device, 32 * mebibyte, &memory));
    memset(memory, 0xA5, 32 * mebibyte);
    ok(evaluator_create(&model.network, 4, (struct span){memory, 32 * mebibyte}, &evaluator));
    ok(evaluator_run(evaluator, rows, &lent));
    evaluator_destroy(evaluator);
    assert_memory_equal(own.loss, lent.loss, 4 * sizeof(double));
    memset(memory, 0xA5, 32 * mebibyte);
    ok(evaluator_create(&model.network, 4, (struct span){memory, 4096}, &evaluator));
    ok(evaluator_run(evaluator, rows, &small));
    evaluator_destroy(evaluator);
    assert_memory_equal(own.loss, small.loss, 4 * sizeof(double));
    assert_true(((unsigned char *)memory)[4096] == 0xA5);
    assert_true(((unsigned char *)memory)[0] == 0xA5); /* not used at all */
    device_free(model.network.device, memory);
    arena_destroy(arena);
    model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_do_not_depend_on_it),
        cmocka_unit_test(rows_may_come_in_any_order),
        cmocka_unit_test(a_rule_decides),
        cmocka_unit_test(a_refusal_halves_it),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(memory_is_lent_where_it_is_enough),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
