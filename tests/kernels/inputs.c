/* From a case's text of sizes to filled float64 tensors. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct sizes {
    int64_t of[26];
    int64_t run[TENSOR_MAX_DIMS];
    int n_run;
};

static uint64_t seed = 1;

void test_set_seed(uint64_t value)
{
    seed = value;
}

uint64_t test_seed(void)
{
    return seed;
}

struct random_stream test_stream(enum op_kind kind, int i_case)
{
    return random_stream_at(seed, (uint32_t)kind << 16 | (uint32_t)i_case);
}

struct arena *test_arena(void)
{
    struct arena *arena = NULL;

    ok(arena_create(&arena));
    return arena;
}

static void *test_memory(struct arena *arena, int64_t n, size_t bytes_each)
{
    void *memory = arena_alloc(arena, n, bytes_each);

    if (memory == NULL)
        fail_msg("%s", status_message());
    return memory;
}

double *test_reals(struct arena *arena, int64_t n)
{
    return test_memory(arena, n, sizeof(double));
}

static struct sizes parse_sizes(const char *text)
{
    struct sizes sizes = {.n_run = 0};

    while (*text != '\0') {
        char *end = NULL, letter = *text++;
        int64_t size = strtol(text, &end, 10);
        if (letter == '.') {
            sizes.run[sizes.n_run++] = size;
            for (; *end == 'x'; sizes.n_run++)
                sizes.run[sizes.n_run] = strtol(end + 1, &end, 10);
        } else {
            sizes.of[letter - 'A'] = size;
        }
        text = end + strspn(end, " ");
    }
    return sizes;
}

static struct tensor shaped(const char *shape, const struct sizes *sizes)
{
    struct tensor tensor = {.n_dims = 0};

    for (; *shape != '\0'; shape++) {
        if (*shape == '.') {
            memcpy(tensor.shape + tensor.n_dims, sizes->run,
                   (size_t)sizes->n_run * sizeof *sizes->run);
            tensor.n_dims += sizes->n_run;
        } else {
            tensor.shape[tensor.n_dims++] =
                isdigit((unsigned char)*shape) ? *shape - '0' : sizes->of[*shape - 'A'];
        }
    }
    return tensor;
}

static void round_all(const struct tensor *tensor, enum dtype dtype)
{
    double *values = reals(tensor);

    for (int64_t i = 0; tensor->data != NULL && i < tensor_elements(tensor); i++)
        values[i] = number_rounded(values[i], dtype);
}

static bool is_floating(enum tensor_type type)
{
    return type == TYPE_REAL || type == TYPE_MAP;
}

void inputs_create(struct arena *arena, enum op_kind kind, int i_case, const struct device *device,
                   union op_any *op)
{
    static const enum dtype dtypes[] = {[TYPE_REAL] = DTYPE_F64,
                                        [TYPE_MAP] = DTYPE_F64,
                                        [TYPE_U8] = DTYPE_U8,
                                        [TYPE_I32] = DTYPE_I32,
                                        [TYPE_F64] = DTYPE_F64};
    const struct op_info *info = op_info(kind);
    const struct kernel_case *test_case = &kernel_test(kind)->cases[i_case];
    struct sizes sizes = parse_sizes(test_case->sizes);
    struct random_stream stream = test_stream(kind, i_case);

    *op = test_case->attributes;
    for (int i = 0; i < info->n_tensors; i++) {
        const struct op_tensor *row = &info->tensors[i];
        struct tensor *tensor = op_tensor(kind, op, i);
        *tensor = shaped(row->shape, &sizes);
        tensor->dtype = dtypes[row->type];
        if ((test_case->absent >> i & 1) != 0)
            continue;
        tensor->data = test_memory(arena, tensor_elements(tensor), dtype_bytes(tensor->dtype));
        if (is_floating(row->type) && row->access != ACCESS_WRITTEN)
            stream_fill(&stream, test_case->fill, tensor->data, tensor_elements(tensor));
        if (strcmp(row->name, "rates") == 0)
            memcpy(tensor->data, test_case->rates, sizeof test_case->rates);
        if (strcmp(row->name, "mix") == 0 || strcmp(row->name, "scale") == 0)
            *reals(tensor) = test_case->factor;
    }
    if (kernel_test(kind)->refine != NULL)
        kernel_test(kind)->refine(test_case, op, &stream);
    for (int i = 0; i < info->n_tensors; i++)
        if (is_floating(info->tensors[i].type))
            round_all(op_tensor(kind, op, i), device_dtype(device, info->tensors[i].type));
}
