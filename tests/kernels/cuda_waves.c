/* Tensors so long that a thread of the cuda backend's kernels takes more than one pack, against the
 * cpu backend. Operations of which every element stands alone have the same bits there. */
#include "kernels/kernel_test.h"

#include "base/random.h"
#include "support/cmocka.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 2112 blocks of 256 threads with 4 elements each are one wave; and a rest that fills no pack */
enum { N = 2112 * 256 * 4 + 40003 };

struct subject {
    enum op_kind kind;
    double tolerance; /* of a result near 1; 0: the same bits */
    union op_any attributes;
};

static const struct subject subjects[] = {
    {OP_relu_forward, 0, {.scale = {.factor = 0}}},
    {OP_relu_backward, 0, {.scale = {.factor = 0}}},
    {OP_add, 0, {.add = {.factor = -0.3}}},
    {OP_scale, 0, {.scale = {.factor = 0.7}}},
    {OP_dropout, 0, {.dropout = {.probability = 0.3, .seed = 5, .layer = 2}}},
    {OP_sgd_step, 0, {.sgd_step = {.momentum = 0.9, .decay = 5e-4, .is_nesterov = true}}},
    {OP_adam_step, 0, {.adam_step = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.1}}},
    /* sums in float64, rounded once; d_weight is a sum of N numbers below 1 that nearly cancel */
    {OP_batch_norm_statistics, 2 * FLT_EPSILON, {.batch_norm_statistics = {.momentum = 0.1}}},
    {OP_batch_norm_gradient_sums, 4 * FLT_EPSILON, {.batch_norm_gradient_sums = {.epsilon = 1e-5}}},
    {OP_batch_norm_apply, 8 * FLT_EPSILON, {.batch_norm_apply = {.epsilon = 1e-5}}},
    {OP_batch_norm_gradient_apply,
     8 * FLT_EPSILON,
     {.batch_norm_gradient_apply = {.epsilon = 1e-5}}},
};

/* Floats in [−1, 1), or small integers. */
static void fill(void *memory, const struct op_tensor *row, int64_t n, uint32_t stream)
{
    const struct random_key key = {.seed = 1, .purpose = RANDOM_SYNTHESIS, .sample = stream};
    const double rates[] = {1e-3, 7};
    bool is_positive = strstr(row->name, "second") != NULL || strstr(row->name, "variance") != NULL;

    for (int64_t i = 0; i < n; i += 4) {
        struct philox_block block = random_block(&key, (uint32_t)(i / 4));
        for (int64_t j = 0; j < 4 && i + j < n; j++) {
            uint32_t word = block.words[j];
            if (row->type == TYPE_REAL || row->type == TYPE_MAP)
                ((float *)memory)[i + j] = (float)word * 0x1p-31F * (is_positive ? 0.5F : 1.0F) -
                                           (is_positive ? 0.0F : 1.0F);
            else if (row->type == TYPE_F64)
                ((double *)memory)[i + j] = rates[i + j];
            else if (row->type == TYPE_I32)
                ((int32_t *)memory)[i + j] = (int32_t)(word % 50000);
            else
                ((uint8_t *)memory)[i + j] = word % 2;
        }
    }
}

/* One row of N elements, or N rows of one channel. */
static struct tensor tensor_of(const struct op_tensor *row)
{
    static const struct {
        const char *shape;
        struct tensor tensor;
    } shapes[] = {
        {".", {NULL, DTYPE_F32, 1, {N}}},     {".C", {NULL, DTYPE_F32, 2, {N, 1}}},
        {"N.", {NULL, DTYPE_F32, 2, {1, N}}}, {"C", {NULL, DTYPE_F32, 1, {1}}},
        {"1", {NULL, DTYPE_F64, 1, {1}}},     {"2", {NULL, DTYPE_F64, 1, {2}}},
    };
    struct tensor tensor = {NULL, DTYPE_F32, 1, {N}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(row->shape, shapes[i].shape) == 0 && row->type != TYPE_I32)
            return shapes[i].tensor;
    if (row->type == TYPE_U8)
        tensor.dtype = DTYPE_U8;
    else if (row->type == TYPE_I32) /* of dropout's one row, and its epoch */
        tensor = (struct tensor){NULL, DTYPE_I32, 1, {1}};
    return tensor;
}

/* Runs the operation on the device; its tensors, end to end, come back in `found`. */
static void run(const struct subject *subject, const char *backend, char *found)
{
    const struct op_info *info = op_info(subject->kind);
    struct device *device = test_device(backend, 1);
    union op_any op = subject->attributes;
    struct prepared *prepared = NULL;

    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(subject->kind, &op, i);
        *tensor = tensor_of(&info->tensors[i]);
        fill(found, &info->tensors[i], tensor_elements(tensor), (uint32_t)i);
        ok(device_alloc(device, tensor_bytes(tensor), &tensor->data));
        ok(queue_upload(device_queue(device), tensor->data, found, tensor_bytes(tensor)));
    }
    ok(kernel_prepare(device, subject->kind, &op, &prepared));
    op.workspace.bytes = prepared->workspace_bytes;
    ok(device_alloc(device, op.workspace.bytes, &op.workspace.data));
    ok(kernel_run(device_queue(device), subject->kind, prepared, &op));
    ok(queue_synchronize(device_queue(device)));
    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(subject->kind, &op, i);
        ok(queue_download(device_queue(device), found, tensor->data, tensor_bytes(tensor)));
        found += tensor_bytes(tensor);
        device_free(device, tensor->data);
    }
    device_free(device, op.workspace.data);
    kernel_release(device, subject->kind, prepared);
    device_close(device);
}

static bool is_near(float found, float wanted, double tolerance)
{
    return fabs((double)found - (double)wanted) <= tolerance * fmax(1.0, fabs((double)wanted));
}

static void check_same(const struct subject *subject, const char *found, const char *wanted,
                       size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(float)) {
        float a, b;
        if (memcmp(found + i, wanted + i, sizeof a) == 0)
            continue;
        memcpy(&a, found + i, sizeof a);
        memcpy(&b, wanted + i, sizeof b);
        if (subject->tolerance == 0 || !is_near(a, b, subject->tolerance))
            fail_msg("%s: number %zu is %.9g, expected %.9g", op_info(subject->kind)->name, i / 4,
                     (double)a, (double)b);
    }
}

static void test_waves(void **state)
{
    enum { BYTES = OP_MAX_TENSORS * N * 4 };
    char *cpu = calloc(BYTES, 1), *cuda = calloc(BYTES, 1);

    (void)state;
    assert_true(cpu != NULL && cuda != NULL);
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        run(&subjects[i], "cpu", cpu);
        run(&subjects[i], "cuda_host", cuda);
        check_same(&subjects[i], cuda, cpu, BYTES);
    }
    free(cpu);
    free(cuda);
}

/* Integers, whose squares' sum is exact in any order: every backend gives the same bits. */
static void clip(const char *backend, float *gradient, double *scale)
{
    struct device *device = test_device(backend, 1);
    struct prepared *prepared = NULL;
    void *memory = NULL, *result = NULL;

    ok(device_alloc(device, N * sizeof *gradient, &memory));
    ok(device_alloc(device, sizeof *scale, &result));
    ok(queue_upload(device_queue(device), memory, gradient, N * sizeof *gradient));
    union op_any op = {.clip_scale = {.gradient = {memory, DTYPE_F32, 1, {N}},
                                      .scale = {result, DTYPE_F64, 1, {1}},
                                      .limit = 0.25}};
    ok(kernel_prepare(device, OP_clip_scale, &op, &prepared));
    op.workspace.bytes = prepared->workspace_bytes;
    ok(device_alloc(device, op.workspace.bytes, &op.workspace.data));
    ok(kernel_run(device_queue(device), OP_clip_scale, prepared, &op));
    ok(queue_download(device_queue(device), scale, result, sizeof *scale));
    device_free(device, memory);
    device_free(device, result);
    device_free(device, op.workspace.data);
    kernel_release(device, OP_clip_scale, prepared);
    device_close(device);
}

static void test_clip(void **state)
{
    float *gradient = calloc(N, sizeof *gradient);
    double sum = 0, cpu = 0, cuda = 0;

    (void)state;
    assert_non_null(gradient);
    for (int64_t i = 0; i < N; i++) {
        gradient[i] = (float)(i * 7 % 11 - 5);
        sum += (double)gradient[i] * (double)gradient[i];
    }
    clip("cpu", gradient, &cpu);
    clip("cuda_host", gradient, &cuda);
    assert_true(cpu == 0.25 / (sqrt(sum) + 1e-6));
    assert_true(cuda == cpu);
    free(gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waves), cmocka_unit_test(test_clip)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
