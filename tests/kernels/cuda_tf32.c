/* Products in tf32 on the host substitute: the bits of the reference on factors that this file
 * rounds to ten bits of mantissa, and not those of fp32. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { N_FACTORS = 2 };

struct product {
    enum op_kind kind;
    const char *name;
    int factors[N_FACTORS]; /* numbers of the tensors that are multiplied */
    int out;
    int64_t shapes[4][TENSOR_MAX_DIMS]; /* in the order of the tensors; 0 ends one */
    union op_any attributes;
};

#define CONVOLUTION(op, ...)                                                                       \
    {                                                                                              \
        .op = { __VA_ARGS__ }                                                                      \
    }
static const struct product products[] = {
    {OP_conv2d_forward,
     "3x3",
     {0, 1},
     2,
     {{2, 6, 5, 7}, {9, 3, 3, 7}, {2, 6, 5, 9}},
     CONVOLUTION(conv2d_forward, .factor = 1, .stride = 1, .padding = 1)},
    {OP_conv2d_forward,
     "1x1",
     {0, 1},
     2,
     {{2, 4, 5, 16}, {8, 1, 1, 16}, {2, 4, 5, 8}},
     CONVOLUTION(conv2d_forward, .factor = 1, .stride = 1)},
    {OP_conv2d_forward,
     "zero filters",
     {0, 1},
     2,
     {{1, 4, 3, 256}, {64, 3, 3, 256}, {1, 4, 3, 64}},
     CONVOLUTION(conv2d_forward, .factor = 1, .stride = 1, .padding = 1, .is_weight_frozen = true)},
    {OP_conv2d_backward_data,
     "3x3",
     {0, 1},
     2,
     {{2, 3, 3, 9}, {9, 3, 3, 7}, {2, 6, 5, 7}},
     CONVOLUTION(conv2d_backward_data, .factor = 1, .stride = 2, .padding = 1)},
    {OP_conv2d_backward_data,
     "zero filters",
     {0, 1},
     2,
     {{1, 4, 3, 64}, {64, 3, 3, 256}, {1, 4, 3, 256}},
     CONVOLUTION(conv2d_backward_data, .factor = 1, .stride = 1, .padding = 1,
                 .is_weight_frozen = true)},
    {OP_conv2d_backward_weight,
     "1x1",
     {0, 1},
     2,
     {{2, 4, 5, 16}, {2, 4, 5, 8}, {8, 1, 1, 16}},
     CONVOLUTION(conv2d_backward_weight, .factor = 1, .stride = 1)},
    {OP_linear_forward, "bias", {0, 1}, 3, {{6, 33}, {10, 33}, {10}, {6, 10}}, {{0}}},
    {OP_linear_backward_data, "head", {0, 1}, 2, {{6, 10}, {10, 33}, {6, 33}}, {{0}}},
};

/* To the nearest float with ten bits of mantissa, ties to even. */
static double ten_bits(double value)
{
    int exponent = 0;
    double mantissa = frexp(value, &exponent); /* in [1/2, 1): eleven bits with the leading one */

    return ldexp(nearbyint(ldexp(mantissa, 11)), exponent - 11);
}

static void operation_create(struct arena *arena, const struct product *product, union op_any *op)
{
    const struct op_info *info = op_info(product->kind);
    bool has_zero_filters = strcmp(product->name, "zero filters") == 0;

    *op = product->attributes;
    for (int t = 0; t < info->n_tensors && product->shapes[t][0] > 0; t++) {
        struct tensor *tensor = op_tensor(product->kind, op, t);
        struct random_stream stream =
            random_stream_at(1, (uint32_t)product->kind << 8 | (uint32_t)t);
        *tensor = (struct tensor){.dtype = DTYPE_F64};
        for (; tensor->n_dims < TENSOR_MAX_DIMS && product->shapes[t][tensor->n_dims] > 0;
             tensor->n_dims++)
            tensor->shape[tensor->n_dims] = product->shapes[t][tensor->n_dims];
        int64_t n = tensor_elements(tensor), row = n / tensor->shape[0];
        tensor->data = ARENA_ARRAY(arena, n, double);
        assert_non_null(tensor->data);
        stream_fill(&stream, FILL_NORMAL, tensor->data, n);
        for (int64_t i = 0; i < n; i++) {
            bool is_zero = has_zero_filters && t == 1 && i / row % 2 == 1;
            reals(tensor)[i] = is_zero ? 0 : (double)(float)reals(tensor)[i];
        }
    }
}

static void round_factors(const struct product *product, union op_any *op)
{
    for (int f = 0; f < N_FACTORS; f++) {
        struct tensor *tensor = op_tensor(product->kind, op, product->factors[f]);
        for (int64_t i = 0; i < tensor_elements(tensor); i++)
            reals(tensor)[i] = ten_bits(reals(tensor)[i]);
    }
}

static struct tensor run_in(struct arena *arena, const struct product *product,
                            enum precision precision)
{
    const struct device_settings settings = {.n_threads = 1, .precision = precision};
    struct device *device = NULL;
    union op_any op;

    operation_create(arena, product, &op);
    ok(device_open(test_backend("cuda_host"), &settings, &device));
    assert_true(run_on(device, product->kind, &op));
    device_close(device);
    return *op_tensor(product->kind, &op, product->out);
}

static void rounds_factors_to_ten_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        const struct product *product = &products[i];
        struct arena *arena = NULL;
        ok(arena_create(&arena));
        struct tensor found = run_in(arena, product, PRECISION_TF32);
        struct tensor exact = run_in(arena, product, PRECISION_FP32);
        union op_any wanted;
        int64_t n = tensor_elements(&found), n_other = 0;
        operation_create(arena, product, &wanted);
        round_factors(product, &wanted);
        run_ref(product->kind, &wanted);
        const double *values = reals(op_tensor(product->kind, &wanted, product->out));
        for (int64_t e = 0; e < n; e++) {
            if (reals(&found)[e] != (double)(float)values[e])
                fail_msg("%s, %s: [%lld] is %.9g, expected %.9g", op_info(product->kind)->name,
                         product->name, (long long)e, reals(&found)[e], values[e]);
            n_other += reals(&found)[e] != reals(&exact)[e];
        }
        assert_true(n_other > n / 4); /* half of the filters may be zero */
        arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounds_factors_to_ten_bits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
