/* The fastest of as many repetitions as fit into a quarter of a second. */
#include "cli/doctor/ceiling.h"

#include "base/arena.h"
#include "base/clock.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double measure_seconds = 0.25;
/* of a square product: what a device is busy with for longer than with its launch */
enum { PRODUCT = 1024, GPU_PRODUCT = 8192, PIECE = 1 << 18 };
static const int64_t copy_elements = (int64_t)1 << 25; /* 128 MiB each: more than caches hold */

struct workload {
    struct device *device;
    enum op_kind kind;
    union op_any op;
    struct prepared *prepared;
    struct span workspace;
};

static void workload_release(struct workload *work)
{
    kernel_release(work->device, work->kind, work->prepared);
    device_free(work->device, work->workspace.data);
}

static enum status workload_prepare(struct workload *work)
{
    enum status status = STATUS_OK;

    TRY(kernel_prepare(work->device, work->kind, &work->op, &work->prepared));
    work->workspace.bytes = work->prepared->workspace_bytes;
    if (work->workspace.bytes > 0)
        TRY(device_alloc(work->device, work->workspace.bytes, &work->workspace.data));
    work->op.workspace = work->workspace;
done:
    return status;
}

static enum status workload_time(struct workload *work, double *seconds)
{
    enum status status = STATUS_OK;
    double best = DBL_MAX, end = 0;

    do {
        double start = clock_seconds();
        TRY(kernel_run(device_queue(work->device), work->kind, work->prepared, &work->op));
        TRY(queue_synchronize(device_queue(work->device)));
        double now = clock_seconds();
        if (end == 0)
            end = now + measure_seconds; /* the first one warms up */
        else
            best = fmin(best, now - start);
    } while (clock_seconds() < end || best == DBL_MAX);
    *seconds = best;
done:
    return status;
}

/* A small integer as a tensor holds it; bf16 is the upper half of a float32. */
static void put(char *to, enum dtype dtype, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    uint16_t half = (uint16_t)(bits >> 16);
    if (dtype == DTYPE_BF16)
        memcpy(to, &half, sizeof half);
    else
        memcpy(to, &value, sizeof value);
}

/* In pieces: pages touched for the first time cost more than what is measured. */
static enum status filled(struct device *device, float value, struct tensor *out)
{
    enum status status = STATUS_OK;
    char *values = NULL, *to = NULL;
    size_t each = dtype_bytes(out->dtype);
    int64_t n = tensor_elements(out);

    TRY_ALLOC(values, heap_alloc(PIECE, each));
    for (size_t i = 0; i < PIECE; i++)
        put(values + i * each, out->dtype, value);
    TRY(device_alloc(device, tensor_bytes(out), &out->data));
    to = out->data;
    for (int64_t i = 0; i < n; i += PIECE) {
        size_t bytes = each * (size_t)(n - i < PIECE ? n - i : PIECE);
        TRY(queue_upload(device_queue(device), to + each * (size_t)i, values, bytes));
    }
done:
    free(values);
    return status;
}

/* Every element of the product is the same small integer: right means exactly right. */
static enum status check_product(struct device *device, const struct tensor *y)
{
    const float wanted = 2.0F * (float)y->shape[0];
    enum status status = STATUS_OK;
    float *values = NULL;
    int64_t n = tensor_elements(y);

    TRY_ALLOC(values, heap_alloc(n, sizeof *values));
    TRY(queue_download(device_queue(device), values, y->data, tensor_bytes(y)));
    for (int64_t i = 0; i < n; i++)
        if (values[i] != wanted)
            TRY(fail(STATUS_DEVICE, "a matrix product is wrong: element %lld is %g instead of %g",
                     (long long)i, (double)values[i], (double)wanted));
done:
    free(values);
    return status;
}

static enum status measure_matmul(struct device *device, double *flops)
{
    enum status status = STATUS_OK;
    const int64_t n = device_can_capture(device) ? GPU_PRODUCT : PRODUCT;
    struct workload work = {.device = device, .kind = OP_linear_forward};
    struct linear_forward *op = &work.op.linear_forward;
    double seconds = 0;

    op->x = op->weight = (struct tensor){NULL, device_map(device), 2, {n, n}};
    op->y = (struct tensor){NULL, device_real(device), 2, {n, n}};
    TRY(filled(device, 1, &op->x));
    TRY(filled(device, 2, &op->weight));
    TRY(filled(device, 0, &op->y));
    TRY(workload_prepare(&work));
    TRY(workload_time(&work, &seconds));
    TRY(check_product(device, &op->y));
    *flops = 2.0 * (double)n * (double)n * (double)n / seconds;
done:
    workload_release(&work);
    device_free(device, op->x.data);
    device_free(device, op->weight.data);
    device_free(device, op->y.data);
    return status;
}

static enum status measure_copy(struct device *device, double *bytes)
{
    enum status status = STATUS_OK;
    struct workload work = {.device = device, .kind = OP_scale};
    struct scale *op = &work.op.scale;
    double seconds = 0;

    op->x = op->y = (struct tensor){NULL, device_map(device), 1, {copy_elements}};
    op->factor = 1;
    TRY(filled(device, 1, &op->x));
    TRY(device_alloc(device, tensor_bytes(&op->y), &op->y.data)); /* the first run fills it */
    TRY(workload_prepare(&work));
    TRY(workload_time(&work, &seconds));
    *bytes = 2 * (double)tensor_bytes(&op->x) / seconds;
done:
    workload_release(&work);
    device_free(device, op->x.data);
    device_free(device, op->y.data);
    return status;
}

static enum status measure(const struct backend *backend, const struct device_settings *settings,
                           enum status (*how)(struct device *, double *), double *out)
{
    enum status status = STATUS_OK;
    struct device *device = NULL;

    TRY(device_open(backend, settings, &device));
    TRY(how(device, out));
done:
    device_close(device);
    return status;
}

enum status ceiling_matmul(const struct backend *backend, const struct device_settings *settings,
                           double *flops)
{
    return measure(backend, settings, measure_matmul, flops);
}

enum status ceiling_copy(const struct backend *backend, const struct device_settings *settings,
                         double *bytes)
{
    return measure(backend, settings, measure_copy, bytes);
}
