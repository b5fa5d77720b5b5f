/* Parameters as files: from the device and the graph's layout to PyTorch's names and layout. */
#include "train/keep/save.h"

#include "base/hash.h"
#include "train/step/network.h"

#include <string.h>

uint32_t tensors_checksum(const struct weight_tensor *tensors, int64_t n)
{
    uint32_t sum = 0;

    for (int64_t i = 0; i < n; i++) { /* order-sensitive: rotate, then mix */
        size_t bytes = (size_t)weight_elements(&tensors[i]) * dtype_bytes(tensors[i].dtype);
        sum = (sum << 1 | sum >> 31) ^ crc32_bytes(tensors[i].values, bytes) ^
              crc32_bytes(tensors[i].name, strlen(tensors[i].name));
    }
    return sum;
}

enum status parameter_tensor(const struct parameters *parameters, int64_t i, struct arena *arena,
                             struct weight_tensor *out)
{
    enum status status = STATUS_OK;
    const struct param *param = parameters_row(parameters, i);
    struct tensor device_tensor = parameters_tensor(parameters, i);
    int64_t n = tensor_elements(&device_tensor);
    struct weight_tensor tensor = {
        .name = param->name, .dtype = device_tensor.dtype, .n_dims = param->n_dims};
    double *values = NULL;
    void *numbers = NULL;

    TRY_ALLOC(values, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(numbers, arena_alloc(arena, n, dtype_bytes(tensor.dtype)));
    TRY(parameters_get(parameters, i, values));
    for (int64_t e = 0; e < n; e++)
        number_put(numbers, tensor.dtype, e, values[e]);
    param_disk_shape(param, tensor.shape);
    tensor.values = numbers;
    *out = tensor;
done:
    return status;
}

enum status parameters_save(const struct parameters *parameters, enum save_what what,
                            const char *path)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct weight_tensor *tensors = NULL;
    int64_t n = 0;

    TRY(arena_create(&arena));
    TRY_ALLOC(tensors, ARENA_ARRAY(arena, parameters_count(parameters), struct weight_tensor));
    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        bool is_adapter = param_is_adapter(parameters_row(parameters, i));
        if (is_adapter == (what == SAVE_ADAPTERS))
            TRY(parameter_tensor(parameters, i, arena, &tensors[n++]));
    }
    TRY(weights_save(path, tensors, n));
done:
    arena_destroy(arena);
    return status;
}
