/* Times the cases on a device: bytes of all tensors and floating-point operations per second. */
#include "kernels/kernel_test.h"

#include "base/clock.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

double product_flops(const struct tensor *weight, const struct tensor *y)
{
    int64_t n_rows = tensor_elements(y) / y->shape[y->n_dims - 1];

    return 2.0 * (double)tensor_elements(weight) * (double)n_rows;
}

static double flops_of(enum op_kind kind, const union op_any *op)
{
    const struct op_info *info = op_info(kind);
    double n = 0.0;

    if (kernel_test(kind)->flops != NULL)
        return kernel_test(kind)->flops(op);
    for (int i = 0; i < info->n_tensors; i++)
        if (info->tensors[i].access != ACCESS_READ)
            n += (double)tensor_elements(op_tensor(kind, (void *)op, i));
    return n;
}

static double bytes_of(enum op_kind kind, union op_any *op)
{
    double n = 0.0;

    for (int i = 0; i < op_info(kind)->n_tensors; i++)
        if (op_tensor(kind, op, i)->data != NULL)
            n += (double)tensor_bytes(op_tensor(kind, op, i));
    return n;
}

static int compare_seconds(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Median of runs that together take a tenth of a second. */
static double seconds_per_run(struct device *device, enum op_kind kind, struct prepared *prepared,
                              const union op_any *op)
{
    enum { MOST = 101 };
    double seconds[MOST], begin = clock_seconds();
    int n = 0;

    ok(kernel_run(device_queue(device), kind, prepared, op)); /* warms up */
    while (n < 3 || (n < MOST && clock_seconds() - begin < 0.1)) {
        double start = clock_seconds();
        ok(kernel_run(device_queue(device), kind, prepared, op));
        ok(queue_synchronize(device_queue(device)));
        seconds[n++] = clock_seconds() - start;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, compare_seconds);
    return seconds[n / 2];
}

static void bench_case(struct device *device, enum op_kind kind, int i_case)
{
    struct arena *arena = test_arena();
    struct prepared *prepared = NULL;
    union op_any wide, op;

    inputs_create(arena, kind, i_case, device, &wide);
    run_upload(device, kind, &wide, &op);
    ok(kernel_prepare(device, kind, &op, &prepared));
    op.workspace.bytes = prepared->workspace_bytes;
    op.workspace.data = NULL;
    if (op.workspace.bytes > 0)
        ok(device_alloc(device, op.workspace.bytes, &op.workspace.data));
    double seconds = seconds_per_run(device, kind, prepared, &op);
    printf("%-28s %-24s %-32s %9.1f us %8.2f GB/s %8.2f GFLOP/s  %s\n", op_info(kind)->name,
           kernel_test(kind)->cases[i_case].name, kernel_test(kind)->cases[i_case].sizes,
           1e6 * seconds, 1e-9 * bytes_of(kind, &op) / seconds,
           1e-9 * flops_of(kind, &op) / seconds, prepared->implementation);
    run_download(device, kind, &wide, &op);
    device_free(device, op.workspace.data);
    kernel_release(device, kind, prepared);
    arena_destroy(arena);
}

void bench_cases(struct device *device, enum op_kind kind)
{
    for (int i = 0; i < kernel_test(kind)->n_cases; i++)
        bench_case(device, kind, i);
}
