/* Presence, types, shapes and overlaps, all from the rows of ops.c. A message names the operation,
 * the tensor, what was found and what was wanted. */
#include "kernels/front_door.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 128 };

static const struct tensor *tensor_of(const struct op_info *info, const union op_any *op, int i)
{
    return (const struct tensor *)((const char *)op + info->tensors[i].offset);
}

/* "[2, 8, 8, 16]" */
static const char *shape_text(const struct tensor *tensor, char text[TEXT_BYTES])
{
    int length = snprintf(text, TEXT_BYTES, "[");

    for (int i = 0; i < tensor->n_dims && i < TENSOR_MAX_DIMS; i++)
        length += snprintf(text + length, TEXT_BYTES - (size_t)length, "%s%lld", i == 0 ? "" : ", ",
                           (long long)tensor->shape[i]);
    snprintf(text + length, TEXT_BYTES - (size_t)length, "]");
    return text;
}

/* "[N, H, W, C]"; a letter whose size is known is followed by it: "[N = 2, K]" */
static const char *wanted_text(const char *shape, const struct dimensions *dimensions,
                               char text[TEXT_BYTES])
{
    int length = snprintf(text, TEXT_BYTES, "[");

    for (const char *c = shape; *c != '\0'; c++) {
        length += snprintf(text + length, TEXT_BYTES - (size_t)length, "%s%s",
                           c == shape ? "" : ", ", *c == '.' ? ".." : (char[]){*c, '\0'});
        if (isalpha((unsigned char)*c) && dimension(dimensions, *c) != 0)
            length += snprintf(text + length, TEXT_BYTES - (size_t)length, " = %lld",
                               (long long)dimension(dimensions, *c));
    }
    snprintf(text + length, TEXT_BYTES - (size_t)length, "]");
    return text;
}

/* A run's first appearance fixes it. */
static bool run_matches(const int64_t *sizes, int n, struct dimensions *dimensions)
{
    if (dimensions->n_run < 0) {
        dimensions->n_run = n;
        memcpy(dimensions->run, sizes, (size_t)n * sizeof *sizes);
    }
    return dimensions->n_run == n && memcmp(dimensions->run, sizes, (size_t)n * sizeof *sizes) == 0;
}

static bool size_matches(char letter, int64_t size, struct dimensions *dimensions)
{
    if (isdigit((unsigned char)letter))
        return size == letter - '0';
    if (dimension(dimensions, letter) == 0)
        dimensions->of[letter - 'A'] = size;
    return dimension(dimensions, letter) == size;
}

static bool shape_matches(const char *shape, const struct tensor *tensor,
                          struct dimensions *dimensions)
{
    bool has_run = strchr(shape, '.') != NULL;
    int n_named = (int)strlen(shape) - has_run, n_run = tensor->n_dims - n_named;

    if (n_run < 0 || (!has_run && n_run > 0))
        return false;
    for (int i = 0; *shape != '\0'; shape++) {
        if (*shape == '.') {
            if (!run_matches(tensor->shape + i, n_run, dimensions))
                return false;
            i += n_run;
        } else if (!size_matches(*shape, tensor->shape[i++], dimensions)) {
            return false;
        }
    }
    return true;
}

/* Sizes >= 1 and a number of bytes that fits, so that nothing below need think of it. */
static bool is_countable(const struct tensor *tensor)
{
    int64_t bytes = (int64_t)dtype_bytes(tensor->dtype);

    if (tensor->n_dims < 0 || tensor->n_dims > TENSOR_MAX_DIMS)
        return false;
    for (int i = 0; i < tensor->n_dims; i++)
        if (tensor->shape[i] < 1 || __builtin_mul_overflow(bytes, tensor->shape[i], &bytes))
            return false;
    return true;
}

static enum status check_tensor(const struct op_info *info, int i, const struct tensor *tensor,
                                enum dtype wanted, struct dimensions *dimensions)
{
    const struct op_tensor *row = &info->tensors[i];
    const struct dimensions before = *dimensions;
    char found[TEXT_BYTES], expected[TEXT_BYTES];

    if (tensor->data == NULL)
        return row->is_optional ? STATUS_OK
                                : fail(STATUS_BAD_CONFIG, "%s: %s is absent, expected %s %s",
                                       info->name, row->name, dtype_name(wanted),
                                       wanted_text(row->shape, &before, expected));
    if (tensor->dtype != wanted)
        return fail(STATUS_BAD_CONFIG, "%s: %s is %s, expected %s", info->name, row->name,
                    dtype_name(tensor->dtype), dtype_name(wanted));
    if (!is_countable(tensor))
        return fail(STATUS_BAD_CONFIG,
                    "%s: %s is %s, expected at most %d dimensions, each at least 1", info->name,
                    row->name, shape_text(tensor, found), (int)TENSOR_MAX_DIMS);
    if (!shape_matches(row->shape, tensor, dimensions))
        return fail(STATUS_BAD_CONFIG, "%s: %s is %s, expected %s", info->name, row->name,
                    shape_text(tensor, found), wanted_text(row->shape, &before, expected));
    return STATUS_OK;
}

static bool overlaps(const struct tensor *a, const struct tensor *b)
{
    const char *a_data = a->data, *b_data = b->data;

    return a_data != NULL && b_data != NULL && a_data < b_data + tensor_bytes(b) &&
           b_data < a_data + tensor_bytes(a);
}

/* Tensor i is written: what shares its memory must be allowed to, and then exactly. */
static enum status check_overlap(const struct op_info *info, const union op_any *op, int i)
{
    const struct tensor *output = tensor_of(info, op, i);

    for (int j = 0; j < info->n_tensors; j++) {
        const struct tensor *other = tensor_of(info, op, j);
        const char *name = info->tensors[i].name, *other_name = info->tensors[j].name;
        bool is_allowed = (info->tensors[i].may_alias >> j & 1) != 0 ||
                          (info->tensors[j].may_alias >> i & 1) != 0;

        if (j == i || !overlaps(output, other))
            continue;
        if (!is_allowed)
            return fail(STATUS_BAD_CONFIG, "%s: %s overlaps %s, expected memory of its own",
                        info->name, name, other_name);
        if (output->data != other->data || tensor_bytes(output) != tensor_bytes(other))
            return fail(STATUS_BAD_CONFIG, "%s: %s overlaps part of %s, expected all or none of it",
                        info->name, name, other_name);
    }
    return STATUS_OK;
}

enum status check_tensors(const struct device *device, enum op_kind kind, const union op_any *op,
                          struct dimensions *dimensions)
{
    const struct op_info *info = op_info(kind);
    enum status status = STATUS_OK;

    *dimensions = (struct dimensions){.n_run = -1};
    for (int i = 0; i < info->n_tensors; i++)
        TRY(check_tensor(info, i, tensor_of(info, op, i),
                         device_dtype(device, info->tensors[i].type), dimensions));
    for (int i = 0; i < info->n_tensors; i++)
        if (info->tensors[i].access != ACCESS_READ)
            TRY(check_overlap(info, op, i));
done:
    return status;
}
