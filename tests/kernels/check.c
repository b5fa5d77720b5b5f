/* Runs a case in poisoned memory, plain, unaligned and in place, twice each, and compares every
 * element with its own bound. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"
#include "support/poison.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { GUARD_BYTES = MEMORY_ALIGNMENT }; /* so that what lies between is aligned */

struct variant {
    const char *name;
    bool is_shifted;   /* tensors begin one element after an aligned address */
    int output, input; /* output lies in input's memory; −1: nowhere */
};

/* A tensor's device memory: guard, data, guard. */
struct block {
    char *device;                    /* owned */
    char *start, *found;             /* host: before and after the run */
    size_t shift, data_bytes, bytes; /* where the data begins and ends; all of it */
};

struct check {
    struct device *device;
    enum op_kind kind;
    const struct kernel_case *test_case;
    const struct variant *variant;
    struct arena *arena;
    union op_any inputs, op; /* float64 on the host; as the device sees it */
    struct expectation expected;
    struct block blocks[OP_MAX_TENSORS], workspace;
    bool is_widened; /* what was written had been rounded as maps */
    bool is_lacking; /* the device's library has none: nothing to compare */
    int n_failures;
};

static void report(struct check *check, const char *tensor, const char *problem)
{
    check->n_failures++;
    print_error("%s, case '%s' (%s), seed %llu, %s: %s %s\n", op_info(check->kind)->name,
                check->test_case->name, check->test_case->sizes, (unsigned long long)test_seed(),
                check->variant->name, tensor, problem);
}

static char *bytes_in(struct arena *arena, size_t n)
{
    char *bytes = arena_alloc(arena, (int64_t)n, 1);

    if (bytes == NULL)
        fail_msg("%s", status_message());
    return bytes;
}

static void block_create(struct check *check, struct block *block, size_t data_bytes, size_t shift)
{
    block->shift = GUARD_BYTES + shift;
    block->data_bytes = data_bytes;
    block->bytes = block->shift + data_bytes + GUARD_BYTES;
    block->start = bytes_in(check->arena, block->bytes);
    block->found = bytes_in(check->arena, block->bytes);
    poison(block->start, block->bytes);
    ok(device_alloc(check->device, block->bytes, (void **)&block->device));
}

/* Memory of all tensors, poisoned but for what the operation reads. */
static void blocks_create(struct check *check)
{
    const struct op_info *info = op_info(check->kind);
    const struct variant *variant = check->variant;

    check->op = check->inputs;
    memset(check->blocks, 0, sizeof check->blocks);
    for (int i = 0; i < info->n_tensors; i++) {
        struct tensor *tensor = op_tensor(check->kind, &check->op, i);
        struct tensor wide = *tensor;
        struct block *block = &check->blocks[i];
        if (tensor->data == NULL)
            continue;
        tensor->dtype = device_dtype(check->device, info->tensors[i].type);
        if (variant->output == i)
            continue;
        block_create(check, block, tensor_bytes(tensor),
                     variant->is_shifted ? dtype_bytes(tensor->dtype) : 0);
        if (info->tensors[i].access != ACCESS_WRITTEN)
            numbers_narrow(&wide, tensor->dtype, block->start + block->shift);
        tensor->data = block->device + block->shift;
    }
    if (variant->output >= 0)
        op_tensor(check->kind, &check->op, variant->output)->data =
            op_tensor(check->kind, &check->op, variant->input)->data;
}

static void upload_block(struct check *check, const struct block *block)
{
    if (block->device != NULL)
        ok(queue_upload(device_queue(check->device), block->device, block->start, block->bytes));
}

static void upload_blocks(struct check *check)
{
    for (int i = 0; i < OP_MAX_TENSORS; i++)
        upload_block(check, &check->blocks[i]);
    upload_block(check, &check->workspace);
}

static void run_once(struct check *check, struct prepared *prepared)
{
    upload_blocks(check);
    ok(kernel_run(device_queue(check->device), check->kind, prepared, &check->op));
    ok(queue_synchronize(device_queue(check->device)));
}

static void check_guards(struct check *check, const struct block *block, const char *name)
{
    if (poison_first_touched(block->found, block->shift) >= 0)
        report(check, name, "was written before its begin");
    if (poison_first_touched(block->found + block->shift + block->data_bytes,
                             block->bytes - block->shift - block->data_bytes) >= 0)
        report(check, name, "was written past its end");
}

/* After a run: guards whole, inputs as they were; the second run's bytes are the first one's. */
static void collect(struct check *check, bool is_second)
{
    const struct op_info *info = op_info(check->kind);

    for (int i = 0; i < info->n_tensors; i++) {
        struct block *block = &check->blocks[i];
        const char *name = info->tensors[i].name;
        bool is_input = info->tensors[i].access == ACCESS_READ && check->variant->input != i;
        if (block->device == NULL)
            continue;
        char *found = is_second ? bytes_in(check->arena, block->bytes) : block->found;
        ok(queue_download(device_queue(check->device), found, block->device, block->bytes));
        if (is_second && memcmp(found, block->found, block->bytes) != 0)
            report(check, name, "differs from run to run");
        if (is_second)
            continue;
        check_guards(check, block, name);
        if (is_input && memcmp(block->found, block->start, block->bytes) != 0)
            report(check, name, "is read only, but changed");
    }
    if (check->workspace.device != NULL && !is_second) {
        struct block *block = &check->workspace;
        ok(queue_download(device_queue(check->device), block->found, block->device, block->bytes));
        check_guards(check, block, "workspace");
    }
}

static void run_twice(struct check *check, struct prepared *prepared)
{
    check->is_widened = strstr(prepared->implementation, "widened") != NULL;
    if (prepared->workspace_bytes > 0) {
        block_create(check, &check->workspace, prepared->workspace_bytes, 0);
        check->op.workspace.data = check->workspace.device + check->workspace.shift;
        check->op.workspace.bytes = prepared->workspace_bytes;
    }
    run_once(check, prepared);
    collect(check, false);
    run_once(check, prepared);
    collect(check, true);
}

static void execute(struct check *check)
{
    struct prepared *prepared = NULL;

    blocks_create(check);
    memset(&check->workspace, 0, sizeof check->workspace);
    upload_blocks(check); /* frozen weights may be packed now */
    enum status status = kernel_prepare(check->device, check->kind, &check->op, &prepared);
    check->is_lacking = test_is_lacking(check->device, check->kind, status);
    if (!check->is_lacking) {
        ok(status);
        run_twice(check, prepared);
    }
    for (int i = 0; i < OP_MAX_TENSORS; i++)
        device_free(check->device, check->blocks[i].device);
    device_free(check->device, check->workspace.device);
    kernel_release(check->device, check->kind, prepared);
}

/* Allowed error of element i: the rounding of what is written, of the arithmetic, and where the
 * operation says so of what it was taken of. Next to it: what products below the least normal
 * number may lose. */
static double bound_of(const struct check *check, int output, enum dtype dtype, int64_t i)
{
    const double c = 4.0;
    const double *magnitude = check->expected.magnitude[output];
    double epsilon = arithmetic_epsilon(check->device), rounding = number_rounding(dtype);
    double least = dtype == DTYPE_F64 ? DBL_MIN : (double)FLT_MIN;
    double terms = check->expected.terms[output];

    if (magnitude == NULL || magnitude[i] == 0.0)
        return 0.0;
    if (check->expected.is_of_rounded[output] || check->is_widened)
        rounding += number_rounding(device_map(check->device));
    return magnitude[i] * (rounding + c * sqrt(terms) * epsilon) + fmax(terms, 1) * least;
}

static bool is_good(double found, double wanted, double bound)
{
    if (isnan(wanted) || isnan(found))
        return isnan(wanted) && isnan(found);
    return found == wanted || fabs(found - wanted) <= bound;
}

static void compare(struct check *check, int output)
{
    const struct tensor *tensor = op_tensor(check->kind, &check->op, output);
    const struct tensor *wanted = op_tensor(check->kind, &check->expected.op, output);
    const struct block *block =
        &check->blocks[check->variant->output == output ? check->variant->input : output];
    const char *data = block->found + block->shift,
               *name = op_info(check->kind)->tensors[output].name;
    int64_t n = tensor_elements(tensor), worst = -1;
    int64_t left = poison_first_left(data, n, dtype_bytes(tensor->dtype));
    double worst_ratio = 0.0;
    char problem[256];

    if (left >= 0 && check->variant->output < 0) {
        snprintf(problem, sizeof problem, "[%lld] was not written", (long long)left);
        report(check, name, problem);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double found = number_at(data, tensor->dtype, i);
        double value = number_at(wanted->data, wanted->dtype, i);
        double bound = bound_of(check, output, tensor->dtype, i);
        double ratio = isnan(found) ? INFINITY : fabs(found - value) / fmax(bound, DBL_MIN);
        if (!is_good(found, value, bound) && (worst < 0 || ratio > worst_ratio)) {
            worst = i;
            worst_ratio = ratio;
        }
    }
    if (worst < 0)
        return;
    snprintf(problem, sizeof problem, "[%lld] is %.9g, expected %.9g within %.3g (%.3g times that)",
             (long long)worst, number_at(data, tensor->dtype, worst),
             number_at(wanted->data, wanted->dtype, worst),
             bound_of(check, output, tensor->dtype, worst), worst_ratio);
    report(check, name, problem);
}

static void check_variant(struct check *check, const struct variant *variant)
{
    const struct op_info *info = op_info(check->kind);

    check->variant = variant;
    execute(check);
    for (int i = 0; i < info->n_tensors && !check->is_lacking; i++)
        if (info->tensors[i].access != ACCESS_READ &&
            op_tensor(check->kind, &check->op, i)->data != NULL)
            compare(check, i);
}

/* Every pair of tensors that may share memory, and hold the same type, does. */
static void check_aliases(struct check *check)
{
    const struct op_info *info = op_info(check->kind);

    for (int i = 0; i < info->n_tensors; i++)
        for (int j = 0; j < info->n_tensors; j++) {
            const struct variant in_place = {"in place", false, i, j};
            bool is_present = op_tensor(check->kind, &check->inputs, i)->data != NULL &&
                              op_tensor(check->kind, &check->inputs, j)->data != NULL;
            bool is_alike = device_dtype(check->device, info->tensors[i].type) ==
                            device_dtype(check->device, info->tensors[j].type);
            if ((info->tensors[i].may_alias >> j & 1) != 0 && is_present && is_alike)
                check_variant(check, &in_place);
        }
}

static void expect(struct check *check, int i_case)
{
    const struct op_info *info = op_info(check->kind);
    struct expectation *expected = &check->expected;

    memset(expected, 0, sizeof *expected);
    inputs_create(check->arena, check->kind, i_case, check->device, &expected->op);
    for (int i = 0; i < info->n_tensors; i++) {
        const struct tensor *tensor = op_tensor(check->kind, &expected->op, i);
        expected->terms[i] = 1.0;
        if (info->tensors[i].access != ACCESS_READ && tensor->dtype == DTYPE_F64 &&
            tensor->data != NULL)
            expected->magnitude[i] = test_reals(check->arena, tensor_elements(tensor));
    }
    kernel_test(check->kind)->expect(expected);
}

void check_cases(struct device *device, enum op_kind kind)
{
    static const struct variant plain = {"plain", false, -1, -1},
                                shifted = {"unaligned", true, -1, -1};
    const struct kernel_test *test = kernel_test(kind);
    int n_failures = 0;

    for (int i = 0; i < test->n_cases; i++) {
        struct check check = {.device = device, .kind = kind, .test_case = &test->cases[i]};
        if (test->cases[i].is_for_bench)
            continue;
        check.arena = test_arena();
        inputs_create(check.arena, kind, i, device, &check.inputs);
        expect(&check, i);
        check_variant(&check, &plain);
        check_variant(&check, &shifted);
        check_aliases(&check);
        n_failures += check.n_failures;
        arena_destroy(check.arena);
    }
    if (n_failures > 0)
        fail_msg("%d failures", n_failures);
}
