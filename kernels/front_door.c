/* The front door: opens devices, forwards to the backend's table. All argument checks happen here,
 * once, at prepare, so that backends hold arithmetic only. */
#include "kernels/front_door.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct device_base *device_base(struct device *device)
{
    return (struct device_base *)device;
}

const struct backend *device_backend(const struct device *device)
{
    return ((const struct device_base *)device)->backend;
}

enum dtype device_real(const struct device *device)
{
    return device_backend(device)->real;
}

enum dtype device_map(const struct device *device)
{
    return ((const struct device_base *)device)->map;
}

int device_threads(const struct device *device)
{
    return ((const struct device_base *)device)->n_threads;
}

enum dtype device_dtype(const struct device *device, enum tensor_type type)
{
    switch (type) {
    case TYPE_REAL:
        return device_real(device);
    case TYPE_MAP:
        return device_map(device);
    case TYPE_U8:
        return DTYPE_U8;
    case TYPE_I32:
        return DTYPE_I32;
    case TYPE_F64:
        break;
    }
    return DTYPE_F64;
}

const char *precision_name(enum precision precision)
{
    static const char *const names[N_PRECISIONS] = {
        [PRECISION_FP32] = "fp32", [PRECISION_TF32] = "tf32", [PRECISION_BF16] = "bf16"};

    return names[precision];
}

void device_describe(const struct device *device, char text[DEVICE_TEXT_BYTES])
{
    const struct device_base *base = (const struct device_base *)device;
    char libraries[DEVICE_TEXT_BYTES / 2];

    base->backend->describe(libraries, sizeof libraries);
    snprintf(text, DEVICE_TEXT_BYTES, "%s%s%s, %s, %d threads", base->backend->name,
             base->name[0] != '\0' ? ", " : "", base->name, libraries, base->n_threads);
}

enum status device_open(const struct backend *backend, const struct device_settings *settings,
                        struct device **out)
{
    if (settings->n_threads < 1)
        return fail(STATUS_BAD_CONFIG, "backend '%s': n_threads must be at least 1, got %d",
                    backend->name, settings->n_threads);
    if (settings->precision != PRECISION_FP32 &&
        (backend->precisions >> settings->precision & 1) == 0)
        return fail(STATUS_UNSUPPORTED,
                    "device '%s' does not compute in precision %s; choose precision: fp32, or a "
                    "GPU",
                    backend->name, precision_name(settings->precision));
    enum status status = STATUS_OK;
    struct device *device = NULL;
    TRY(backend->open(settings, &device));
    struct device_base *base = device_base(device);
    base->map = settings->precision == PRECISION_BF16 ? DTYPE_BF16 : backend->real;
    TRY(queue_create(device, &base->queue));
    *out = device;
    device = NULL;
done:
    device_close(device);
    return status;
}

void device_close(struct device *device)
{
    if (device == NULL)
        return;
    queue_destroy(device_queue(device));
    device_backend(device)->close(device);
}

enum status device_alloc(struct device *device, size_t bytes, void **out)
{
    return device_backend(device)->memory.alloc(device, bytes, out);
}

void device_free(struct device *device, void *memory)
{
    if (memory != NULL)
        device_backend(device)->memory.release(device, memory);
}

enum status device_available(struct device *device, size_t *bytes)
{
    return device_backend(device)->memory.available(device, bytes);
}

static enum status lacks(const struct device *device, enum op_kind kind)
{
    return fail(STATUS_UNSUPPORTED, "backend '%s' has no %s yet; choose --device cpu",
                device_backend(device)->name, op_info(kind)->name);
}

static enum status forward_prepare(struct device *device, enum op_kind kind,
                                   const union op_any *any, struct prepared **out)
{
    const struct kernel_ops *kernels = &device_backend(device)->kernels;

    switch (kind) {
#define PREPARE(op)                                                                                \
    case OP_##op:                                                                                  \
        return kernels->op.prepare != NULL ? kernels->op.prepare(device, &any->op, out)            \
                                           : lacks(device, kind);
        KERNEL_OPS(PREPARE)
#undef PREPARE
    case N_OP_KINDS:
        break;
    }
    return fail(STATUS_UNSUPPORTED, "no operation of kind %d", (int)kind);
}

enum status kernel_prepare(struct device *device, enum op_kind kind, const union op_any *op,
                           struct prepared **out)
{
    struct dimensions dimensions;
    enum status status = STATUS_OK;

    TRY(check_tensors(device, kind, op, &dimensions));
    TRY(check_attributes(kind, op, &dimensions));
    TRY(forward_prepare(device, kind, op, out));
done:
    return status;
}

enum status kernel_run(struct queue *queue, enum op_kind kind, const struct prepared *prepared,
                       const union op_any *any)
{
    const struct kernel_ops *kernels = &device_backend(queue_device(queue))->kernels;

    assert(any->workspace.bytes >= prepared->workspace_bytes);
    assert(any->workspace.data != NULL || prepared->workspace_bytes == 0);
    switch (kind) {
#define RUN(op)                                                                                    \
    case OP_##op:                                                                                  \
        return kernels->op.run(queue, prepared, &any->op);
        KERNEL_OPS(RUN)
#undef RUN
    case N_OP_KINDS:
        break;
    }
    return fail(STATUS_UNSUPPORTED, "no operation of kind %d", (int)kind);
}

void kernel_release(struct device *device, enum op_kind kind, struct prepared *prepared)
{
    const struct kernel_ops *kernels = &device_backend(device)->kernels;

    if (prepared == NULL)
        return;
    switch (kind) {
#define RELEASE(op)                                                                                \
    case OP_##op:                                                                                  \
        kernels->op.release(prepared);                                                             \
        break;
        KERNEL_OPS(RELEASE)
#undef RELEASE
    case N_OP_KINDS:
        break;
    }
}
