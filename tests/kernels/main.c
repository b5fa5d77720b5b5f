/* The kernel check as one CMocka test per operation and device; --bench times the same cases.
 *   test_kernels [--bench [operation]] [--seed number] [--only backend] [--op operation]
 *   test_kernels --list      the operations, those that are kernels of ours on a GPU first
 * With --only: exit code 77 when that backend has no device here. */
#include "kernels/kernel_test.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
    const char *backend;
    struct device_settings settings;
};
static const struct target targets[] = {
    {"ref", {.n_threads = 1}},       {"cpu", {.n_threads = 1}},
    {"cpu", {.n_threads = 2}},       {"cpu", {.n_threads = 3}},
    {"cuda_host", {.n_threads = 1}}, {"cuda_host", {.n_threads = 1, .precision = PRECISION_BF16}},
    {"cuda", {.n_threads = 1}},      {"cuda", {.n_threads = 1, .precision = PRECISION_BF16}},
};
enum { N_TARGETS = sizeof targets / sizeof *targets };

struct subject {
    const struct target *target;
    enum op_kind kind;
    char name[80];
};

static struct device *open_target(const struct target *target)
{
    return test_device_of(target->backend, &target->settings);
}

static void test_cases(void **state)
{
    const struct subject *subject = *state;
    struct device *device = open_target(subject->target);

    check_cases(device, subject->kind);
    device_close(device);
}

static void test_adjoint(void **state)
{
    const struct subject *subject = *state;
    const struct kernel_test *test = kernel_test(subject->kind);
    struct device *device = open_target(subject->target);

    for (int i = 0; i < test->n_cases; i++)
        if (!test->cases[i].is_for_bench)
            check_adjoint(device, subject->kind, i);
    device_close(device);
}

static void test_more(void **state)
{
    const struct subject *subject = *state;
    struct device *device = open_target(subject->target);

    kernel_test(subject->kind)->check_device(device);
    device_close(device);
}

static void test_gradient(void **state)
{
    const struct subject *subject = *state;

    kernel_test(subject->kind)->check_gradient();
}

/* The operations of vision transformers are not written for GPUs yet. */
static bool is_known_gap(const struct backend *backend, enum op_kind kind)
{
#define KIND(op) || kind == OP_##op
    bool is_of_tokens = false KERNEL_OPS_TOKENS(KIND);
#undef KIND

    return is_of_tokens && strncmp(backend->name, "cuda", 4) == 0;
}

static int report_gap(const struct backend *backend, enum op_kind kind, bool is_filled)
{
    bool is_known = is_known_gap(backend, kind);

    if (is_filled == is_known)
        print_error("backend '%s' %s %s\n", backend->name, is_filled ? "now has" : "lacks",
                    op_info(kind)->name);
    return is_filled == is_known ? 1 : 0;
}

/* A known gap of a backend is a decision, written down here. */
static void test_tables(void **state)
{
    const struct subject *subject = *state;
    const struct backend *backend = test_backend(subject->target->backend);
    const struct kernel_ops *kernels = &backend->kernels;

#define GAP(op)                                                                                    \
    +report_gap(backend, OP_##op,                                                                  \
                kernels->op.prepare != NULL && kernels->op.run != NULL &&                          \
                    kernels->op.release != NULL)
    assert_int_equal(0 KERNEL_OPS(GAP), 0);
#undef GAP
}

enum { MOST_TESTS = N_TARGETS * (4 * N_OP_KINDS + 1) };

struct list {
    struct subject subjects[MOST_TESTS];
    struct CMUnitTest tests[MOST_TESTS];
    size_t n;
};

static void list_add(struct list *list, CMUnitTestFunction function, const struct target *target,
                     enum op_kind kind, const char *what)
{
    struct subject *subject = &list->subjects[list->n];

    subject->target = target;
    subject->kind = kind;
    snprintf(subject->name, sizeof subject->name, "%s: %s on %s, %s, %d threads",
             kind < N_OP_KINDS ? op_info(kind)->name : "all", what, target->backend,
             precision_name(target->settings.precision), target->settings.n_threads);
    list->tests[list->n++] = (struct CMUnitTest){subject->name, function, NULL, NULL, subject};
}

static void list_kind(struct list *list, const struct target *target, enum op_kind kind)
{
    bool is_ref = strcmp(target->backend, "ref") == 0;

    list_add(list, test_cases, target, kind, "cases");
    if (kernel_test(kind)->adjoint != NULL)
        list_add(list, test_adjoint, target, kind, "adjoint");
    if (kernel_test(kind)->check_device != NULL)
        list_add(list, test_more, target, kind, "more");
    if (is_ref && kernel_test(kind)->check_gradient != NULL)
        list_add(list, test_gradient, target, kind, "gradient");
}

static bool is_named(const char *name, enum op_kind kind)
{
    return name == NULL || strcmp(name, op_info(kind)->name) == 0;
}

/* Those that are ours come first: a kernel that ruins the device hides what comes after it. */
static void list_target(struct list *list, const struct target *target, const char *only)
{
    if (only == NULL)
        list_add(list, test_tables, target, N_OP_KINDS, "no gap");
    for (int is_of_library = 0; is_of_library < 2; is_of_library++)
        for (int i = 0; i < N_OP_KINDS; i++) {
            enum op_kind kind = (enum op_kind)i;
            if (test_is_of_library(kind) == is_of_library && is_named(only, kind) &&
                !is_known_gap(test_backend(target->backend), kind))
                list_kind(list, target, kind);
        }
}

static int print_operations(void)
{
    for (int is_of_library = 0; is_of_library < 2; is_of_library++)
        for (int i = 0; i < N_OP_KINDS; i++)
            if (test_is_of_library((enum op_kind)i) == is_of_library)
                printf("%s\n", op_info((enum op_kind)i)->name);
    return 0;
}

static bool is_wanted(const struct target *target, const char *only)
{
    bool is_named = only == NULL || strcmp(only, target->backend) == 0;

    return is_named && test_backend(target->backend) != NULL;
}

static int bench(const char *only, const char *only_backend)
{
    for (int t = 0; t < N_TARGETS; t++) {
        if (!is_wanted(&targets[t], only_backend))
            continue;
        struct device *device = open_target(&targets[t]);
        printf("backend %s, %s, %d threads\n", targets[t].backend,
               precision_name(targets[t].settings.precision), targets[t].settings.n_threads);
        for (int kind = 0; kind < N_OP_KINDS; kind++)
            if (is_named(only, (enum op_kind)kind) &&
                !is_known_gap(test_backend(targets[t].backend), (enum op_kind)kind))
                bench_cases(device, (enum op_kind)kind);
        device_close(device);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct list list;
    const char *only = NULL, *operation = NULL;

    if (argc > 1 && strcmp(argv[1], "--list") == 0)
        return print_operations();
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0)
            test_set_seed(strtoull(argv[i + 1], NULL, 10));
        if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
        if (strcmp(argv[i], "--op") == 0)
            operation = argv[i + 1];
    }
    if (argc > 1 && strcmp(argv[1], "--bench") == 0)
        return bench(argc > 2 && argv[2][0] != '-' ? argv[2] : NULL, only);
    printf("seed %llu\n", (unsigned long long)test_seed());
    for (int t = 0; t < N_TARGETS; t++)
        if (is_wanted(&targets[t], only))
            list_target(&list, &targets[t], operation);
    if (list.n == 0) {
        printf("nothing to test: no such device, or it does not have the operation\n");
        return 77;
    }
    return _cmocka_run_group_tests("kernels", list.tests, list.n, NULL, NULL);
}
