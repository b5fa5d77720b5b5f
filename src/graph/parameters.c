/* Device memory of a model's parameters: one flat vector for those that train, one for the rest,
 * and the way in and out in PyTorch's layout. */
#include "graph/parameters.h"

#include "graph/initial.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 }; /* of a vector's parts: a cache line, bytes */

/* A vector once more, in what maps hold. */
struct rounded {
    union op_any op;
    struct prepared *prepared; /* owned; NULL: maps hold reals, or the vector is empty */
    void *data;                /* owned */
};

struct parameters {
    /* owned */
    struct arena *arena;
    struct param *rows;
    int64_t *offsets; /* [n] elements from the start of the row's vector */
    void *values, *gradients, *mask, *frozen;
    struct rounded rounded_values, rounded_frozen;
    /* borrowed: outlives this */
    struct queue *queue;
    struct device *device; /* of queue */
    int64_t n, n_flat, n_frozen, n_trainable;
};

int64_t parameters_count(const struct parameters *parameters)
{
    return parameters->n;
}

const struct param *parameters_row(const struct parameters *parameters, int64_t i)
{
    return &parameters->rows[i];
}

int64_t parameters_trainable_elements(const struct parameters *parameters)
{
    return parameters->n_trainable;
}

static struct tensor place(const struct parameters *parameters, int64_t i, void *base)
{
    const struct param *row = &parameters->rows[i];
    enum dtype real = device_real(parameters->device);
    struct tensor tensor = {.dtype = real, .n_dims = row->n_dims};

    memcpy(tensor.shape, row->shape, sizeof tensor.shape);
    if (base != NULL)
        tensor.data = (char *)base + (size_t)parameters->offsets[i] * dtype_bytes(real);
    return tensor;
}

struct tensor parameters_tensor(const struct parameters *parameters, int64_t i)
{
    return place(parameters, i,
                 parameters->rows[i].is_trainable ? parameters->values : parameters->frozen);
}

struct tensor parameters_factor(const struct parameters *parameters, int64_t i)
{
    const struct rounded *rounded = parameters->rows[i].is_trainable ? &parameters->rounded_values
                                                                     : &parameters->rounded_frozen;
    struct tensor tensor = parameters_tensor(parameters, i);

    if (rounded->prepared == NULL)
        return tensor;
    tensor.dtype = device_map(parameters->device);
    tensor.data =
        (char *)rounded->data + (size_t)parameters->offsets[i] * dtype_bytes(tensor.dtype);
    return tensor;
}

enum status parameters_round(struct parameters *parameters, bool is_of_frozen)
{
    const struct rounded *rounded =
        is_of_frozen ? &parameters->rounded_frozen : &parameters->rounded_values;

    if (rounded->prepared == NULL)
        return STATUS_OK;
    return kernel_run(parameters->queue, OP_convert, rounded->prepared, &rounded->op);
}

struct tensor parameters_gradient(const struct parameters *parameters, int64_t i)
{
    return place(parameters, i, parameters->rows[i].is_trainable ? parameters->gradients : NULL);
}

static struct tensor flat(const struct parameters *parameters, void *data, enum dtype dtype)
{
    return (struct tensor){
        .data = data, .dtype = dtype, .n_dims = 1, .shape = {parameters->n_flat}};
}

struct tensor parameters_flat_values(const struct parameters *parameters)
{
    return flat(parameters, parameters->values, device_real(parameters->device));
}

struct tensor parameters_flat_gradients(const struct parameters *parameters)
{
    return flat(parameters, parameters->gradients, device_real(parameters->device));
}

struct tensor parameters_flat_mask(const struct parameters *parameters)
{
    return flat(parameters, parameters->mask, DTYPE_U8);
}

/* ---- host access ---- */

/* Index in PyTorch's KCRS order → index in our KRSC order. Both run over the same elements. */
static int64_t graph_index(const struct param *row, int64_t disk)
{
    if (!row->is_conv)
        return disk;
    int64_t r_n = row->shape[1], s_n = row->shape[2], c_n = row->shape[3];
    int64_t s = disk % s_n, r = disk / s_n % r_n, c = disk / (s_n * r_n) % c_n;
    int64_t k = disk / (s_n * r_n * c_n);
    return ((k * r_n + r) * s_n + s) * c_n + c;
}

static enum status fetch(const struct parameters *parameters, int64_t i, struct tensor tensor,
                         double *values)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(&tensor);
    void *host = NULL;

    TRY_ALLOC(host, heap_alloc(n, dtype_bytes(tensor.dtype)));
    TRY(queue_download(parameters->queue, host, tensor.data, tensor_bytes(&tensor)));
    for (int64_t e = 0; e < n; e++)
        values[e] = number_at(host, tensor.dtype, graph_index(&parameters->rows[i], e));
done:
    free(host);
    return status;
}

enum status parameters_get(const struct parameters *parameters, int64_t i, double *values)
{
    return fetch(parameters, i, parameters_tensor(parameters, i), values);
}

enum status parameters_get_gradient(const struct parameters *parameters, int64_t i, double *values)
{
    assert(parameters->rows[i].is_trainable);
    return fetch(parameters, i, parameters_gradient(parameters, i), values);
}

enum status parameters_set(struct parameters *parameters, int64_t i, const double *values)
{
    enum status status = STATUS_OK;
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t n = tensor_elements(&tensor);
    void *host = NULL;

    TRY_ALLOC(host, heap_alloc(n, dtype_bytes(tensor.dtype)));
    for (int64_t e = 0; e < n; e++)
        number_put(host, tensor.dtype, graph_index(&parameters->rows[i], e), values[e]);
    TRY(queue_upload(parameters->queue, tensor.data, host, tensor_bytes(&tensor)));
    TRY(queue_synchronize(parameters->queue)); /* `host` is read until then */
done:
    free(host);
    return status;
}

enum status parameters_mask_rows(struct parameters *parameters, int64_t i, const uint8_t *is_held)
{
    enum status status = STATUS_OK;
    const struct param *row = &parameters->rows[i];
    uint8_t *mask = NULL;

    if (!row->is_trainable)
        return STATUS_OK; /* a frozen weight holds still by itself */
    size_t n_flat = (size_t)parameters->n_flat;
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t row_elements = tensor_elements(&tensor) / row->shape[0];
    TRY_ALLOC(mask, heap_alloc(parameters->n_flat, 1));
    memset(mask, 1, n_flat);
    if (parameters->mask == NULL)
        TRY(device_alloc(parameters->device, n_flat, &parameters->mask));
    else
        TRY(queue_download(parameters->queue, mask, parameters->mask, n_flat));
    for (int64_t k = 0; k < row->shape[0]; k++)
        if (is_held[k])
            memset(mask + parameters->offsets[i] + k * row_elements, 0, (size_t)row_elements);
    TRY(queue_upload(parameters->queue, parameters->mask, mask, n_flat));
    TRY(queue_synchronize(parameters->queue));
done:
    free(mask);
    return status;
}

/* ---- creation ---- */

static enum status copy_table(struct parameters *parameters, const struct graph *graph)
{
    enum status status = STATUS_OK;

    parameters->n = graph->n_params;
    TRY_ALLOC(parameters->rows, ARENA_ARRAY(parameters->arena, graph->n_params, struct param));
    TRY_ALLOC(parameters->offsets, ARENA_ARRAY(parameters->arena, graph->n_params, int64_t));
    for (int64_t i = 0; i < graph->n_params; i++) {
        struct param *row = &parameters->rows[i];
        *row = graph->params[i];
        TRY_ALLOC(row->name, arena_strdup(parameters->arena, row->name));
        TRY_ALLOC(row->module, arena_strdup(parameters->arena, row->module));
    }
done:
    return status;
}

/* Each parameter begins at a multiple of 64 bytes of its vector; the vectors do as well. */
static void lay_out(struct parameters *parameters)
{
    int64_t step = ALIGNMENT / (int64_t)dtype_bytes(device_real(parameters->device));

    for (int64_t i = 0; i < parameters->n; i++) {
        struct tensor tensor = place(parameters, i, NULL);
        int64_t n = tensor_elements(&tensor);
        int64_t *end =
            parameters->rows[i].is_trainable ? &parameters->n_flat : &parameters->n_frozen;
        parameters->offsets[i] = *end;
        *end += (n + step - 1) / step * step;
        if (parameters->rows[i].is_trainable)
            parameters->n_trainable += n;
    }
}

static enum status vector_alloc(struct parameters *parameters, int64_t n, void **out)
{
    enum status status = STATUS_OK;
    size_t bytes = (size_t)n * dtype_bytes(device_real(parameters->device));

    if (n == 0)
        return STATUS_OK;
    TRY(device_alloc(parameters->device, bytes, out));
    TRY(queue_zero(parameters->queue, *out, bytes));
done:
    return status;
}

static enum status rounded_create(const struct parameters *parameters, int64_t n, void *data,
                                  struct rounded *out)
{
    enum status status = STATUS_OK;
    struct convert *op = &out->op.convert;
    enum dtype real = device_real(parameters->device), map = device_map(parameters->device);

    if (map == real || n == 0)
        return STATUS_OK;
    TRY(device_alloc(parameters->device, (size_t)n * dtype_bytes(map), &out->data));
    op->x = (struct tensor){.data = data, .dtype = real, .n_dims = 1, .shape = {n}};
    op->y = (struct tensor){.data = out->data, .dtype = map, .n_dims = 1, .shape = {n}};
    TRY(kernel_prepare(parameters->device, OP_convert, &out->op, &out->prepared));
done:
    return status;
}

static void rounded_release(struct device *device, struct rounded *rounded)
{
    kernel_release(device, OP_convert, rounded->prepared);
    device_free(device, rounded->data);
}

static enum status fill_initial(struct parameters *parameters, uint64_t seed)
{
    enum status status = STATUS_OK;
    double *values = NULL;
    int64_t most = 0;

    for (int64_t i = 0; i < parameters->n; i++) {
        struct tensor tensor = place(parameters, i, NULL);
        most = tensor_elements(&tensor) > most ? tensor_elements(&tensor) : most;
    }
    TRY_ALLOC(values, heap_alloc(most, sizeof *values));
    for (int64_t i = 0; i < parameters->n; i++) {
        struct tensor tensor = place(parameters, i, NULL);
        initial_values(&parameters->rows[i], seed, values, tensor_elements(&tensor));
        TRY(parameters_set(parameters, i, values));
    }
done:
    free(values);
    return status;
}

enum status parameters_create(const struct graph *graph, struct queue *queue, uint64_t seed,
                              struct parameters **out)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = NULL;

    TRY(graph_check(graph));
    TRY_ALLOC(parameters, heap_alloc(1, sizeof *parameters));
    parameters->device = queue_device(queue);
    parameters->queue = queue;
    TRY(arena_create(&parameters->arena));
    TRY(copy_table(parameters, graph));
    lay_out(parameters);
    TRY(vector_alloc(parameters, parameters->n_flat, &parameters->values));
    TRY(vector_alloc(parameters, parameters->n_flat, &parameters->gradients));
    TRY(vector_alloc(parameters, parameters->n_frozen, &parameters->frozen));
    TRY(rounded_create(parameters, parameters->n_flat, parameters->values,
                       &parameters->rounded_values));
    TRY(rounded_create(parameters, parameters->n_frozen, parameters->frozen,
                       &parameters->rounded_frozen));
    TRY(fill_initial(parameters, seed));
    *out = parameters;
    parameters = NULL;
done:
    parameters_destroy(parameters);
    return status;
}

void parameters_destroy(struct parameters *parameters)
{
    if (parameters == NULL)
        return;
    device_free(parameters->device, parameters->values);
    device_free(parameters->device, parameters->gradients);
    device_free(parameters->device, parameters->mask);
    device_free(parameters->device, parameters->frozen);
    rounded_release(parameters->device, &parameters->rounded_values);
    rounded_release(parameters->device, &parameters->rounded_frozen);
    arena_destroy(parameters->arena);
    free(parameters);
}
