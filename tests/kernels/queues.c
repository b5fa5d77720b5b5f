/* Two threads at the same time, each on a queue of its own, run what was prepared once, and prepare
 * the same again: nothing of a run is kept where the other one's is. */
#include "kernels/kernels.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/random_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N_THREADS = 2, N_RUNS = 400, RUNS_PER_PREPARE = 16, MOST_ELEMENTS = 1 << 14 };

struct subject {
    enum op_kind kind;
    int n_threads; /* of the device */
    union op_any op;
};

/* Weights in a layout that the library would rather have another way, and scratch memory. */
static const struct subject subjects[] = {
    {OP_conv2d_forward,
     1,
     {.conv2d_forward = {.x = {NULL, 0, 4, {2, 6, 6, 32}},
                         .weight = {NULL, 0, 4, {32, 3, 3, 32}},
                         .y = {NULL, 0, 4, {2, 6, 6, 32}},
                         .factor = 1,
                         .stride = 1,
                         .padding = 1}}},
    {OP_conv2d_backward_weight,
     2,
     {.conv2d_backward_weight = {.x = {NULL, 0, 4, {2, 6, 6, 32}},
                                 .d_y = {NULL, 0, 4, {2, 6, 6, 32}},
                                 .d_weight = {NULL, 0, 4, {32, 3, 3, 32}},
                                 .factor = 1,
                                 .stride = 1,
                                 .padding = 1}}},
    {OP_linear_forward,
     2,
     {.linear_forward = {.x = {NULL, 0, 2, {64, 96}},
                         .weight = {NULL, 0, 2, {48, 96}},
                         .bias = {NULL, 0, 1, {48}},
                         .y = {NULL, 0, 2, {64, 48}}}}},
};

struct lane { /* a queue, and an operation with memory of its own */
    const struct subject *subject;
    struct device *device;
    struct queue *queue;
    const struct prepared *prepared; /* borrowed */
    union op_any op;
    struct tensor *out;
    void *wanted, *found;
    int n_wrong;
    enum status status;
};

static void memory_create(struct lane *lane, int seed)
{
    const struct op_info *info = op_info(lane->subject->kind);
    static double numbers[MOST_ELEMENTS];

    lane->op = lane->subject->op;
    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(lane->subject->kind, &lane->op, i);
        int64_t n = tensor_elements(tensor);
        if (tensor->n_dims == 0)
            continue;
        tensor->dtype = device_real(lane->device);
        assert_true(n <= MOST_ELEMENTS);
        struct random_stream stream = random_stream_at((uint64_t)seed, (uint32_t)i);
        for (int64_t e = 0; e < n; e++)
            number_put(numbers, tensor->dtype, e, stream_normal(&stream));
        ok(device_alloc(lane->device, tensor_bytes(tensor), &tensor->data));
        ok(queue_upload(lane->queue, tensor->data, numbers, tensor_bytes(tensor)));
        if (info->tensors[i].access != ACCESS_READ)
            lane->out = tensor;
    }
}

/* What a run of it gives while nothing else runs. */
static void expect(struct lane *lane)
{
    size_t bytes = tensor_bytes(lane->out);

    lane->op.workspace.bytes = lane->prepared->workspace_bytes;
    if (lane->op.workspace.bytes > 0)
        ok(device_alloc(lane->device, lane->op.workspace.bytes, &lane->op.workspace.data));
    lane->wanted = malloc(bytes);
    lane->found = malloc(bytes);
    assert_true(lane->wanted != NULL && lane->found != NULL);
    ok(kernel_run(lane->queue, lane->subject->kind, lane->prepared, &lane->op));
    ok(queue_download(lane->queue, lane->wanted, lane->out->data, bytes));
}

static void lane_release(struct lane *lane)
{
    const enum op_kind kind = lane->subject->kind;

    for (int i = 0; i < op_info(kind)->n_tensors; i++)
        device_free(lane->device, op_tensor(kind, &lane->op, i)->data);
    device_free(lane->device, lane->op.workspace.data);
    queue_destroy(lane->queue);
    free(lane->wanted);
    free(lane->found);
}

/* One run, now and then of something prepared for it alone. */
static enum status lane_step(struct lane *lane, bool is_prepared_anew)
{
    enum status status = STATUS_OK;
    const enum op_kind kind = lane->subject->kind;
    const struct prepared *shared = lane->prepared;
    struct prepared *own = NULL;
    size_t bytes = tensor_bytes(lane->out);

    if (is_prepared_anew)
        TRY(kernel_prepare(lane->device, kind, &lane->op, &own));
    TRY(queue_zero(lane->queue, lane->out->data, bytes));
    TRY(kernel_run(lane->queue, kind, own != NULL ? own : shared, &lane->op));
    TRY(queue_download(lane->queue, lane->found, lane->out->data, bytes));
    lane->n_wrong += memcmp(lane->found, lane->wanted, bytes) != 0;
done:
    kernel_release(lane->device, kind, own);
    return status;
}

static void *lane_run(void *context)
{
    struct lane *lane = context;

    for (int i = 0; i < N_RUNS && lane->status == STATUS_OK; i++)
        lane->status = lane_step(lane, i % RUNS_PER_PREPARE == 0);
    return NULL;
}

static void check(const char *backend, const struct subject *subject)
{
    const struct device_settings settings = {.n_threads = subject->n_threads};
    struct device *device = NULL;
    struct prepared *prepared = NULL;
    struct lane lanes[N_THREADS] = {0};
    pthread_t threads[N_THREADS];

    ok(device_open(backend_find(backend), &settings, &device));
    for (int i = 0; i < N_THREADS; i++) {
        lanes[i] = (struct lane){.subject = subject, .device = device};
        ok(queue_create(device, &lanes[i].queue));
        memory_create(&lanes[i], i);
        if (prepared == NULL)
            ok(kernel_prepare(device, subject->kind, &lanes[i].op, &prepared));
        lanes[i].prepared = prepared;
        expect(&lanes[i]);
    }
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lane_run, &lanes[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(lanes[i].status, STATUS_OK);
        if (lanes[i].n_wrong > 0)
            fail_msg("%s on %s, thread %d: %d of %d runs differ from one alone",
                     op_info(subject->kind)->name, backend, i, lanes[i].n_wrong, N_RUNS);
        lane_release(&lanes[i]);
    }
    kernel_release(device, subject->kind, prepared);
    device_close(device);
}

static void test_one_plan_two_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        check("cpu", &subjects[i]);
}

/* ---- nothing is made in a step that was made before ---- */

static int n_created;
int __real_dnnl_memory_create(void *out, const void *layout, void *engine, void *data);
int __wrap_dnnl_memory_create(void *out, const void *layout, void *engine, void *data);

int __wrap_dnnl_memory_create(void *out, const void *layout, void *engine, void *data)
{
    n_created++;
    return __real_dnnl_memory_create(out, layout, engine, data);
}

static void test_a_second_run_makes_nothing(void **state)
{
    const struct device_settings settings = {.n_threads = 1};

    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct device *device = NULL;
        struct prepared *prepared = NULL;
        struct lane lane = {.subject = &subjects[i]};
        ok(device_open(&backend_cpu, &settings, &device));
        lane.device = device;
        ok(queue_create(device, &lane.queue));
        memory_create(&lane, 1);
        ok(kernel_prepare(device, subjects[i].kind, &lane.op, &prepared));
        lane.prepared = prepared;
        expect(&lane);
        assert_true(n_created > 0);
        n_created = 0;
        for (int run = 0; run < 3; run++)
            ok(lane_step(&lane, run == 1)); /* nor where the same was prepared once more */
        assert_int_equal(n_created, 0);
        assert_int_equal(lane.n_wrong, 0);
        lane_release(&lane);
        kernel_release(device, subjects[i].kind, prepared);
        device_close(device);
    }
}

/* What says which plan it is: the name of its implementation lies in it. */
static const char *plan_of(struct device *device, int64_t n_rows)
{
    static float memory[4 * 64];
    const union op_any op = {.linear_forward = {.x = {memory, DTYPE_F32, 2, {n_rows, 8}},
                                                .weight = {memory + 64, DTYPE_F32, 2, {8, 8}},
                                                .y = {memory + 128, DTYPE_F32, 2, {n_rows, 8}}}};
    struct prepared *prepared = NULL;

    ok(kernel_prepare(device, OP_linear_forward, &op, &prepared));
    const char *name = prepared->implementation;
    kernel_release(device, OP_linear_forward, prepared);
    return name;
}

static void test_a_shape_is_planned_once(void **state)
{
    const struct device_settings settings = {.n_threads = 1};
    struct device *device = NULL;

    (void)state;
    ok(device_open(&backend_cpu, &settings, &device));
    const char *first = plan_of(device, 4);
    assert_ptr_not_equal(plan_of(device, 5), first);
    assert_ptr_equal(plan_of(device, 4), first);
    device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_plan_two_threads),
        cmocka_unit_test(test_a_second_run_makes_nothing),
        cmocka_unit_test(test_a_shape_is_planned_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
