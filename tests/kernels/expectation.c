/* Expected values and magnitudes that follow from the reference backend alone. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

static void take_absolute(struct arena *arena, struct tensor *tensor)
{
    int64_t n = tensor_elements(tensor);
    double *absolute = test_reals(arena, n);

    for (int64_t i = 0; i < n; i++)
        absolute[i] = fabs(reals(tensor)[i]);
    tensor->data = absolute;
}

void expect_linear(enum op_kind kind, struct expectation *expected, double terms)
{
    const struct op_info *info = op_info(kind);
    struct arena *arena = test_arena();
    union op_any absolute = expected->op;

    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(kind, &absolute, i);
        expected->terms[i] = terms;
        if (tensor->data == NULL || tensor->dtype != DTYPE_F64)
            continue;
        if (info->tensors[i].access == ACCESS_READ)
            take_absolute(arena, tensor);
        else
            tensor->data = expected->magnitude[i];
    }
    run_ref(kind, &expected->op);
    run_ref(kind, &absolute);
    arena_destroy(arena);
}

void check_near(double found, double wanted, double bound, const char *what)
{
    if (!(fabs(found - wanted) <= bound))
        fail_msg("%s is %.17g, expected %.17g within %g (seed %llu)", what, found, wanted, bound,
                 (unsigned long long)test_seed());
}
