/* Several queues of the cuda backend, on its substitute, whose streams run nothing before somebody
 * waits for them: what one waits for, records or reads back is its own. */
#include "kernels/substitute.h"

#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { N_QUEUES = 2 };

/* y = 2·y in place, on a queue. */
struct doubling {
    struct device *device;
    struct queue *queue;
    struct prepared *prepared;
    union op_any op;
};

static void doubling_open(struct doubling *doubling, struct device *device, float start)
{
    void *memory = NULL;

    *doubling = (struct doubling){.device = device};
    ok(queue_create(device, &doubling->queue));
    ok(device_alloc(device, sizeof start, &memory));
    ok(queue_upload(doubling->queue, memory, &start, sizeof start));
    doubling->op.scale.x = doubling->op.scale.y = (struct tensor){memory, DTYPE_F32, 1, {1}};
    doubling->op.scale.factor = 2;
    ok(kernel_prepare(device, OP_scale, &doubling->op, &doubling->prepared));
}

static void doubling_close(struct doubling *doubling)
{
    kernel_release(doubling->device, OP_scale, doubling->prepared);
    device_free(doubling->device, doubling->op.scale.y.data);
    queue_destroy(doubling->queue);
}

static void twice(struct doubling *doubling)
{
    ok(kernel_run(doubling->queue, OP_scale, doubling->prepared, &doubling->op));
}

static void check_value(struct doubling *doubling, float wanted)
{
    float found = 0;

    ok(queue_download(doubling->queue, &found, doubling->op.scale.y.data, sizeof found));
    assert_true(found == wanted);
}

struct fixture {
    struct device *device;
    struct doubling doublings[N_QUEUES];
};

static void fixture_open(struct fixture *fixture)
{
    fixture->device = substitute_open(PRECISION_FP32);
    for (int i = 0; i < N_QUEUES; i++)
        doubling_open(&fixture->doublings[i], fixture->device, (float)(1 + 2 * i));
}

static void fixture_close(struct fixture *fixture)
{
    for (int i = 0; i < N_QUEUES; i++)
        doubling_close(&fixture->doublings[i]);
    device_close(fixture->device);
    assert_int_equal(host_gpu()->used_bytes, 0);
}

/* ---- each for itself ---- */

static void test_waits_for_its_own(void **state)
{
    struct fixture fixture;
    struct doubling *a = &fixture.doublings[0], *b = &fixture.doublings[1];
    struct readback *from_a = NULL, *from_b = NULL;
    float value = 0;
    bool has_value = true;

    (void)state;
    fixture_open(&fixture);
    ok(readback_create(a->queue, sizeof value, 2, &from_a));
    ok(readback_create(b->queue, sizeof value, 2, &from_b));
    twice(a);
    twice(b);
    ok(readback_push(from_a, a->op.scale.y.data));
    ok(readback_push(from_b, b->op.scale.y.data));
    ok(queue_synchronize(a->queue));
    ok(queue_synchronize(device_queue(fixture.device)));
    ok(readback_pop(from_b, false, &value, &has_value));
    assert_false(has_value);
    ok(readback_pop(from_a, false, &value, &has_value));
    assert_true(has_value && value == 2);
    ok(readback_pop(from_b, true, &value, &has_value));
    assert_true(has_value && value == 6);
    readback_destroy(from_a);
    readback_destroy(from_b);
    fixture_close(&fixture);
}

/* Work of another queue that waits is not recorded, nor kept from running later. */
static void test_records_its_own(void **state)
{
    struct fixture fixture;
    struct doubling *a = &fixture.doublings[0], *b = &fixture.doublings[1];
    struct recording *recordings[N_QUEUES] = {NULL};

    (void)state;
    fixture_open(&fixture);
    twice(b);
    for (int i = 0; i < N_QUEUES; i++) {
        struct doubling *each = &fixture.doublings[i];
        ok(queue_capture_begin(each->queue));
        twice(each);
        ok(queue_capture_end(each->queue, &recordings[i]));
    }
    for (int i = 0; i < 3; i++) {
        ok(queue_replay(b->queue, recordings[1]));
        if (i < 2)
            ok(queue_replay(a->queue, recordings[0]));
    }
    check_value(b, 3 * 16);
    check_value(a, 4);
    for (int i = 0; i < N_QUEUES; i++)
        device_recording_release(fixture.device, recordings[i]);
    fixture_close(&fixture);
}

/* While one is recorded, waiting for another is refused as well. */
static void test_recording_forbids_waiting(void **state)
{
    struct fixture fixture;
    struct doubling *a = &fixture.doublings[0], *b = &fixture.doublings[1];

    (void)state;
    fixture_open(&fixture);
    ok(queue_capture_begin(a->queue));
    fails_with(queue_synchronize(b->queue), STATUS_DEVICE,
               "stream_synchronize: operation not permitted when stream is capturing");
    queue_capture_abandon(a->queue);
    twice(b);
    check_value(b, 6);
    fixture_close(&fixture);
}

/* ---- coming and going ---- */

static void test_goes_with_work_on_its_way(void **state)
{
    struct device *device = substitute_open(PRECISION_FP32);
    struct queue *queue = NULL;
    float value = 7, found = 0;
    void *memory = NULL;

    (void)state;
    ok(device_alloc(device, sizeof value, &memory));
    ok(queue_create(device, &queue));
    ok(queue_upload(queue, memory, &value, sizeof value));
    queue_destroy(queue);
    ok(queue_download(device_queue(device), &found, memory, sizeof found));
    assert_true(found == 7);
    device_free(device, memory);
    device_close(device);
}

static void test_creation_can_fail(void **state)
{
    static const char *const entries[] = {"stream_create", "alloc_host", "event_create"};

    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct device *device = substitute_open(PRECISION_FP32);
        struct queue *queue = NULL;
        host_gpu()->failing = entries[i];
        fails(queue_create(device, &queue), STATUS_DEVICE, entries[i]);
        assert_null(queue);
        host_gpu_reset();
        device_close(device);
    }
}

/* ---- frozen weights ---- */

enum { SIDE = 4, CHANNELS = 64, FILTERS = 128, N_X = SIDE * SIDE * CHANNELS };
enum { N_WEIGHT = FILTERS * 9 * CHANNELS, N_Y = SIDE * SIDE * FILTERS };

static void *uploaded(struct device *device, struct queue *queue, const float *values, size_t n)
{
    void *memory = NULL;

    ok(device_alloc(device, n * sizeof *values, &memory));
    ok(queue_upload(queue, memory, values, n * sizeof *values));
    return memory;
}

/* Every other filter is zero. On the given queue, whatever the weight was prepared on. */
static void convolve(struct device *device, struct queue *queue, union op_any *op, float found[N_Y])
{
    struct prepared *prepared = NULL;

    ok(kernel_prepare(device, OP_conv2d_forward, op, &prepared));
    bool leaves_out = strstr(prepared->implementation, "64 of 128 filters") != NULL;
    assert_true(leaves_out != op->conv2d_forward.computes_zero_rows);
    op->workspace.bytes = prepared->workspace_bytes;
    ok(device_alloc(device, op->workspace.bytes, &op->workspace.data));
    ok(kernel_run(queue, OP_conv2d_forward, prepared, op));
    ok(queue_download(queue, found, op->conv2d_forward.y.data, N_Y * sizeof *found));
    device_free(device, op->workspace.data);
    kernel_release(device, OP_conv2d_forward, prepared);
}

static void test_any_queue_runs_what_is_prepared(void **state)
{
    static float x[N_X], weight[N_WEIGHT], all[N_Y], some[N_Y];
    struct device *device = substitute_open(PRECISION_FP32);
    struct queue *queue = NULL;
    void *y = NULL;

    (void)state;
    for (int i = 0; i < N_X; i++)
        x[i] = (float)(i % 7 - 3);
    for (int i = 0; i < N_WEIGHT; i++)
        weight[i] = i / (9 * CHANNELS) % 2 == 0 ? (float)(i % 5 - 2) : 0;
    ok(queue_create(device, &queue));
    ok(device_alloc(device, sizeof all, &y));
    union op_any op = {
        .conv2d_forward = {
            .x = {uploaded(device, queue, x, N_X), DTYPE_F32, 4, {1, SIDE, SIDE, CHANNELS}},
            .weight = {uploaded(device, queue, weight, N_WEIGHT),
                       DTYPE_F32,
                       4,
                       {FILTERS, 3, 3, CHANNELS}},
            .y = {y, DTYPE_F32, 4, {1, SIDE, SIDE, FILTERS}},
            .factor = 1,
            .stride = 1,
            .padding = 1,
            .is_weight_frozen = true,
            .computes_zero_rows = true}};
    ok(queue_synchronize(queue)); /* prepare reads the weight */
    convolve(device, queue, &op, all);
    op.conv2d_forward.computes_zero_rows = false;
    convolve(device, queue, &op, some);
    assert_memory_equal(all, some, sizeof all); /* small integers: the same in any order */
    device_free(device, op.conv2d_forward.x.data);
    device_free(device, op.conv2d_forward.weight.data);
    device_free(device, y);
    queue_destroy(queue);
    device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_waits_for_its_own, substitute_reset),
        cmocka_unit_test_setup(test_records_its_own, substitute_reset),
        cmocka_unit_test_setup(test_recording_forbids_waiting, substitute_reset),
        cmocka_unit_test_setup(test_goes_with_work_on_its_way, substitute_reset),
        cmocka_unit_test_setup(test_creation_can_fail, substitute_reset),
        cmocka_unit_test_setup(test_any_queue_runs_what_is_prepared, substitute_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
