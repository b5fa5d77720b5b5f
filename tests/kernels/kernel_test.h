/* The kernel check: every case of every operation on every backend, against float64.
 * A file per family of operations lists cases and says what is expected; guards, NaN filling,
 * unaligned and aliased memory, unwritten outputs and repeatability follow from op_info alone. */
#ifndef TESTS_KERNELS_KERNEL_TEST_H
#define TESTS_KERNELS_KERNEL_TEST_H

#include "base/arena.h"
#include "kernels/kernels.h"
#include "support/outcome.h"
#include "support/random_stream.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel_case {
    const char *name;
    const char
        *sizes; /* of the letters in op_info's shapes, '.' as 2x3: "N2 H8 W8 C3", ".2x3 C4" */
    enum fill fill;
    unsigned absent;         /* bit i: tensor i is absent */
    union op_any attributes; /* everything but tensors and workspace */
    double rates[2];         /* optimizers: contents of the tensor of that name */
    double factor;           /* contents of the tensors named mix or scale */
    bool is_for_bench;       /* too large to check */
};

/* In float64 and host memory. op's written tensors hold the expected values (updated ones begin
 * with their start values), magnitude[i] the sum of |terms| of each element, terms[i] how many. */
struct expectation {
    union op_any op;
    double *magnitude[OP_MAX_TENSORS];  /* NULL unless written, present and real; begins as 0 */
    double terms[OP_MAX_TENSORS];       /* begins as 1; 0: nothing but the rounding of the output */
    bool is_of_rounded[OP_MAX_TENSORS]; /* of sums that were rounded as maps before */
};

/* y = A x and its adjoint: tensor numbers in the forward and in this operation. Tensors of the same
 * name are shared. */
struct adjoint {
    enum op_kind forward;
    int x, y;   /* of the forward operation */
    int g, d_x; /* of the backward operation */
    void (*copy_attributes)(const union op_any *backward, union op_any *forward); /* or NULL */
};

struct kernel_test {
    const struct kernel_case *cases;
    int n_cases;
    /* Puts what plain numbers are not (labels, indices, positive variances) into the inputs. NULL:
     * the fill will do. */
    void (*refine)(const struct kernel_case *test_case, union op_any *op,
                   struct random_stream *stream);
    void (*expect)(struct expectation *expected);
    const struct adjoint *adjoint; /* of linear backward operations; NULL otherwise */
    void (*check_gradient)(void);  /* of the others, on ref by central differences; or NULL */
    void (*check_device)(struct device *device); /* more, on every backend; or NULL */
    double (*flops)(const union op_any *op);     /* for --bench; NULL: one per output element */
};

#define KERNEL_TEST(op) extern const struct kernel_test test_##op;
KERNEL_OPS(KERNEL_TEST)
#undef KERNEL_TEST
const struct kernel_test *kernel_test(enum op_kind kind);

/* ---- inputs (inputs.c) ---- */
/* Float64 op of a case: tensors in `arena`, inputs filled and refined, rounded to what the device
 * holds. Ends the test when memory runs out. */
void inputs_create(struct arena *arena, enum op_kind kind, int i_case, const struct device *device,
                   union op_any *op);
struct arena *test_arena(void);
double *test_reals(struct arena *arena, int64_t n);
void test_set_seed(uint64_t seed); /* once, before the tests */
uint64_t test_seed(void);
struct random_stream test_stream(enum op_kind kind, int i_case);

/* ---- numbers (numbers.c) ---- */
void numbers_narrow(const struct tensor *wide, enum dtype dtype, void *out);
double number_rounding(enum dtype dtype); /* the most that rounding to it errs by, near 1 */
double arithmetic_epsilon(const struct device *device); /* of multiplications and sums */

/* ---- running (execution.c) ---- */
/* Runs a float64 host operation on a device: narrowed to its type, uploaded, run, widened back.
 * false: skipped, the device's library lacks it. */
bool run_on(struct device *device, enum op_kind kind, const union op_any *op);
/* Its halves: `op` is the device's copy of `wide`; download gives the device memory back. */
void run_upload(struct device *device, enum op_kind kind, const union op_any *wide,
                union op_any *op);
void run_download(struct device *device, enum op_kind kind, const union op_any *wide,
                  union op_any *op);
void run_ref(enum op_kind kind, const union op_any *op);
/* NULL, with the reason printed, when no device of that backend can be used here. */
const struct backend *test_backend(const char *name);
struct device *test_device(const char *backend, int n_threads); /* fp32 */
struct device *test_device_of(const char *backend, const struct device_settings *settings);
/* Whether GPUs compute it by a library, which may lack it for some shapes; others are ours. */
bool test_is_of_library(enum op_kind kind);
/* Says so where `status`, of preparing, is that the device's library lacks the operation. Other
 * failures are for ok(). */
bool test_is_lacking(struct device *device, enum op_kind kind, enum status status);

/* ---- expectations (expectation.c) ---- */
/* The reference backend's values and, where the operation is linear in every input and in its
 * factors, the magnitude it gives for their absolute values. */
void expect_linear(enum op_kind kind, struct expectation *expected, double terms);
/* Ends the test when |found − wanted| > bound, or either is NaN. */
void check_near(double found, double wanted, double bound, const char *what);

/* ---- gradients (gradient.c) ---- */
/* d f / d x[i] by a five-point central difference; x is as before afterwards. */
void central_difference(double (*f)(void *context), void *context, double *x, int64_t n,
                        double *gradient);
void check_gradients(const double *found, const double *wanted, int64_t n, const char *what);
/* Adjoint by central differences on ref, and <g, A x> = <Aᵀ g, x> on the device. */
void check_adjoint(struct device *device, enum op_kind kind, int i_case);
double dot(const double *a, const double *b, int64_t n);

/* ---- the check and the benchmark ---- */
/* All cases of an operation on a device; ends the test with the number of failures, after a line
 * for each. */
void check_cases(struct device *device, enum op_kind kind);
void bench_cases(struct device *device, enum op_kind kind);
/* Of a product of every row of y (all dimensions but the last) with the whole weight. */
double product_flops(const struct tensor *weight, const struct tensor *y);

static inline double *reals(const struct tensor *tensor)
{
    return (double *)tensor->data;
}

#endif
