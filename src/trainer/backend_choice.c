/* A GPU is taken when it is asked for, or there; what is not there is said, never replaced when it
 * was asked for by name. */
#include "trainer/backend_choice.h"

#include "base/log.h"

#include <string.h>

enum status backend_choice_check(const char *device)
{
    static const char *const devices[] = {"auto", "cuda", "cpu", "ref"};

    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (strcmp(device, devices[i]) == 0)
            return STATUS_OK;
    if (backend_find(device) != NULL) /* a test's own */
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG, "unknown device '%s'; choose " DEVICE_CHOICES, device);
}

static enum status load(const char *name, const struct backend **out, int *n)
{
    enum status status = backend_load(name, out);

    return status == STATUS_OK ? backend_devices(*out, n) : status;
}

static enum status choose(const char *device, const struct backend **out, int *n)
{
    enum status status = backend_choice_check(device);

    if (status != STATUS_OK)
        return status;
    if (strcmp(device, "auto") != 0)
        return load(device, out, n);
    if (load("cuda", out, n) == STATUS_OK)
        return STATUS_OK;
    log_info("computes on the CPU: %s", status_message());
    return load("cpu", out, n);
}

enum status backend_choose(const char *device, const struct backend **out)
{
    int n = 0;

    return choose(device, out, &n);
}

enum status backend_choice_look(const char *device, int index, int *n_devices)
{
    const struct backend *backend = NULL;
    int n = 0;
    enum status status = choose(device, &backend, &n);

    if (status == STATUS_OK && backend->count != NULL && index >= n)
        status = fail(STATUS_UNSUPPORTED,
                      "this rank would compute on GPU %d of its machine, which shows %d: start as "
                      "many ranks per machine as it has GPUs",
                      index, n);
    if (status == STATUS_OK)
        *n_devices = backend->count != NULL ? n : 0;
    return status;
}

enum status backend_choice_check_gpu(const char *device, int64_t gpu)
{
    if (gpu < 0 || gpu > INT16_MAX)
        return fail(STATUS_BAD_CONFIG, "--gpu expects a number from 0 on, got %lld",
                    (long long)gpu);
    if (gpu > 0 && (strcmp(device, "cpu") == 0 || strcmp(device, "ref") == 0))
        return fail(STATUS_BAD_CONFIG,
                    "--gpu %lld chooses a GPU, but --device %s computes on none; leave one out",
                    (long long)gpu, device);
    return STATUS_OK;
}
