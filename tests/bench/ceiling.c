/* What the machine can do at best: float32 matrix products, in GFLOP/s, and a copy through memory,
 * in GB/s, with the threads the benchmarks use.  bench_ceiling [SECONDS] */
#include "base/arena.h"
#include "base/clock.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 1536, COPIED = 16 << 20 }; /* 64 MiB of float32: twice what caches hold */

static enum status tensor_create(struct device *device, struct tensor *tensor)
{
    enum status status = STATUS_OK;

    TRY(device_alloc(device, tensor_bytes(tensor), &tensor->data));
    float *values = tensor->data; /* the cpu backend computes in host memory */
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        values[i] = (float)(i % 251) * 0.01f - 1.0f; /* never zeros */
done:
    return status;
}

/* The fastest of many runs: others on the machine can only slow it down. */
static enum status fastest(struct device *device, enum op_kind kind, union op_any *op,
                           double seconds, double *out)
{
    enum status status = STATUS_OK;
    struct prepared *prepared = NULL;
    double least = 1e9;

    for (int i = 0; i < op_info(kind)->n_tensors; i++)
        if (op_tensor(kind, op, i)->n_dims > 0)
            TRY(tensor_create(device, op_tensor(kind, op, i)));
    TRY(kernel_prepare(device, kind, op, &prepared));
    op->workspace.bytes = prepared->workspace_bytes;
    TRY(device_alloc(device, op->workspace.bytes + 1, &op->workspace.data));
    for (double begin = clock_seconds(); clock_seconds() - begin < seconds;) {
        double start = clock_seconds();
        TRY(kernel_run(device_queue(device), kind, prepared, op));
        double taken = clock_seconds() - start;
        least = taken < least ? taken : least;
    }
    *out = least;
done:
    for (int i = 0; i < op_info(kind)->n_tensors; i++)
        device_free(device, op_tensor(kind, op, i)->data);
    device_free(device, op->workspace.data);
    kernel_release(device, kind, prepared);
    return status;
}

int main(int argc, char **argv)
{
    enum status status = STATUS_OK;
    const char *threads = getenv("OMP_NUM_THREADS");
    struct device_settings settings = {.n_threads =
                                           threads != NULL ? (int)strtol(threads, NULL, 10) : 2};
    struct device *device = NULL;
    const struct tensor square = {NULL, DTYPE_F32, 2, {SIDE, SIDE}};
    const struct tensor line = {NULL, DTYPE_F32, 1, {COPIED}};
    union op_any product = {.linear_forward = {.x = square, .weight = square, .y = square}};
    union op_any copy = {.scale = {.x = line, .y = line, .factor = 1}};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1, product_time = 0, copy_time = 0;

    TRY(device_open(&backend_cpu, &settings, &device));
    TRY(fastest(device, OP_linear_forward, &product, seconds, &product_time));
    TRY(fastest(device, OP_scale, &copy, seconds, &copy_time));
    printf("matrix product %.1f GFLOP/s, copy %.1f GB/s, %d threads\n",
           2e-9 * SIDE * SIDE * SIDE / product_time, 8e-9 * COPIED / copy_time, settings.n_threads);
done:
    if (status != STATUS_OK)
        fprintf(stderr, "bench_ceiling: %s\n", status_message());
    device_close(device);
    return status_exit_code(status);
}
