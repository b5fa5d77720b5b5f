/* Writing safetensors. The header lists tensors in the model's order; their values lie in order of
 * element size, largest first, so that each is aligned to its own. */
#include "store/weights/safetensors.h"

#include "base/file.h"
#include "store/weights/weights_save.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 8 };

struct byte_layout {
    struct arena *arena;          /* owned: narrowed values */
    struct stored_values *values; /* [n] */
    int64_t *begins;              /* [n] bytes behind the header */
    const struct weight_tensor *tensors;
    int64_t n, n_data;
};

static enum status lay_out(struct byte_layout *layout)
{
    enum status status = STATUS_OK;
    int64_t n = layout->n;

    TRY_ALLOC(layout->values, ARENA_ARRAY(layout->arena, n, struct stored_values));
    TRY_ALLOC(layout->begins, ARENA_ARRAY(layout->arena, n, int64_t));
    for (int64_t i = 0; i < n; i++)
        TRY(stored_values_of(&layout->tensors[i], layout->arena, &layout->values[i]));
    for (int64_t bytes = ALIGNMENT; bytes >= 1; bytes /= 2)
        for (int64_t i = 0; i < n; i++)
            if (layout->values[i].element->bytes == bytes) {
                layout->begins[i] = layout->n_data;
                layout->n_data += layout->values[i].n_bytes;
            }
done:
    return status;
}

static bool add_number(cJSON *array, int64_t number)
{
    return cJSON_AddItemToArray(array, cJSON_CreateNumber((double)number));
}

static bool add_entry(cJSON *header, const struct byte_layout *layout, int64_t i)
{
    const struct weight_tensor *tensor = &layout->tensors[i];
    const struct stored_values *values = &layout->values[i];
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name), *shape = NULL, *offsets = NULL;

    if (entry == NULL || !cJSON_AddStringToObject(entry, "dtype", values->element->code) ||
        (shape = cJSON_AddArrayToObject(entry, "shape")) == NULL ||
        (offsets = cJSON_AddArrayToObject(entry, "data_offsets")) == NULL)
        return false;
    for (int d = 0; d < tensor->n_dims; d++)
        if (!add_number(shape, tensor->shape[d]))
            return false;
    return add_number(offsets, layout->begins[i]) &&
           add_number(offsets, layout->begins[i] + values->n_bytes);
}

static enum status compose_header(const struct byte_layout *layout, char **out)
{
    enum status status = STATUS_OK;
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    /* "pt": PyTorch's layouts; readers of other frameworks ask for it */
    bool is_complete =
        metadata != NULL && cJSON_AddStringToObject(metadata, "format", "pt") != NULL;

    for (int64_t i = 0; i < layout->n && is_complete; i++)
        is_complete = add_entry(header, layout, i);
    *out = is_complete ? cJSON_PrintUnformatted(header) : NULL;
    if (*out == NULL)
        status = fail(STATUS_OUT_OF_MEMORY, "out of memory composing a safetensors header");
    cJSON_Delete(header);
    return status;
}

static enum status write_file(const char *path, const struct byte_layout *layout,
                              const char *header)
{
    enum status status = STATUS_OK;
    int64_t n_json = (int64_t)strlen(header);
    int64_t n_header = (n_json + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    int64_t n_bytes = ALIGNMENT + n_header + layout->n_data;
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
    for (int64_t i = 0; i < layout->n; i++)
        if (layout->values[i].n_bytes > 0)
            memcpy(bytes + ALIGNMENT + n_header + layout->begins[i], layout->values[i].bytes,
                   (size_t)layout->values[i].n_bytes);
    TRY(file_write(path, bytes, (size_t)n_bytes));
done:
    free(bytes);
    return status;
}

enum status safetensors_save(const char *path, const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;
    struct byte_layout layout = {.tensors = tensors, .n = n};
    char *header = NULL;

    TRY(arena_create(&layout.arena));
    TRY(lay_out(&layout));
    TRY(compose_header(&layout, &header));
    TRY(write_file(path, &layout, header));
done:
    cJSON_free(header);
    arena_destroy(layout.arena);
    return status;
}
