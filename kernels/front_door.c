/* The front door: opens devices, forwards to the backend's table. All argument checks happen here,
 * once, at prepare, so that backends hold arithmetic only. */
#include "kernels/front_door.h"

#include <assert.h>
#include <string.h>

const struct backend *backend_find(const char *name)
{
    static const struct backend *const backends[] = {&backend_ref, &backend_cpu, NULL};

    for (const struct backend *const *backend = backends; *backend != NULL; backend++)
        if (strcmp((*backend)->name, name) == 0)
            return *backend;
    return NULL;
}

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

enum status device_open(const struct backend *backend, const struct device_settings *settings,
                        struct device **out)
{
    if (settings->n_threads < 1)
        return fail(STATUS_BAD_CONFIG, "backend '%s': n_threads must be at least 1, got %d",
                    backend->name, settings->n_threads);
    return backend->open(settings, out);
}

void device_close(struct device *device)
{
    if (device != NULL)
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

enum status device_upload(struct device *device, void *to, const void *from, size_t bytes)
{
    return device_backend(device)->memory.upload(device, to, from, bytes);
}

enum status device_download(struct device *device, void *to, const void *from, size_t bytes)
{
    return device_backend(device)->memory.download(device, to, from, bytes);
}

enum status device_zero(struct device *device, void *memory, size_t bytes)
{
    return device_backend(device)->memory.zero(device, memory, bytes);
}

enum status device_synchronize(struct device *device)
{
    return device_backend(device)->memory.synchronize(device);
}

static enum status lacks(const struct device *device, enum op_kind kind)
{
    return fail(STATUS_UNSUPPORTED, "backend '%s' has no %s", device_backend(device)->name,
                op_info(kind)->name);
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

    TRY(check_tensors(kind, op, device_real(device), &dimensions));
    TRY(check_attributes(kind, op, &dimensions));
    TRY(forward_prepare(device, kind, op, out));
done:
    return status;
}

enum status kernel_run(struct device *device, enum op_kind kind, struct prepared *prepared,
                       const union op_any *any)
{
    const struct kernel_ops *kernels = &device_backend(device)->kernels;

    assert(any->workspace.bytes >= prepared->workspace_bytes);
    assert(any->workspace.data != NULL || prepared->workspace_bytes == 0);
    switch (kind) {
#define RUN(op)                                                                                    \
    case OP_##op:                                                                                  \
        return kernels->op.run(device, prepared, &any->op);
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
