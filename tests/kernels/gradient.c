/* Derivatives from forward passes alone, so that no second hand-written one can share a mistake. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

void central_difference(double (*f)(void *context), void *context, double *x, int64_t n,
                        double *gradient)
{
    const double step = 0x1p-10; /* step⁴ ≈ 1e-12, as is the rounding of f divided by the step */

    for (int64_t i = 0; i < n; i++) {
        const double steps[] = {step, -step, 2 * step, -2 * step};
        double start = x[i], values[4];
        for (int j = 0; j < 4; j++) {
            x[i] = start + steps[j];
            values[j] = f(context);
        }
        x[i] = start;
        gradient[i] = (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * step);
    }
}

void check_gradients(const double *found, const double *wanted, int64_t n, const char *what)
{
    double most = 0.0;
    char name[128];

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(wanted[i]));
    for (int64_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s: d_x[%lld]", what, (long long)i);
        check_near(found[i], wanted[i], 1e-9 * fmax(most, 1e-3), name);
    }
}

/* The forward operation that `kind` is the adjoint of, sharing its tensors by name. */
struct pair {
    enum op_kind kind, forward_kind;
    union op_any forward, backward;
    struct tensor x, y; /* of forward */
    struct tensor g, d_x;
};

static void pair_create(struct arena *arena, enum op_kind kind, const union op_any *backward,
                        struct pair *pair)
{
    const struct adjoint *adjoint = kernel_test(kind)->adjoint;
    const struct op_info *info = op_info(kind), *forward_info = op_info(adjoint->forward);

    memset(pair, 0, sizeof *pair);
    pair->kind = kind;
    pair->forward_kind = adjoint->forward;
    pair->backward = *backward;
    if (adjoint->copy_attributes != NULL)
        adjoint->copy_attributes(backward, &pair->forward);
    for (int i = 0; i < forward_info->n_tensors; i++)
        for (int j = 0; j < info->n_tensors; j++)
            if (strcmp(forward_info->tensors[i].name, info->tensors[j].name) == 0)
                *op_tensor(adjoint->forward, &pair->forward, i) =
                    *op_tensor(kind, &pair->backward, j);
    pair->x = pair->d_x = *op_tensor(kind, &pair->backward, adjoint->d_x);
    pair->y = pair->g = *op_tensor(kind, &pair->backward, adjoint->g);
    pair->x.data = test_reals(arena, tensor_elements(&pair->x));
    pair->y.data = test_reals(arena, tensor_elements(&pair->y));
    *op_tensor(adjoint->forward, &pair->forward, adjoint->x) = pair->x;
    *op_tensor(adjoint->forward, &pair->forward, adjoint->y) = pair->y;
    struct random_stream stream = test_stream(kind, 1000);
    stream_fill(&stream, FILL_TIES, pair->x.data, tensor_elements(&pair->x)); /* exact in f32 */
}

static double weighted_output(void *context)
{
    struct pair *pair = context;

    run_ref(pair->forward_kind, &pair->forward);
    return dot(reals(&pair->g), reals(&pair->y), tensor_elements(&pair->y));
}

static double absolute_dot(const struct tensor *a, const struct tensor *b)
{
    double sum = 0.0;

    for (int64_t i = 0; i < tensor_elements(a); i++)
        sum += fabs(reals(a)[i] * reals(b)[i]);
    return sum;
}

/* Each term errs by the rounding of what was written. That of the arithmetic is random and below a
 * unit of each term: its sum grows as the root of their squares' sum, which the sum of |terms|
 * bounds. */
static void check_inner_product(struct device *device, struct pair *pair, const char *what)
{
    const struct adjoint *adjoint = kernel_test(pair->kind)->adjoint;
    double epsilon = arithmetic_epsilon(device);
    double y_rounding = number_rounding(
        device_dtype(device, op_info(pair->forward_kind)->tensors[adjoint->y].type));
    double d_x_rounding =
        number_rounding(device_dtype(device, op_info(pair->kind)->tensors[adjoint->d_x].type));

    if (!run_on(device, pair->forward_kind, &pair->forward) ||
        !run_on(device, pair->kind, &pair->backward))
        return;
    double bound = (16 * epsilon + y_rounding) * absolute_dot(&pair->g, &pair->y) +
                   (16 * epsilon + d_x_rounding) * absolute_dot(&pair->d_x, &pair->x);
    check_near(dot(reals(&pair->d_x), reals(&pair->x), tensor_elements(&pair->x)),
               dot(reals(&pair->g), reals(&pair->y), tensor_elements(&pair->y)), bound, what);
}

void check_adjoint(struct device *device, enum op_kind kind, int i_case)
{
    enum { SMALL = 512 }; /* elements: two forward passes each */
    const struct kernel_case *test_case = &kernel_test(kind)->cases[i_case];
    struct arena *arena = test_arena();
    union op_any op;
    struct pair pair;
    char what[128];

    snprintf(what, sizeof what, "%s, case '%s'", op_info(kind)->name, test_case->name);
    inputs_create(arena, kind, i_case, device, &op);
    pair_create(arena, kind, &op, &pair);
    check_inner_product(device, &pair, what);
    int64_t n = tensor_elements(&pair.x);
    if (device_real(device) == DTYPE_F64 && n <= SMALL && test_case->fill == FILL_NORMAL) {
        double *wanted = test_reals(arena, n);
        central_difference(weighted_output, &pair, pair.x.data, n, wanted);
        check_gradients(reals(&pair.d_x), wanted, n, what);
    }
    arena_destroy(arena);
}
