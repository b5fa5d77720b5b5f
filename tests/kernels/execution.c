/* One operation on one device, from and to float64 host tensors. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

const struct backend *test_backend(const char *name)
{
    const struct backend *backend = NULL;
    int n = 0;

    if (backend_load(name, &backend) == STATUS_OK && backend_devices(backend, &n) == STATUS_OK)
        return backend;
    print_message("%s is not tested: %s\n", name, status_message());
    return NULL;
}

struct device *test_device_of(const char *backend, const struct device_settings *settings)
{
    struct device *device = NULL;

    ok(device_open(test_backend(backend), settings, &device));
    return device;
}

struct device *test_device(const char *backend, int n_threads)
{
    const struct device_settings settings = {.n_threads = n_threads};

    return test_device_of(backend, &settings);
}

bool test_is_of_library(enum op_kind kind)
{
    static const enum op_kind kinds[] = {
        OP_conv2d_forward, OP_conv2d_backward_data, OP_conv2d_backward_weight,
        OP_linear_forward, OP_linear_backward_data, OP_linear_backward_weight,
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

bool test_is_lacking(struct device *device, enum op_kind kind, enum status status)
{
    bool is_gpu = strncmp(device_base(device)->backend->name, "cuda", 4) == 0;

    if (status != STATUS_UNSUPPORTED || !is_gpu || !test_is_of_library(kind))
        return false;
    print_message("skipped: %s: %s\n", op_info(kind)->name, status_message());
    return true;
}

static void copy_widened(const void *from, enum dtype dtype, struct tensor *wide)
{
    if (dtype == wide->dtype) {
        memcpy(wide->data, from, tensor_bytes(wide));
        return;
    }
    for (int64_t i = 0; i < tensor_elements(wide); i++)
        reals(wide)[i] = number_at(from, dtype, i);
}

void run_upload(struct device *device, enum op_kind kind, const union op_any *wide,
                union op_any *op)
{
    const struct op_info *info = op_info(kind);

    *op = *wide;
    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(kind, op, i);
        if (tensor->data == NULL)
            continue;
        const struct tensor from = *tensor;
        tensor->dtype = device_dtype(device, info->tensors[i].type);
        void *staged = malloc(tensor_bytes(tensor));
        assert_non_null(staged);
        numbers_narrow(&from, tensor->dtype, staged);
        ok(device_alloc(device, tensor_bytes(tensor), &tensor->data));
        ok(queue_upload(device_queue(device), tensor->data, staged, tensor_bytes(tensor)));
        free(staged);
    }
}

void run_download(struct device *device, enum op_kind kind, const union op_any *wide,
                  union op_any *op)
{
    const struct op_info *info = op_info(kind);

    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(kind, op, i);
        struct tensor to = *op_tensor(kind, (void *)wide, i);
        if (tensor->data == NULL)
            continue;
        if (info->tensors[i].access != ACCESS_READ) {
            void *staged = malloc(tensor_bytes(tensor));
            assert_non_null(staged);
            ok(queue_download(device_queue(device), staged, tensor->data, tensor_bytes(tensor)));
            copy_widened(staged, tensor->dtype, &to);
            free(staged);
        }
        device_free(device, tensor->data);
    }
}

bool run_on(struct device *device, enum op_kind kind, const union op_any *wide)
{
    union op_any op;
    struct prepared *prepared = NULL;

    run_upload(device, kind, wide, &op);
    enum status status = kernel_prepare(device, kind, &op, &prepared);
    if (test_is_lacking(device, kind, status)) {
        run_download(device, kind, wide, &op);
        return false;
    }
    ok(status);
    op.workspace.bytes = prepared->workspace_bytes;
    op.workspace.data = NULL;
    if (op.workspace.bytes > 0)
        ok(device_alloc(device, op.workspace.bytes, &op.workspace.data));
    ok(kernel_run(device_queue(device), kind, prepared, &op));
    ok(queue_synchronize(device_queue(device)));
    run_download(device, kind, wide, &op);
    device_free(device, op.workspace.data);
    kernel_release(device, kind, prepared);
    return true;
}

void run_ref(enum op_kind kind, const union op_any *op)
{
    struct device *device = test_device("ref", 1);

    (void)run_on(device, kind, op);
    device_close(device);
}
