/* Writing safetensors. The header lists tensors in the model's order; their values lie in order of
 * element size, largest first, so that each is aligned to its own. */
#include "store/weights/safetensors.h"

#include "base/file.h"
#include "store/weights/weights_save.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 8 };

struct composition {
    struct arena *arena;          /* owned: narrowed values */
    struct stored_values *values; /* [n] */
    int64_t *begins;              /* [n] bytes behind the header */
    const struct weight_tensor *tensors;
    int64_t n, n_data;
};

static enum status lay_out(struct composition *composition)
{
    enum status status = STATUS_OK;
    int64_t n = composition->n;

    TRY_ALLOC(composition->values, ARENA_ARRAY(composition->arena, n, struct stored_values));
    TRY_ALLOC(composition->begins, ARENA_ARRAY(composition->arena, n, int64_t));
    for (int64_t i = 0; i < n; i++)
        TRY(stored_values_of(&composition->tensors[i], composition->arena,
                             &composition->values[i]));
    for (int64_t bytes = ALIGNMENT; bytes >= 1; bytes /= 2)
        for (int64_t i = 0; i < n; i++)
            if (composition->values[i].element->bytes == bytes) {
                composition->begins[i] = composition->n_data;
                composition->n_data += composition->values[i].n_bytes;
            }
done:
    return status;
}

static bool add_number(cJSON *array, int64_t number)
{
    return cJSON_AddItemToArray(array, cJSON_CreateNumber((double)number));
}

static bool add_entry(cJSON *header, const struct composition *composition, int64_t i)
{
    const struct weight_tensor *tensor = &composition->tensors[i];
    const struct stored_values *values = &composition->values[i];
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name), *shape = NULL, *offsets = NULL;

    if (entry == NULL || !cJSON_AddStringToObject(entry, "dtype", values->element->code) ||
        (shape = cJSON_AddArrayToObject(entry, "shape")) == NULL ||
        (offsets = cJSON_AddArrayToObject(entry, "data_offsets")) == NULL)
        return false;
    for (int d = 0; d < tensor->n_dims; d++)
        if (!add_number(shape, tensor->shape[d]))
            return false;
    return add_number(offsets, composition->begins[i]) &&
           add_number(offsets, composition->begins[i] + values->n_bytes);
}

static enum status compose_header(const struct composition *composition, char **out)
{
    enum status status = STATUS_OK;
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    /* "pt": PyTorch's layouts; readers of other frameworks ask for it */
    bool is_complete =
        metadata != NULL && cJSON_AddStringToObject(metadata, "format", "pt") != NULL;

    for (int64_t i = 0; i < composition->n && is_complete; i++)
        is_complete = add_entry(header, composition, i);
    *out = is_complete ? cJSON_PrintUnformatted(header) : NULL;
    if (*out == NULL)
        status = fail(STATUS_OUT_OF_MEMORY, "out of memory composing a safetensors header");
    cJSON_Delete(header);
    return status;
}

static enum status write_file(const char *path, const struct composition *composition,
                              const char *header)
{
    enum status status = STATUS_OK;
    int64_t n_json = (int64_t)strlen(header);
    int64_t n_header = (n_json + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    int64_t n_bytes = ALIGNMENT + n_header + composition->n_data;
    unsigned char *bytes = heap_alloc(n_bytes, 1);

    if (bytes == NULL)
        return STATUS_OUT_OF_MEMORY;
    if (n_header > SAFETENSORS_MAX_HEADER)
        TRY(fail(STATUS_BAD_DATA, "'%s': a header of %lld bytes is more than safetensors may have",
                 path, (long long)n_header));
    for (int i = 0; i < ALIGNMENT; i++)
        bytes[i] = (unsigned char)((uint64_t)n_header >> 8 * i & 0xFF);
    memcpy(bytes + ALIGNMENT, header, (size_t)n_json);
    memset(bytes + ALIGNMENT + n_json, ' ', (size_t)(n_header - n_json));
    for (int64_t i = 0; i < composition->n; i++)
        if (composition->values[i].n_bytes > 0)
            memcpy(bytes + ALIGNMENT + n_header + composition->begins[i],
                   composition->values[i].bytes, (size_t)composition->values[i].n_bytes);
    TRY(file_write(path, bytes, (size_t)n_bytes));
done:
    free(bytes);
    return status;
}

enum status safetensors_save(const char *path, const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;
    struct composition composition = {.tensors = tensors, .n = n};
    char *header = NULL;

    TRY(arena_create(&composition.arena));
    TRY(lay_out(&composition));
    TRY(compose_header(&composition, &header));
    TRY(write_file(path, &composition, header));
done:
    cJSON_free(header);
    arena_destroy(composition.arena);
    return status;
}
