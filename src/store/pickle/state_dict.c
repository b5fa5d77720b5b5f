/* Finds the state dict within a checkpoint and copies its tensors out. A hostile size costs at most
 * a small multiple of the file's own length. */
#include "store/pickle/state_dict.h"

#include "base/text.h"

#include <string.h>

/* In this order: a dict under one of these names that leads to tensors is the state dict. */
static const char *const nests[] = {"state_dict", "net", "model"};
enum { N_NESTS = sizeof nests / sizeof nests[0], MAX_NESTING = 4 };

static int64_t count_tensors(const struct pickle_value *value)
{
    int64_t n = 0;

    for (int64_t i = 0; value->kind == PICKLE_DICT && i + 1 < value->items.n; i += 2)
        n += value->items.values[i + 1]->kind == PICKLE_TENSOR;
    return n;
}

static const struct pickle_value *nested(const struct pickle_value *value, const char **name)
{
    for (int i = 0; i < N_NESTS; i++) {
        const struct pickle_value *inner = pickle_get(value, nests[i]);
        if (inner != NULL && inner->kind == PICKLE_DICT) {
            *name = nests[i];
            return inner;
        }
    }
    return NULL;
}

static enum status fail_no_tensors(const struct pickle_value *root)
{
    enum status status = STATUS_OK;
    struct text keys = {0};
    int64_t n_shown = 0;

    if (root->kind != PICKLE_DICT)
        return fail(STATUS_BAD_DATA, "holds no dict at top level, expected a state dict");
    for (int64_t i = 0; i + 1 < root->items.n && n_shown < 8; i += 2) {
        const struct pickle_value *key = root->items.values[i];
        if (key->kind == PICKLE_TEXT)
            text_append(&keys, "%s'%.40s'", n_shown++ > 0 ? ", " : "", key->text.data);
    }
    TRY(text_finish(&keys));
    status = fail(STATUS_BAD_DATA,
                  "holds no tensors, expected a state dict at top level or under 'state_dict', "
                  "'net' or 'model'; top level holds %s",
                  n_shown > 0 ? text_value(&keys) : "nothing named");
done:
    text_release(&keys);
    return status;
}

static enum status find_state_dict(const struct pickle_value *root, struct weights *weights,
                                   const struct pickle_value **out)
{
    const struct pickle_value *at = root, *inner = NULL;
    const char *name = "";

    for (int depth = 0; depth < MAX_NESTING; depth++) {
        if ((inner = nested(at, &name)) == NULL)
            break;
        char *path = weights->nested_under[0] == '\0'
                         ? arena_strdup(weights->arena, name)
                         : arena_format(weights->arena, "%s/%s", weights->nested_under, name);
        if (path == NULL)
            return STATUS_OUT_OF_MEMORY;
        weights->nested_under = path;
        at = inner;
    }
    if (count_tensors(at) > 0) {
        *out = at;
        return STATUS_OK;
    }
    if (count_tensors(root) == 0)
        return fail_no_tensors(root);
    weights->nested_under = "";
    *out = root;
    return STATUS_OK;
}

/* Product of the sizes; false when it overflows. */
static bool count_elements(const struct pickle_tensor *view, int64_t *out)
{
    int64_t n = 1;
    bool is_empty = false;

    for (int i = 0; i < view->n_dims; i++)
        is_empty = is_empty || view->shape[i] == 0;
    for (int i = 0; i < view->n_dims && !is_empty; i++)
        if (__builtin_mul_overflow(n, view->shape[i], &n))
            return false;
    *out = is_empty ? 0 : n;
    return true;
}

/* The view of a non-empty tensor must end within its storage. */
static bool view_fits(const struct pickle_tensor *view)
{
    int64_t last = view->offset, step = 0;

    for (int i = 0; i < view->n_dims; i++)
        if (__builtin_mul_overflow(view->shape[i] - 1, view->strides[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return false;
    return last < view->storage->view_n;
}

static void copy_view(const struct pickle_tensor *view, const unsigned char *storage,
                      struct weight_tensor *tensor)
{
    const struct element *element = view->storage->element;
    const unsigned char *first =
        storage + (view->storage->view_offset + view->offset) * element->bytes;
    int inner = view->n_dims - 1; /* rows of the last dimension are converted in one go */
    int64_t row = inner >= 0 ? view->shape[inner] : 1;
    int64_t stride = inner >= 0 ? view->strides[inner] * element->bytes : 0;
    int64_t n_rows = weight_elements(tensor) / row;
    int64_t index[WEIGHTS_MAX_DIMS] = {0};
    unsigned char *target = tensor->values;

    for (int64_t r = 0; r < n_rows; r++) {
        int64_t offset = 0;
        for (int i = 0; i < inner; i++)
            offset += index[i] * view->strides[i];
        element->convert(first + offset * element->bytes, stride, row, target);
        target += (size_t)row * dtype_bytes(element->dtype);
        for (int i = inner - 1; i >= 0 && ++index[i] == view->shape[i]; i--)
            index[i] = 0;
    }
}

static enum status check_name(const struct pickle_value *key)
{
    if (key->kind != PICKLE_TEXT || key->text.n == 0)
        return fail(STATUS_BAD_DATA, "holds a tensor whose name is not text");
    for (int64_t i = 0; i < key->text.n; i++)
        if ((unsigned char)key->text.data[i] < 0x20 || key->text.data[i] == 0x7F)
            return fail(STATUS_BAD_DATA, "holds a tensor whose name has control characters");
    return STATUS_OK;
}

static enum status check_view(const struct pickle_tensor *view, const char *name,
                              struct storage_source *source, int64_t *budget)
{
    const struct pickle_storage *storage = view->storage;
    int64_t n = 0, bytes = 0;

    if (__builtin_mul_overflow(storage->n, storage->element->bytes, &bytes) ||
        bytes > source->file_bytes)
        return fail(STATUS_BAD_DATA, "'%s' needs a storage of %lld %s, but the file has %lld bytes",
                    name, (long long)storage->n, storage->element->name,
                    (long long)source->file_bytes);
    if (!count_elements(view, &n) || n > *budget)
        return fail(STATUS_BAD_DATA, "'%s' claims more elements than a file of %lld bytes can hold",
                    name, (long long)source->file_bytes);
    if (n > 0 && !view_fits(view))
        return fail(STATUS_BAD_DATA, "'%s' reaches beyond its storage of %lld elements", name,
                    (long long)storage->view_n);
    *budget -= n;
    return STATUS_OK;
}

static enum status load_tensor(const struct pickle_value *key, const struct pickle_tensor *view,
                               struct storage_source *source, struct weights *weights,
                               int64_t *budget)
{
    enum status status = STATUS_OK;
    struct weight_tensor *tensor = &weights->tensors[weights->n];
    const unsigned char *bytes = NULL;

    TRY(check_name(key));
    TRY_ALLOC(tensor->name, arena_strdup(weights->arena, key->text.data));
    TRY(check_view(view, tensor->name, source, budget));
    tensor->stored_dtype = view->storage->element->name;
    tensor->dtype = view->storage->element->dtype;
    tensor->n_dims = view->n_dims;
    memcpy(tensor->shape, view->shape, sizeof tensor->shape);
    TRY_ALLOC(tensor->values,
              arena_alloc(weights->arena, weight_elements(tensor), dtype_bytes(tensor->dtype)));
    status = source->locate(source, view->storage, &bytes);
    if (status != STATUS_OK)
        return fail_context(status, "'%s'", tensor->name);
    if (weight_elements(tensor) > 0)
        copy_view(view, bytes, tensor);
    weights->n++;
done:
    return status;
}

enum status state_dict_load(const struct pickle_value *root, struct storage_source *source,
                            struct weights *weights)
{
    enum status status = STATUS_OK;
    const struct pickle_value *dict = root;
    /* Tied weights are stored once and loaded twice, and expanded ones repeat: four elements per
     * byte of the file is far above any checkpoint and far below any danger. */
    int64_t budget = 4 * source->file_bytes;

    TRY(find_state_dict(root, weights, &dict));
    TRY_ALLOC(weights->tensors,
              ARENA_ARRAY(weights->arena, count_tensors(dict), struct weight_tensor));
    for (int64_t i = 0; i + 1 < dict->items.n; i += 2) {
        const struct pickle_value *value = dict->items.values[i + 1];
        if (value->kind == PICKLE_TENSOR)
            TRY(load_tensor(dict->items.values[i], value->tensor, source, weights, &budget));
    }
done:
    return status;
}
