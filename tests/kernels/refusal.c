/* What the front door says to operations whose tensors lie in a ref device's memory. */
#include "kernels/refusal.h"

#include "support/cmocka.h"

#include <string.h>

int refusal_setup(void **state)
{
    static struct fixture fixture;
    const struct device_settings settings = {.n_threads = 1};

    *state = &fixture;
    return device_open(&backend_ref, &settings, &fixture.device) == STATUS_OK ? 0 : -1;
}

int refusal_teardown(void **state)
{
    struct fixture *fixture = *state;

    device_close(fixture->device);
    return 0;
}

struct tensor refusal_real(struct fixture *fixture, int i, int n_dims, const int64_t *shape)
{
    struct tensor tensor = {fixture->memory[i], DTYPE_F64, n_dims, {0}};

    memcpy(tensor.shape, shape, (size_t)n_dims * sizeof *shape);
    return tensor;
}

void expect_refusal(struct fixture *fixture, enum op_kind kind, const union op_any *op,
                    const char *message)
{
    struct prepared *prepared = NULL;

    assert_int_equal(kernel_prepare(fixture->device, kind, op, &prepared), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), message);
    assert_null(prepared);
}

void expect_welcome(struct fixture *fixture, enum op_kind kind, const union op_any *op)
{
    struct prepared *prepared = NULL;

    if (kernel_prepare(fixture->device, kind, op, &prepared) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_string_equal(prepared->implementation, "ref");
    kernel_release(fixture->device, kind, prepared);
}
