/* What a tally knows when: after every step where nothing is late, else every 32 steps, and exactly
 * when somebody waits. */
#include "train/step/tally.h"

#include "kernels/cuda/host/host_gpu.h"
#include "support/toy.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3, CLASSES = 2 };

struct steps { /* made of nothing but a loss */
    struct device *device;
    struct tally *tally;
    union op_any op;
    struct prepared *prepared;
    int64_t n;
};

static struct tensor tensor_on(struct device *device, enum dtype dtype, int64_t rows,
                               int64_t columns, const void *values)
{
    struct tensor tensor = {NULL, dtype, columns > 0 ? 2 : 1, {rows, columns}};

    ok(device_alloc(device, tensor_bytes(&tensor), &tensor.data));
    ok(queue_upload(device_queue(device), tensor.data, values, tensor_bytes(&tensor)));
    return tensor;
}

/* Two of three rows are right. */
static void steps_open(struct steps *steps, const char *backend)
{
    const struct device_settings settings = {.n_threads = 1};
    const float logits[ROWS * CLASSES] = {1, 0, 0, 1, 0, 1}, loss = 0;
    const int32_t labels[ROWS] = {0, 1, 0};
    const double rates[2] = {0, 0};
    struct step_tally *op = &steps->op.step_tally;

    host_gpu_reset();
    memset(steps, 0, sizeof *steps);
    ok(device_open(backend_find(backend), &settings, &steps->device));
    ok(tally_create(device_queue(steps->device), &steps->tally));
    op->loss = tensor_on(steps->device, DTYPE_F32, 1, 0, &loss);
    op->logits = tensor_on(steps->device, DTYPE_F32, ROWS, CLASSES, logits);
    op->labels = tensor_on(steps->device, DTYPE_I32, ROWS, 0, labels);
    op->rates = tensor_on(steps->device, DTYPE_F64, 2, 0, rates);
    op->totals = tally_totals(steps->tally);
    ok(kernel_prepare(steps->device, OP_step_tally, &steps->op, &steps->prepared));
    ok(tally_begin(steps->tally, 0));
}

static void steps_close(struct steps *steps)
{
    const struct step_tally *op = &steps->op.step_tally;
    void *const owned[] = {op->loss.data, op->logits.data, op->labels.data, op->rates.data};

    kernel_release(steps->device, OP_step_tally, steps->prepared);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        device_free(steps->device, owned[i]);
    tally_destroy(steps->tally);
    device_close(steps->device);
}

static void step(struct steps *steps, double loss)
{
    const double rates[2] = {0.1, (double)++steps->n};
    const float narrow = (float)loss;

    ok(queue_upload(device_queue(steps->device), steps->op.step_tally.rates.data, rates,
                    sizeof rates));
    ok(queue_upload(device_queue(steps->device), steps->op.step_tally.loss.data, &narrow,
                    sizeof narrow));
    ok(kernel_run(device_queue(steps->device), OP_step_tally, steps->prepared, &steps->op));
    ok(tally_step(steps->tally));
}

/* How many steps the newest totals are of; −1: none are new. */
static int64_t n_known(struct steps *steps, bool waits)
{
    double totals[N_STEP_TOTALS];
    bool is_new = false;

    ok(tally_read(steps->tally, waits, totals, &is_new));
    if (!is_new)
        return -1;
    assert_true(totals[TOTAL_RIGHT] == totals[TOTAL_ROWS] / ROWS * 2);
    return (int64_t)totals[TOTAL_ROWS] / ROWS;
}

static void every_step_is_known_at_once(void **state)
{
    struct steps steps;

    (void)state;
    steps_open(&steps, "cpu");
    assert_int_equal(n_known(&steps, false), -1);
    for (int64_t i = 1; i <= 40; i++) {
        step(&steps, 0.5);
        assert_int_equal(n_known(&steps, false), i);
        assert_int_equal(n_known(&steps, true), -1); /* it was read */
    }
    steps_close(&steps);
}

/* The substitute runs nothing before somebody waits: a GPU that is as late as one can be. */
static void a_late_device_is_asked_now_and_then(void **state)
{
    struct steps steps;

    (void)state;
    steps_open(&steps, "cuda_host");
    int64_t n_waits = host_gpu()->n_wait;
    for (int64_t i = 1; i <= 100; i++) {
        step(&steps, 0.5);
        /* the copy after step 32 is waited for after step 64, and so on */
        assert_int_equal(n_known(&steps, false), i == 64 ? 32 : i == 96 ? 64 : -1);
    }
    assert_int_equal(host_gpu()->n_wait - n_waits, 2);
    assert_int_equal(n_known(&steps, true), 100);
    assert_int_equal(n_known(&steps, true), -1);
    ok(tally_begin(steps.tally, 0)); /* the next epoch */
    step(&steps, 0.5);
    assert_int_equal(n_known(&steps, true), 1);
    steps_close(&steps);
}

static void the_first_bad_step_is_kept(void **state)
{
    static const char *const backends[] = {"cpu", "cuda_host"};
    double totals[N_STEP_TOTALS];
    bool is_new = false;

    (void)state;
    for (int b = 0; b < 2; b++) {
        struct steps steps;
        steps_open(&steps, backends[b]);
        ok(tally_begin(steps.tally, 2.25)); /* goes on with an epoch */
        for (int i = 1; i <= 50; i++)
            step(&steps, i == 40 ? (double)INFINITY : i == 43 ? (double)NAN : 0.5);
        ok(tally_read(steps.tally, true, totals, &is_new));
        assert_true(is_new);
        assert_true(totals[TOTAL_BAD_STEP] == 40 && isinf(totals[TOTAL_BAD_LOSS]));
        assert_true(totals[TOTAL_LOSS] == 2.25 + 48 * 0.5 * ROWS);
        assert_true(totals[TOTAL_LAST_LOSS] == 0.5);
        steps_close(&steps);
    }
}

static void a_failing_copy_is_told(void **state)
{
    static const char *const entries[] = {"copy_down", "event_record", "event_synchronize"};
    double totals[N_STEP_TOTALS];
    bool is_new = false;

    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct steps steps;
        steps_open(&steps, "cuda_host");
        step(&steps, 0.5);
        host_gpu()->failing = entries[i];
        host_gpu()->fails_after = 0;
        fails(tally_read(steps.tally, true, totals, &is_new), STATUS_DEVICE, entries[i]);
        assert_false(is_new);
        steps_close(&steps);
    }
    host_gpu_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_known_at_once),
        cmocka_unit_test(a_late_device_is_asked_now_and_then),
        cmocka_unit_test(the_first_bad_step_is_kept),
        cmocka_unit_test(a_failing_copy_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
