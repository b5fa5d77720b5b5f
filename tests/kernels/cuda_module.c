/* The module as it was built, or the one that PRUNELORA_CUDA_MODULE names: it opens, all its
 * symbols are found, its table is full, and on a machine without a driver it says so. */
#include "base/arena.h"
#include "kernels/kernels.h"

#include "support/cmocka.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const struct backend *open_module(void)
{
    static const struct backend *backend;

    if (backend == NULL) {
        const char *other = getenv("PRUNELORA_CUDA_MODULE");
        void *module = dlopen(other != NULL ? other : CUDA_MODULE, RTLD_NOW | RTLD_LOCAL);
        if (module == NULL)
            fail_msg("%s", dlerror());
        backend = dlsym(module, "backend_cuda");
    }
    assert_non_null(backend);
    return backend;
}

static void test_table(void **state)
{
    const struct backend *backend = open_module();
    const struct kernel_ops *kernels = &backend->kernels;

    (void)state;
    assert_string_equal(backend->name, "cuda");
    assert_int_equal(backend->real, DTYPE_F32);
#define ENTRY(op)                                                                                  \
    assert_true(kernels->op.prepare != NULL && kernels->op.run != NULL &&                          \
                kernels->op.release != NULL);
    KERNEL_OPS_COMMON(ENTRY)
#undef ENTRY
    assert_non_null(backend->capture.begin);
    assert_non_null(backend->readback.create);
}

static void test_versions(void **state)
{
    char text[256] = "";

    (void)state;
    open_module()->describe(text, sizeof text);
    print_message("%s\n", text);
    assert_int_equal(strncmp(text, "CUDA 1", 6), 0);
    assert_non_null(strstr(text, ", cuDNN 9."));
    assert_non_null(strstr(text, ", cuBLASLt 1"));
}

/* Either there are GPUs, or the reason why not is one of those that are worded. */
static void test_count(void **state)
{
    const struct device_settings settings = {.n_threads = 1};
    struct device *device = NULL;
    int n = 0;

    (void)state;
    if (backend_devices(open_module(), &n) == STATUS_OK) {
        assert_true(n > 0);
        return;
    }
    print_message("%s\n", status_message());
    assert_non_null(strstr(status_message(), "device 'cuda': "));
    assert_int_equal(device_open(open_module(), &settings, &device), STATUS_UNSUPPORTED);
    assert_null(device);
}

/* Used by the module alone: keeps it in this program for the module to find. */
void *(*const kept)(int64_t, size_t) = heap_alloc;

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_count),
    };

    assert_non_null(kept);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
