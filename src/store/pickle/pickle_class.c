/* The permitted classes as one table. A class that is not here is refused by name. */
#include "store/pickle/pickle_class.h"

#include <string.h>

enum status pickle_items_add(struct arena *arena, struct pickle_items *items,
                             struct pickle_value *value)
{
    if (items->n == items->capacity) {
        int64_t capacity = items->capacity < 4 ? 8 : items->capacity * 2;
        struct pickle_value **values = ARENA_ARRAY(arena, capacity, struct pickle_value *);
        if (values == NULL)
            return STATUS_OUT_OF_MEMORY;
        if (items->n > 0)
            memcpy(values, items->values, (size_t)items->n * sizeof(void *));
        items->values = values;
        items->capacity = capacity;
    }
    items->values[items->n++] = value;
    return STATUS_OK;
}

static const struct pickle_value *argument(const struct pickle_items *arguments, int64_t i,
                                           enum pickle_kind kind)
{
    return i < arguments->n && arguments->values[i]->kind == kind ? arguments->values[i] : NULL;
}

static enum status read_dims(const struct pickle_value *tuple, int64_t dims[WEIGHTS_MAX_DIMS])
{
    if (tuple->items.n > WEIGHTS_MAX_DIMS)
        return fail(STATUS_BAD_DATA,
                    "pickle holds a tensor of %lld dimensions, expected at most %d",
                    (long long)tuple->items.n, WEIGHTS_MAX_DIMS);
    for (int64_t i = 0; i < tuple->items.n; i++) {
        const struct pickle_value *dim = tuple->items.values[i];
        if (dim->kind != PICKLE_INTEGER || dim->integer < 0)
            return fail(STATUS_BAD_DATA, "pickle holds a tensor whose size or stride is not a "
                                         "whole number from 0 up");
        dims[i] = dim->integer;
    }
    return STATUS_OK;
}

/* _rebuild_tensor_v2's seventh argument says what the bytes do not: that the tensor's values are
 * the negatives or conjugates of those stored, or what a later PyTorch may think of. */
static enum status check_metadata(const struct pickle_items *arguments)
{
    const struct pickle_value *metadata = argument(arguments, 6, PICKLE_DICT);

    for (int64_t i = 0; metadata != NULL && i + 1 < metadata->items.n; i += 2) {
        const struct pickle_value *key = metadata->items.values[i];
        const struct pickle_value *value = metadata->items.values[i + 1];
        if (value->kind == PICKLE_NONE || (value->kind == PICKLE_BOOL && value->integer == 0))
            continue;
        return fail(STATUS_BAD_DATA,
                    "pickle holds a tensor marked '%.40s', whose values are not the stored ones; "
                    "save tensor.resolve_neg().resolve_conj() instead",
                    key->kind == PICKLE_TEXT ? key->text.data : "?");
    }
    return STATUS_OK;
}

static enum status call_rebuild_tensor(struct arena *arena, const struct pickle_items *arguments,
                                       struct pickle_value *out)
{
    enum status status = STATUS_OK;
    const struct pickle_value *storage = argument(arguments, 0, PICKLE_STORAGE);
    const struct pickle_value *offset = argument(arguments, 1, PICKLE_INTEGER);
    const struct pickle_value *shape = argument(arguments, 2, PICKLE_TUPLE);
    const struct pickle_value *strides = argument(arguments, 3, PICKLE_TUPLE);
    struct pickle_tensor *tensor = NULL;

    if (storage == NULL || offset == NULL || shape == NULL || strides == NULL ||
        offset->integer < 0 || shape->items.n != strides->items.n)
        return fail(STATUS_BAD_DATA, "pickle rebuilds a tensor from something other than "
                                     "(storage, offset, sizes, strides, …)");
    TRY(check_metadata(arguments));
    TRY_ALLOC(tensor, ARENA_NEW(arena, struct pickle_tensor));
    tensor->storage = storage->storage;
    tensor->offset = offset->integer;
    tensor->n_dims = (int)shape->items.n;
    TRY(read_dims(shape, tensor->shape));
    TRY(read_dims(strides, tensor->strides));
    *out = (struct pickle_value){.kind = PICKLE_TENSOR, .tensor = tensor};
done:
    return status;
}

static enum status call_rebuild_parameter(struct arena *arena, const struct pickle_items *arguments,
                                          struct pickle_value *out)
{
    const struct pickle_value *tensor = argument(arguments, 0, PICKLE_TENSOR);

    (void)arena;
    if (tensor == NULL)
        return fail(STATUS_BAD_DATA,
                    "pickle rebuilds a parameter from something that is not a tensor");
    *out = *tensor;
    return STATUS_OK;
}

/* OrderedDict(), OrderedDict([(key, value), …]), Counter({…}), defaultdict(factory) */
static enum status call_dict(struct arena *arena, const struct pickle_items *arguments,
                             struct pickle_value *out)
{
    enum status status = STATUS_OK;
    const struct pickle_value *dict = argument(arguments, 0, PICKLE_DICT);
    const struct pickle_value *pairs = argument(arguments, 0, PICKLE_LIST);
    struct pickle_value made = {.kind = PICKLE_DICT};

    for (int64_t i = 0; dict != NULL && i < dict->items.n; i++)
        TRY(pickle_items_add(arena, &made.items, dict->items.values[i]));
    for (int64_t i = 0; pairs != NULL && i < pairs->items.n; i++) {
        const struct pickle_value *pair = pairs->items.values[i];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->items.n != 2)
            TRY(fail(STATUS_BAD_DATA, "pickle makes a dict from something other than pairs"));
        TRY(pickle_items_add(arena, &made.items, pair->items.values[0]));
        TRY(pickle_items_add(arena, &made.items, pair->items.values[1]));
    }
    *out = made;
done:
    return status;
}

static enum status call_tuple(struct arena *arena, const struct pickle_items *arguments,
                              struct pickle_value *out)
{
    const struct pickle_value *tuple = argument(arguments, 0, PICKLE_TUPLE);

    (void)arena;
    *out = tuple != NULL ? *tuple : (struct pickle_value){.kind = PICKLE_TUPLE};
    return STATUS_OK;
}

static enum status call_opaque(struct arena *arena, const struct pickle_items *arguments,
                               struct pickle_value *out)
{
    (void)arena;
    (void)arguments;
    *out = (struct pickle_value){.kind = PICKLE_OPAQUE};
    return STATUS_OK;
}

/* The first block is the state dict itself; the others stand in epoch counters, best accuracies,
 * optimizer and scheduler states, which are parsed and skipped. */
static const struct pickle_class classes[] = {
    {"collections", "OrderedDict", call_dict, NULL},
    {"torch._utils", "_rebuild_tensor", call_rebuild_tensor, NULL},
    {"torch._utils", "_rebuild_tensor_v2", call_rebuild_tensor, NULL},
    {"torch._utils", "_rebuild_parameter", call_rebuild_parameter, NULL},

    {"collections", "defaultdict", call_dict, NULL},
    {"collections", "Counter", call_dict, NULL},
    {"torch", "Size", call_tuple, NULL},
    {"torch", "device", call_opaque, NULL},
    {"numpy", "dtype", call_opaque, NULL},
    {"numpy.core.multiarray", "scalar", call_opaque, NULL},
    {"numpy._core.multiarray", "scalar", call_opaque, NULL},
    {"_codecs", "encode", call_opaque, NULL}, /* how protocol 2 writes a scalar's bytes */
    {"__builtin__", "set", call_opaque, NULL},
    {"builtins", "set", call_opaque, NULL},
    {"__builtin__", "dict", NULL, NULL}, /* factories of defaultdict */
    {"builtins", "dict", NULL, NULL},
    {"__builtin__", "list", NULL, NULL},
    {"builtins", "list", NULL, NULL},
    {"__builtin__", "int", NULL, NULL},
    {"builtins", "int", NULL, NULL},
    {"__builtin__", "long", NULL, NULL}, /* protocol 2's name for int */
};

enum status pickle_class_find(struct arena *arena, const char *module, const char *name,
                              const struct pickle_class **out)
{
    enum status status = STATUS_OK;
    const struct element *element = NULL;
    struct pickle_class *found = NULL;

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strcmp(classes[i].module, module) == 0 && strcmp(classes[i].name, name) == 0) {
            *out = &classes[i];
            return STATUS_OK;
        }
    }
    if (strcmp(module, "torch") == 0)
        element = element_by_class(name);
    bool is_dtype = strcmp(module, "torch") == 0 && element_by_name(name) != NULL;
    if (element == NULL && !is_dtype)
        return fail(STATUS_BAD_DATA, "pickle asks for '%s.%s', which no state dict needs; refused",
                    module, name);
    TRY_ALLOC(found, ARENA_NEW(arena, struct pickle_class));
    found->module = "torch";
    found->name = element != NULL ? element->storage_class : element_by_name(name)->name;
    found->element = element;
    *out = found;
done:
    return status;
}

static enum status read_view(const struct pickle_value *view, struct pickle_storage *storage)
{
    const struct pickle_value *offset = argument(&view->items, 1, PICKLE_INTEGER);
    const struct pickle_value *n = argument(&view->items, 2, PICKLE_INTEGER);

    if (offset == NULL || n == NULL || offset->integer < 0 || n->integer < 0 ||
        offset->integer > storage->n || n->integer > storage->n - offset->integer)
        return fail(STATUS_BAD_DATA, "pickle holds a view outside storage '%s'", storage->key);
    storage->view_offset = offset->integer;
    storage->view_n = n->integer;
    return STATUS_OK;
}

enum status pickle_storage_read(const struct pickle_value *id, struct pickle_storage *out)
{
    const struct pickle_items *parts = &id->items;
    bool is_tuple = id->kind == PICKLE_TUPLE && parts->n >= 5 && parts->n <= 6;
    const struct pickle_value *class = is_tuple ? argument(parts, 1, PICKLE_CLASS) : NULL;
    const struct pickle_value *key = is_tuple ? argument(parts, 2, PICKLE_TEXT) : NULL;
    const struct pickle_value *n = is_tuple ? argument(parts, 4, PICKLE_INTEGER) : NULL;

    if (class == NULL || key == NULL || n == NULL || class->class->element == NULL ||
        !pickle_text_is(parts->values[0], "storage") || n->integer < 0)
        return fail(STATUS_BAD_DATA, "pickle refers to something other than ('storage', class, "
                                     "key, device, elements)");
    *out = (struct pickle_storage){.element = class->class->element,
                                   .key = key->text.data,
                                   .n = n->integer,
                                   .view_n = n->integer};
    if (parts->n == 6 && parts->values[5]->kind == PICKLE_TUPLE)
        return read_view(parts->values[5], out);
    return STATUS_OK;
}
