/* The cuda backend between its table and its seam: why there is no GPU, memory and copies in the
 * order of the stream, recordings, values read back, and every call that can fail. The substitute
 * runs nothing before somebody waits, so what comes too early shows. */
#include "kernels/substitute.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct device_settings one = {.n_threads = 1};

/* ---- no GPU ---- */

static void test_presence(void **state)
{
    const struct {
        struct gpu_machine machine;
        const char *message;
    } cases[] = {
        {{.presence = GPU_NO_DRIVER, .runtime_version = 12040},
         "device 'cuda': this machine has no NVIDIA driver; choose --device cpu, or install a "
         "driver for CUDA 12.4"},
        {{.presence = GPU_DRIVER_TOO_OLD, .driver_version = 11080, .runtime_version = 13000},
         "device 'cuda': the NVIDIA driver supports CUDA 11.8, but this build needs 13.0; update "
         "the driver, or choose --device cpu"},
        {{.presence = GPU_NO_DEVICE},
         "device 'cuda': the NVIDIA driver shows no GPU; is CUDA_VISIBLE_DEVICES empty?"},
        {{.presence = GPU_UNUSABLE, .error = "system not yet initialized"},
         "device 'cuda': the NVIDIA driver does not start: system not yet initialized"},
    };
    const struct backend *backend = backend_find("cuda_host");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct device *device = NULL;
        int n = -1;
        host_gpu()->machine = cases[i].machine;
        fails_with(backend_devices(backend, &n), STATUS_UNSUPPORTED, cases[i].message);
        assert_int_equal(n, -1);
        fails_with(device_open(backend, &one, &device), STATUS_UNSUPPORTED, cases[i].message);
        assert_null(device);
    }
}

static void test_which_gpu(void **state)
{
    struct device_settings second = {.n_threads = 1, .index = 1};
    struct device *device = NULL;
    const struct backend *backend = backend_find("cuda_host");
    char text[DEVICE_TEXT_BYTES];

    (void)state;
    fails_with(device_open(backend, &second, &device), STATUS_UNSUPPORTED,
               "GPU 1 was asked for, but this machine shows 1, numbered from 0 (see "
               "CUDA_VISIBLE_DEVICES)");
    host_gpu()->machine.n_devices = 2;
    host_gpu()->properties.major = 7;
    host_gpu()->properties.minor = 5;
    fails_with(device_open(backend, &second, &device), STATUS_UNSUPPORTED,
               "GPU 1 (host substitute) has compute capability 7.5, expected 8.0 or later; choose "
               "--device cpu");
    host_gpu()->properties.major = 8;
    second.precision = PRECISION_TF32;
    ok(device_open(backend, &second, &device));
    device_describe(device, text);
    assert_string_equal(text, "cuda_host, host substitute (GPU 1), tf32, host substitute, float64 "
                              "loops, 1 threads");
    device_close(device);
    second.precision = PRECISION_BF16;
    ok(device_open(backend, &second, &device));
    device_describe(device, text);
    assert_string_equal(text, "cuda_host, host substitute (GPU 1), bf16, host substitute, float64 "
                              "loops, 1 threads");
    assert_int_equal(device_real(device), DTYPE_F32);
    assert_int_equal(device_map(device), DTYPE_BF16);
    device_close(device);
}

/* ---- memory ---- */

static void test_too_little_memory(void **state)
{
    struct device *device = NULL;
    void *memory = NULL;

    (void)state;
    host_gpu()->memory_bytes = (size_t)64 << 20;
    device = substitute_open(PRECISION_FP32);
    ok(device_alloc(device, (size_t)24 << 20, &memory));
    void *first = memory;
    fails_with(device_alloc(device, (size_t)100 << 20, &memory), STATUS_OUT_OF_MEMORY,
               "GPU 0: 100.0 MiB are needed, but 40.0 of 64.0 MiB are free; choose a smaller batch "
               "size, or "
               "see what else runs there");
    assert_ptr_equal(memory, first);
    assert_int_equal(device_base(device)->n_allocations, 1);
    device_free(device, first);
    device_close(device);
    assert_int_equal(host_gpu()->used_bytes, 0);
}

/* More than the ring of pinned memory holds, in pieces of odd sizes, from memory that changes as
 * soon as upload returns. */
static void test_uploads_keep_nothing(void **state)
{
    enum { BYTES = 20 << 20 };
    struct device *device = substitute_open(PRECISION_FP32);
    uint8_t *piece = malloc(BYTES), *found = malloc(BYTES);
    void *memory = NULL;
    size_t sizes[] = {1, 63, 4096, 3000001, 17, 1 << 20, 65537};

    (void)state;
    assert_true(piece != NULL && found != NULL);
    ok(device_alloc(device, BYTES, &memory));
    int n_pieces = 0;
    for (size_t at = 0; at < BYTES; n_pieces++) {
        size_t bytes = sizes[n_pieces % 7] < BYTES - at ? sizes[n_pieces % 7] : BYTES - at;
        memset(piece, n_pieces % 251, bytes);
        ok(queue_upload(device_queue(device), (char *)memory + at, piece, bytes));
        at += bytes;
    }
    memset(piece, 0xEE, BYTES);
    ok(queue_download(device_queue(device), found, memory, BYTES));
    for (size_t at = 0, i = 0; at < BYTES; i++) {
        size_t bytes = sizes[i % 7] < BYTES - at ? sizes[i % 7] : BYTES - at;
        for (size_t b = 0; b < bytes; b++)
            if (found[at + b] != i % 251)
                fail_msg("byte %zu is %d, expected %d", at + b, found[at + b], (int)(i % 251));
        at += bytes;
    }
    device_free(device, memory);
    device_close(device);
    free(piece);
    free(found);
}

/* Small uploads between waits: as in a step, nothing waits and nothing runs. */
static void test_order(void **state)
{
    struct device *device = substitute_open(PRECISION_FP32);
    float value = 1, found = 0;
    void *memory = NULL;

    (void)state;
    ok(device_alloc(device, sizeof value, &memory));
    int64_t waits = host_gpu()->n_wait, ran = host_gpu()->n_run;
    for (int i = 0; i < 100; i++) {
        value = (float)i;
        ok(queue_upload(device_queue(device), memory, &value, sizeof value));
    }
    assert_int_equal(host_gpu()->n_wait, waits);
    assert_int_equal(host_gpu()->n_run, ran);
    ok(queue_download(device_queue(device), &found, memory, sizeof found));
    assert_true(found == 99);
    ok(queue_zero(device_queue(device), memory, sizeof value));
    ok(queue_download(device_queue(device), &found, memory, sizeof found));
    assert_true(found == 0);
    device_free(device, memory);
    device_close(device);
}

/* ---- an operation to record ---- */

struct doubling { /* y = 2·y, in place */
    struct device *device;
    struct prepared *prepared;
    union op_any op;
};

static void doubling_open(struct doubling *doubling)
{
    const float start[2] = {1, -3};
    void *memory = NULL;

    *doubling = (struct doubling){.device = substitute_open(PRECISION_FP32)};
    ok(device_alloc(doubling->device, sizeof start, &memory));
    ok(queue_upload(device_queue(doubling->device), memory, start, sizeof start));
    doubling->op.scale.x = doubling->op.scale.y = (struct tensor){memory, DTYPE_F32, 1, {2}};
    doubling->op.scale.factor = 2;
    ok(kernel_prepare(doubling->device, OP_scale, &doubling->op, &doubling->prepared));
}

static void doubling_close(struct doubling *doubling)
{
    kernel_release(doubling->device, OP_scale, doubling->prepared);
    device_free(doubling->device, doubling->op.scale.y.data);
    device_close(doubling->device);
}

static void doubling_check(struct doubling *doubling, float wanted)
{
    float found[2] = {0, 0};

    ok(queue_download(device_queue(doubling->device), found, doubling->op.scale.y.data,
                      sizeof found));
    assert_true(found[0] == wanted && found[1] == -3 * wanted);
}

static void test_recording(void **state)
{
    struct doubling doubling;
    struct recording *recording = NULL;

    (void)state;
    doubling_open(&doubling);
    assert_true(device_can_capture(doubling.device));
    ok(queue_capture_begin(device_queue(doubling.device)));
    ok(kernel_run(device_queue(doubling.device), OP_scale, doubling.prepared, &doubling.op));
    ok(kernel_run(device_queue(doubling.device), OP_scale, doubling.prepared, &doubling.op));
    ok(queue_capture_end(device_queue(doubling.device), &recording));
    doubling_check(&doubling, 1); /* recorded, not run */
    for (int i = 0; i < 3; i++)
        ok(queue_replay(device_queue(doubling.device), recording));
    device_recording_release(doubling.device, recording); /* while its launches wait */
    doubling_check(&doubling, 64);
    doubling_close(&doubling);
}

/* What a recording cannot hold is refused, and the device computes on after it. */
static void test_refused_in_recordings(void **state)
{
    struct doubling doubling;
    void *memory = NULL;

    (void)state;
    doubling_open(&doubling);
    ok(queue_capture_begin(device_queue(doubling.device)));
    fails_with(device_alloc(doubling.device, 8, &memory), STATUS_DEVICE,
               "alloc: operation not permitted when stream is capturing");
    fails_with(queue_synchronize(device_queue(doubling.device)), STATUS_DEVICE,
               "stream_synchronize: operation not permitted when stream is capturing");
    queue_capture_abandon(device_queue(doubling.device));
    ok(kernel_run(device_queue(doubling.device), OP_scale, doubling.prepared, &doubling.op));
    doubling_check(&doubling, 2);
    doubling_close(&doubling);
}

/* ---- a step whose factors change between replays ---- */

/* Clipping, and an update by what it gives. */
struct clipped {
    struct device *device;
    struct prepared *prepared[2];
    union op_any clip, step;
    char *memory;
};

enum { GRADIENT = 0, PARAMETER = 64, RATES = 128, SCALE = 192, SCRATCH = 256, CLIPPED_BYTES = 512 };

static void clipped_open(struct clipped *c)
{
    const double rates[2] = {1, 1};
    void *memory = NULL;

    *c = (struct clipped){.device = substitute_open(PRECISION_FP32)};
    ok(device_alloc(c->device, CLIPPED_BYTES, &memory));
    ok(queue_zero(device_queue(c->device), memory, CLIPPED_BYTES));
    c->memory = memory;
    ok(queue_upload(device_queue(c->device), c->memory + RATES, rates, sizeof rates));
    c->clip.clip_scale.gradient = (struct tensor){c->memory + GRADIENT, DTYPE_F32, 1, {2}};
    c->clip.clip_scale.scale = (struct tensor){c->memory + SCALE, DTYPE_F64, 1, {1}};
    c->clip.clip_scale.limit = 2.5;
    c->step.sgd_step.gradient = c->clip.clip_scale.gradient;
    c->step.sgd_step.scale = c->clip.clip_scale.scale;
    c->step.sgd_step.rates = (struct tensor){c->memory + RATES, DTYPE_F64, 1, {2}};
    c->step.sgd_step.parameter = (struct tensor){c->memory + PARAMETER, DTYPE_F32, 1, {2}};
    ok(kernel_prepare(c->device, OP_clip_scale, &c->clip, &c->prepared[0]));
    ok(kernel_prepare(c->device, OP_sgd_step, &c->step, &c->prepared[1]));
    c->clip.workspace = (struct span){c->memory + SCRATCH, CLIPPED_BYTES - SCRATCH};
}

static void clipped_close(struct clipped *c)
{
    kernel_release(c->device, OP_clip_scale, c->prepared[0]);
    kernel_release(c->device, OP_sgd_step, c->prepared[1]);
    device_free(c->device, c->memory);
    device_close(c->device);
}

/* The factor is of the replay's gradients, not of those it was recorded with. */
static void test_recorded_clipping(void **state)
{
    const float gradients[][2] = {{3, 4}, {0.5F, 0}, {-30, 40}, {0, NAN}};
    const float wanted[][2] = {{-1.5F, -2}, {-2, -2}, {-0.5F, -4}, {NAN, NAN}};
    struct clipped c;
    struct recording *recording = NULL;

    (void)state;
    clipped_open(&c);
    ok(queue_capture_begin(device_queue(c.device)));
    ok(kernel_run(device_queue(c.device), OP_clip_scale, c.prepared[0], &c.clip));
    ok(kernel_run(device_queue(c.device), OP_sgd_step, c.prepared[1], &c.step));
    ok(queue_capture_end(device_queue(c.device), &recording));
    for (int i = 0; i < 4; i++) {
        float found[2];
        ok(queue_upload(device_queue(c.device), c.memory + GRADIENT, gradients[i],
                        sizeof gradients[i]));
        ok(queue_replay(device_queue(c.device), recording));
        ok(queue_download(device_queue(c.device), found, c.memory + PARAMETER, sizeof found));
        for (int j = 0; j < 2; j++)
            assert_true(fabsf(found[j] - wanted[i][j]) <= 4e-6F ||
                        (isnan(found[j]) && isnan(wanted[i][j])));
    }
    device_recording_release(c.device, recording);
    clipped_close(&c);
}

/* ---- reading back ---- */

static void test_readback(void **state)
{
    enum { CAPACITY = 4 };
    struct doubling doubling;
    struct readback *readback = NULL;
    float value = -1;
    bool has_value = true;

    (void)state;
    doubling_open(&doubling);
    ok(readback_create(device_queue(doubling.device), sizeof value, CAPACITY, &readback));
    ok(readback_pop(readback, true, &value, &has_value));
    assert_false(has_value);
    for (int round = 0; round < 3; round++) { /* the ring goes round */
        for (int i = 0; i < CAPACITY; i++) {
            ok(kernel_run(device_queue(doubling.device), OP_scale, doubling.prepared,
                          &doubling.op));
            ok(readback_push(readback, doubling.op.scale.y.data));
        }
        ok(readback_pop(readback, false, &value, &has_value));
        assert_false(has_value); /* nobody waited: nothing has arrived */
        for (int i = 0; i < CAPACITY; i++) {
            ok(readback_pop(readback, i == 0, &value, &has_value));
            assert_true(has_value);
            assert_true(value == (float)(2 << (CAPACITY * round + i)));
        }
    }
    ok(readback_push(readback, doubling.op.scale.y.data));
    readback_destroy(readback); /* with one on its way */
    doubling_close(&doubling);
}

/* ---- failures ---- */

/* Everything a run does once, so that each of its calls can be made to fail. */
static enum status use_everything(void)
{
    enum status status = STATUS_OK;
    struct device *device = NULL;
    struct recording *recording = NULL;
    struct readback *readback = NULL;
    struct prepared *prepared = NULL;
    void *memory = NULL;
    bool has_value = false;
    float value = 0;
    union op_any op = {.linear_forward = {.x = {NULL, DTYPE_F32, 2, {2, 4}},
                                          .weight = {NULL, DTYPE_F32, 2, {4, 4}},
                                          .y = {NULL, DTYPE_F32, 2, {2, 4}}}};

    TRY(device_open(backend_find("cuda_host"), &one, &device));
    TRY(device_alloc(device, 4096, &memory));
    TRY(queue_zero(device_queue(device), memory, 4096));
    TRY(queue_upload(device_queue(device), memory, &value, sizeof value));
    op.linear_forward.x.data = memory;
    op.linear_forward.weight.data = (char *)memory + 256;
    op.linear_forward.y.data = (char *)memory + 512;
    TRY(kernel_prepare(device, OP_linear_forward, &op, &prepared));
    op.workspace = (struct span){(char *)memory + 1024, 3072};
    TRY(queue_capture_begin(device_queue(device)));
    status = kernel_run(device_queue(device), OP_linear_forward, prepared, &op);
    if (status != STATUS_OK)
        queue_capture_abandon(device_queue(device));
    TRY(status);
    TRY(queue_capture_end(device_queue(device), &recording));
    TRY(queue_replay(device_queue(device), recording));
    TRY(readback_create(device_queue(device), sizeof value, 2, &readback));
    TRY(readback_push(readback, memory));
    TRY(readback_pop(readback, false, &value, &has_value));
    TRY(readback_pop(readback, true, &value, &has_value));
    TRY(queue_download(device_queue(device), &value, memory, sizeof value));
done:
    if (device != NULL) {
        device_recording_release(device, recording);
        readback_destroy(readback);
        kernel_release(device, OP_linear_forward, prepared);
        device_free(device, memory);
    }
    device_close(device);
    return status;
}

static void test_every_call_can_fail(void **state)
{
    static const char *const entries[] = {
        "properties",      "open",          "alloc",         "alloc_host",
        "copy_up",         "copy_down",     "zero",          "stream_create",
        "event_create",    "event_record",  "event_query",   "event_synchronize",
        "capture_begin",   "capture_end",   "graph_launch",  "stream_synchronize",
        "propose_product", "proposal_look", "proposal_plan", "plan_run",
    };

    (void)state;
    ok(use_everything());
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        char wanted[128];
        host_gpu_reset();
        host_gpu()->failing = entries[i];
        snprintf(wanted, sizeof wanted,
                 "%s: made to fail: an illegal memory access was encountered", entries[i]);
        assert_int_equal(use_everything(), STATUS_DEVICE);
        if (strstr(status_message(), wanted) == NULL)
            fail_msg("'%s' does not say '%s'", status_message(), wanted);
        assert_int_equal(host_gpu()->used_bytes, 0); /* nothing is left behind */
    }
}

/* ---- the module ---- */

static void test_no_module(void **state)
{
    const struct backend *backend = NULL;

    (void)state;
    assert_int_equal(setenv("PRUNELORA_CUDA_MODULE", "/nowhere/libprunelora_cuda.so", 1), 0);
    fails_with(
        backend_load("cuda", &backend), STATUS_UNSUPPORTED,
        "device 'cuda' is not in this build: there is no '/nowhere/libprunelora_cuda.so'; build "
        "with -DPRUNELORA_CUDA=ON, or say where it is in PRUNELORA_CUDA_MODULE");
    assert_int_equal(unsetenv("PRUNELORA_CUDA_MODULE"), 0);
    fails_with(backend_load("abacus", &backend), STATUS_UNSUPPORTED, "there is no device 'abacus'");
    ok(backend_load("cuda_host", &backend));
    assert_ptr_equal(backend, backend_find("cuda_host"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_presence, substitute_reset),
        cmocka_unit_test_setup(test_which_gpu, substitute_reset),
        cmocka_unit_test_setup(test_too_little_memory, substitute_reset),
        cmocka_unit_test_setup(test_uploads_keep_nothing, substitute_reset),
        cmocka_unit_test_setup(test_order, substitute_reset),
        cmocka_unit_test_setup(test_recording, substitute_reset),
        cmocka_unit_test_setup(test_refused_in_recordings, substitute_reset),
        cmocka_unit_test_setup(test_recorded_clipping, substitute_reset),
        cmocka_unit_test_setup(test_readback, substitute_reset),
        cmocka_unit_test_setup(test_every_call_can_fail, substitute_reset),
        cmocka_unit_test_setup(test_no_module, substitute_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
