/* The backends of this program, and the one that comes as a module: CUDA and its libraries are
 * loaded by those who compute with them, nobody else. */
#include "kernels/kernels.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Computes as the cuda backend does, without a GPU; in programs that link it: tests. */
extern const struct backend backend_cuda_host __attribute__((weak));

const struct backend *backend_find(const char *name)
{
    enum { N_BACKENDS = 3 };
    const struct backend *const backends[N_BACKENDS] = {&backend_ref, &backend_cpu,
                                                        &backend_cuda_host};

    for (int i = 0; i < N_BACKENDS; i++)
        if (backends[i] != NULL && strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}

/* PRUNELORA_CUDA_MODULE, or the file beside the program. */
static enum status module_path(char path[PATH_MAX])
{
    static const char file[] = "libprunelora_cuda.so";
    const char *given = getenv("PRUNELORA_CUDA_MODULE");
    ssize_t n = 0;

    if (given != NULL && given[0] != '\0') {
        if (snprintf(path, PATH_MAX, "%s", given) >= PATH_MAX)
            return fail(STATUS_BAD_CONFIG, "PRUNELORA_CUDA_MODULE is too long for a path");
        return STATUS_OK;
    }
    n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n < 0)
        return fail(STATUS_IO, "cannot find out where this program is");
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    size_t room = (size_t)(path + PATH_MAX - slash - 1);
    if (slash == NULL || snprintf(slash + 1, room, "%s", file) >= (int)room)
        return fail(STATUS_IO, "the path of this program is too long");
    return STATUS_OK;
}

/* Asked before the libraries are loaded, which takes longer than some runs: most machines that
 * compute on the CPU have no driver. */
static bool has_driver(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);

    if (driver != NULL)
        dlclose(driver);
    return driver != NULL;
}

static enum status module_open(const char *path, const struct backend **out)
{
    if (access(path, R_OK) != 0)
        return fail(STATUS_UNSUPPORTED,
                    "device 'cuda' is not in this build: there is no '%s'; build with "
                    "-DPRUNELORA_CUDA=ON, or say where it is in PRUNELORA_CUDA_MODULE",
                    path);
    if (!has_driver())
        return fail(STATUS_UNSUPPORTED,
                    "device 'cuda': this machine has no NVIDIA driver (no libcuda.so.1); choose "
                    "--device cpu, or install one");
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays open: libraries dislike leaving */
    if (module == NULL)
        return fail(STATUS_UNSUPPORTED,
                    "device 'cuda': its module cannot be opened: %s; is a library missing from "
                    "LD_LIBRARY_PATH?",
                    dlerror());
    const struct backend *backend = dlsym(module, "backend_cuda");
    if (backend == NULL || strcmp(backend->name, "cuda") != 0)
        return fail(STATUS_UNSUPPORTED, "device 'cuda': '%s' is not a module of this program",
                    path);
    *out = backend;
    return STATUS_OK;
}

enum status backend_load(const char *name, const struct backend **out)
{
    enum status status = STATUS_OK;
    char path[PATH_MAX];
    const struct backend *found = backend_find(name);

    if (found == NULL && strcmp(name, "cuda") == 0) {
        TRY(module_path(path));
        TRY(module_open(path, &found));
    }
    if (found == NULL)
        return fail(STATUS_UNSUPPORTED, "there is no device '%s'", name);
    *out = found;
done:
    return status;
}

enum status backend_devices(const struct backend *backend, int *n)
{
    if (backend->count != NULL)
        return backend->count(n);
    *n = 1;
    return STATUS_OK;
}
