/* Reading safetensors. The header is a stranger's claim: every number in it is checked against the
 * file before memory is asked for, and the tensors must cover the data without gap or overlap. */
#include "store/weights/safetensors.h"

#include "store/element.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };
static const double exact_integers = 9007199254740992.0; /* 2^53: beyond, JSON numbers round */

struct extent { /* of one tensor, bytes behind the header */
    int64_t begin, end;
    const char *name;
};

struct buffer_reading {
    struct weights *weights;
    struct extent *extents; /* [weights->n] */
    const unsigned char *data;
    int64_t n_data;
};

/* ---- the header as JSON ---- */

static enum status parse_json(const char *header, int64_t n, cJSON **out)
{
    enum status status = STATUS_OK;
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(header, (size_t)n, &end, 0);

    if (root == NULL)
        return fail(
            STATUS_BAD_DATA, "header is not JSON: cannot be understood from its byte %lld",
            (long long)(end != NULL && end >= header && end <= header + n ? end - header : 0));
    while (end < header + n && *end == ' ') /* padding */
        end++;
    if (end < header + n)
        TRY(fail(STATUS_BAD_DATA, "header goes on after its JSON at byte %lld",
                 (long long)(end - header)));
    if (!cJSON_IsObject(root))
        TRY(fail(STATUS_BAD_DATA, "header is not a JSON object"));
    *out = root;
    root = NULL; /* handed over */
done:
    cJSON_Delete(root);
    return status;
}

static enum status open_header(const unsigned char *bytes, int64_t n, cJSON **root,
                               int64_t *n_header)
{
    uint64_t claimed = 0;

    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        claimed = claimed << 8 | bytes[i];
    if (claimed > (uint64_t)(n - LENGTH_BYTES))
        return fail(STATUS_BAD_DATA,
                    "claims a header of %llu bytes, but %lld follow its length: cut off?",
                    (unsigned long long)claimed, (long long)(n - LENGTH_BYTES));
    if (claimed > SAFETENSORS_MAX_HEADER)
        return fail(STATUS_BAD_DATA, "has a header of %llu bytes, expected at most %d",
                    (unsigned long long)claimed, SAFETENSORS_MAX_HEADER);
    *n_header = (int64_t)claimed;
    return parse_json((const char *)bytes + LENGTH_BYTES, *n_header, root);
}

static bool get_count(const cJSON *item, int64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > exact_integers ||
        item->valuedouble != floor(item->valuedouble))
        return false;
    *out = (int64_t)item->valuedouble;
    return true;
}

/* ---- one tensor ---- */

static enum status read_shape(const cJSON *entry, struct weight_tensor *tensor)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape"), *size = NULL;

    if (!cJSON_IsArray(shape))
        return fail(STATUS_BAD_DATA, "has no 'shape', expected an array of sizes");
    cJSON_ArrayForEach(size, shape)
    {
        if (tensor->n_dims == WEIGHTS_MAX_DIMS)
            return fail(STATUS_BAD_DATA, "has more than %d dimensions", WEIGHTS_MAX_DIMS);
        if (!get_count(size, &tensor->shape[tensor->n_dims++]))
            return fail(STATUS_BAD_DATA, "has a size in its 'shape' that is not a whole number");
    }
    return STATUS_OK;
}

static enum status read_extent(const cJSON *entry, int64_t n_data, struct extent *out)
{
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    struct extent extent = {.name = out->name};

    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !get_count(cJSON_GetArrayItem(offsets, 0), &extent.begin) ||
        !get_count(cJSON_GetArrayItem(offsets, 1), &extent.end))
        return fail(STATUS_BAD_DATA, "has no 'data_offsets', expected two whole numbers");
    if (extent.begin > extent.end || extent.end > n_data)
        return fail(STATUS_BAD_DATA, "claims bytes %lld to %lld of the data, which has %lld",
                    (long long)extent.begin, (long long)extent.end, (long long)n_data);
    *out = extent;
    return STATUS_OK;
}

/* Sizes whose product overflows cannot be those of any extent either. */
static bool fills(const struct weight_tensor *tensor, const struct element *element, int64_t bytes)
{
    int64_t n = element->bytes;
    bool is_empty = false;

    for (int i = 0; i < tensor->n_dims; i++)
        is_empty = is_empty || tensor->shape[i] == 0;
    for (int i = 0; i < tensor->n_dims && !is_empty; i++)
        if (__builtin_mul_overflow(n, tensor->shape[i], &n))
            return false;
    return bytes == (is_empty ? 0 : n);
}

static enum status check_name(const char *name)
{
    if (name == NULL || name[0] == '\0')
        return fail(STATUS_BAD_DATA, "holds a tensor without a name");
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return fail(STATUS_BAD_DATA, "holds a tensor whose name has control characters");
    return STATUS_OK;
}

static enum status describe(const cJSON *entry, struct buffer_reading *reading,
                            struct weight_tensor *tensor, const struct element **element)
{
    enum status status = STATUS_OK;
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    struct extent *extent = &reading->extents[reading->weights->n];

    if (!cJSON_IsObject(entry) || !cJSON_IsString(dtype))
        TRY(fail(STATUS_BAD_DATA,
                 "has no 'dtype', expected an object with dtype, shape and data_offsets"));
    *element = element_by_code(dtype->valuestring);
    if (*element == NULL)
        TRY(fail(STATUS_BAD_DATA,
                 "has dtype '%.20s', expected one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL",
                 dtype->valuestring));
    TRY(read_shape(entry, tensor));
    TRY(read_extent(entry, reading->n_data, extent));
    if (!fills(tensor, *element, extent->end - extent->begin))
        TRY(fail(STATUS_BAD_DATA,
                 "claims %lld bytes, which is not its shape times %lld bytes of %s",
                 (long long)(extent->end - extent->begin), (long long)(*element)->bytes,
                 (*element)->name));
done:
    return status;
}

static enum status read_tensor(const cJSON *entry, struct buffer_reading *reading)
{
    enum status status = STATUS_OK;
    struct weights *weights = reading->weights;
    struct weight_tensor *tensor = &weights->tensors[weights->n];
    struct extent *extent = &reading->extents[weights->n];
    const struct element *element = NULL;

    TRY(check_name(entry->string));
    TRY_ALLOC(tensor->name, arena_strdup(weights->arena, entry->string));
    extent->name = tensor->name;
    status = describe(entry, reading, tensor, &element);
    if (status != STATUS_OK)
        return fail_context(status, "'%s'", tensor->name);
    tensor->stored_dtype = element->name;
    tensor->dtype = element->dtype;
    int64_t n = weight_elements(tensor);
    TRY_ALLOC(tensor->values, arena_alloc(weights->arena, n, dtype_bytes(tensor->dtype)));
    element->convert(reading->data + extent->begin, element->bytes, n, tensor->values);
    weights->n++;
done:
    return status;
}

/* ---- all of them ---- */

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static enum status check_cover(struct extent *extents, int64_t n, int64_t n_data)
{
    int64_t end = 0;

    qsort(extents, (size_t)n, sizeof *extents, compare_extents);
    for (int64_t i = 0; i < n; i++) {
        if (extents[i].begin < end)
            return fail(
                STATUS_BAD_DATA, "'%s' begins at byte %lld, within '%s', which ends at %lld",
                extents[i].name, (long long)extents[i].begin, extents[i - 1].name, (long long)end);
        if (extents[i].begin > end)
            return fail(STATUS_BAD_DATA, "bytes %lld to %lld of the data belong to no tensor",
                        (long long)end, (long long)extents[i].begin);
        end = extents[i].end;
    }
    if (end != n_data)
        return fail(STATUS_BAD_DATA, "bytes %lld to %lld of the data belong to no tensor",
                    (long long)end, (long long)n_data);
    return STATUS_OK;
}

static enum status read_tensors(const cJSON *root, struct buffer_reading *reading)
{
    enum status status = STATUS_OK;
    struct weights *weights = reading->weights;
    const cJSON *entry = NULL;
    int64_t n = cJSON_GetArraySize(root);

    TRY_ALLOC(weights->tensors, ARENA_ARRAY(weights->arena, n, struct weight_tensor));
    TRY_ALLOC(reading->extents, ARENA_ARRAY(weights->arena, n, struct extent));
    cJSON_ArrayForEach(entry, root)
    {
        if (entry->string == NULL || strcmp(entry->string, "__metadata__") != 0)
            TRY(read_tensor(entry, reading));
    }
    if (weights->n == 0)
        TRY(fail(STATUS_BAD_DATA, "holds no tensors"));
    TRY(check_cover(reading->extents, weights->n, reading->n_data));
done:
    return status;
}

enum status safetensors_parse(const void *bytes, int64_t n, struct weights *weights)
{
    enum status status = STATUS_OK;
    struct buffer_reading reading = {.weights = weights};
    cJSON *root = NULL;
    int64_t n_header = 0;

    weights->format = "safetensors";
    TRY(open_header(bytes, n, &root, &n_header));
    reading.data = (const unsigned char *)bytes + LENGTH_BYTES + n_header;
    reading.n_data = n - LENGTH_BYTES - n_header;
    TRY(read_tensors(root, &reading));
done:
    cJSON_Delete(root);
    return status;
}
