/* Loading a weights file of any format, and looking tensors up in it. */
#include "store/weights/weights.h"

#include "base/file.h"
#include "store/pickle/state_dict.h"
#include "store/weights/safetensors.h"
#include "store/weights/wrapped_names.h"

#include <stdlib.h>
#include <string.h>

struct format {
    const char *magic;
    int64_t n_magic, offset; /* bytes */
    enum status (*parse)(const void *bytes, int64_t n, struct weights *weights);
};

static const struct format formats[] = {
    {"{", 1, 8, safetensors_parse}, /* no other format has it there */
    {"PK\3\4", 4, 0, pth_zip_parse},
    {"\x89HDF\r\n\x1a\n", 8, 0, weights_h5_parse},
    {"\x80", 1, 0, pth_legacy_parse},                        /* a pickle of protocol 2 or later */
    {"L119547037146038801333356L", 26, 0, pth_legacy_parse}, /* the magic number in protocol 1 */
};

int64_t weight_elements(const struct weight_tensor *tensor)
{
    int64_t n = 1;

    for (int i = 0; i < tensor->n_dims; i++)
        n *= tensor->shape[i];
    return n;
}

double weight_value(const struct weight_tensor *tensor, int64_t i)
{
    return number_at(tensor->values, tensor->dtype, i);
}

static const struct format *recognise(const void *bytes, int64_t n)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (n >= formats[i].offset + formats[i].n_magic &&
            memcmp((const char *)bytes + formats[i].offset, formats[i].magic,
                   (size_t)formats[i].n_magic) == 0)
            return &formats[i];
    return NULL;
}

static enum status parse(const void *bytes, int64_t n, struct weights *weights)
{
    enum status status = STATUS_OK;
    const struct format *format = recognise(bytes, n);

    if (n == 0)
        return fail(STATUS_BAD_DATA, "is empty");
    if (format == NULL)
        return fail(STATUS_BAD_DATA,
                    "is none of the formats known: PyTorch (.pth, .pt, .th), safetensors, HDF5");
    TRY(format->parse(bytes, n, weights));
    TRY(wrapped_names_resolve(weights));
    TRY(hash_bytes(bytes, (size_t)n, weights->hash));
done:
    return status;
}

enum status weights_parse(const char *path, const void *bytes, int64_t n, struct weights **out)
{
    enum status status = STATUS_OK;
    struct weights *weights = NULL;

    TRY_ALLOC(weights, heap_alloc(1, sizeof *weights));
    TRY(arena_create(&weights->arena));
    weights->nested_under = "";
    weights->prefix = "";
    status = parse(bytes, n, weights);
    if (status != STATUS_OK) {
        status = fail_context(status, "weights '%s'", path);
        goto done;
    }
    *out = weights;
    weights = NULL; /* handed over */
done:
    weights_destroy(weights);
    return status;
}

enum status weights_load(const char *path, struct weights **out)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    int64_t n = 0;

    status = file_read(path, &bytes, &n);
    if (status != STATUS_OK)
        return fail_context(status, "weights");
    TRY(weights_parse(path, bytes, n, out));
done:
    free(bytes);
    return status;
}

void weights_destroy(struct weights *weights)
{
    if (weights == NULL)
        return;
    arena_destroy(weights->arena);
    free(weights);
}

bool weight_is_lora(const struct weight_tensor *tensor)
{
    return tensor->bare != NULL &&
           (strstr(tensor->bare, ".lora_A.") != NULL || strstr(tensor->bare, ".lora_B.") != NULL);
}

const struct weight_tensor *weights_find(const struct weights *weights, const char *name)
{
    for (int64_t i = 0; i < weights->n; i++)
        if (weights->tensors[i].bare != NULL && strcmp(weights->tensors[i].bare, name) == 0)
            return &weights->tensors[i];
    return NULL;
}
