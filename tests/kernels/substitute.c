/* What tests of the cuda backend on its substitute begin with. */
#include "kernels/substitute.h"

#include "support/cmocka.h"

struct device *substitute_open(enum precision precision)
{
    const struct device_settings settings = {.n_threads = 1, .precision = precision};
    struct device *device = NULL;

    ok(device_open(backend_find("cuda_host"), &settings, &device));
    return device;
}

int substitute_reset(void **state)
{
    (void)state;
    host_gpu_reset();
    return 0;
}
