/* Writing a state dict in the format its name asks for. Files are composed in memory and written by
 * file_write: complete or not at all. */
#include "store/weights/weights_save.h"

#include "base/text.h"
#include "store/weights/safetensors.h"

#include <string.h>

static const struct writer {
    const char *extension;
    enum status (*save)(const char *path, const struct weight_tensor *tensors, int64_t n);
} writers[] = {
    {".pth", weights_save_pth}, {".pt", weights_save_pth},  {".safetensors", safetensors_save},
    {".h5", weights_save_h5},   {".hdf5", weights_save_h5},
};
enum { N_WRITERS = sizeof writers / sizeof *writers };

static const struct writer *writer_of(const char *path)
{
    for (int i = 0; i < N_WRITERS; i++)
        if (text_ends_with(path, writers[i].extension))
            return &writers[i];
    return NULL;
}

enum status weights_can_save(const char *path)
{
    if (writer_of(path) == NULL)
        return fail(STATUS_BAD_CONFIG,
                    "'%s': the name does not say which format; use one that ends in .pth, .pt, "
                    ".safetensors, .h5 or .hdf5",
                    path);
    return STATUS_OK;
}

enum status weights_save(const char *path, const struct weight_tensor *tensors, int64_t n)
{
    enum status status = STATUS_OK;

    TRY(weights_can_save(path));
    TRY(writer_of(path)->save(path, tensors, n));
done:
    return status;
}

enum status stored_values_of(const struct weight_tensor *tensor, struct arena *arena,
                             struct stored_values *out)
{
    enum status status = STATUS_OK;
    int64_t n = weight_elements(tensor);
    struct stored_values stored = {.element = element_of(tensor->stored_dtype, tensor->dtype),
                                   .bytes = tensor->values};
    unsigned char *narrow = NULL;

    if ((size_t)stored.element->bytes != dtype_bytes(tensor->dtype)) {
        TRY_ALLOC(narrow, arena_alloc(arena, n, (size_t)stored.element->bytes));
        stored.element->narrow(tensor->values, n, narrow);
        stored.bytes = narrow;
    }
    stored.n_bytes = n * stored.element->bytes;
    *out = stored;
done:
    return status;
}
