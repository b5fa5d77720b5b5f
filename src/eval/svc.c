/* Support vector classifier on one feature, by libsvm. */
#include "eval/attack.h"

#include <assert.h>
#include <libsvm/svm.h>
#include <limits.h>

enum { CACHE_MB = 100 }; /* as svm-train's; 40 to 800 took the same time within a third */

static void print_nothing(const char *text)
{
    (void)text;
}

/* Value i as libsvm's sparse vector: one entry and its end. The first class that libsvm sees is the
 * one with positive decisions, so non-members come first. */
static enum status set_problem(const struct two_sides *sides, struct arena *arena,
                               struct svm_problem *out)
{
    enum status status = STATUS_OK;
    int64_t n = sides->n_member + sides->n_non_member;
    struct svm_node *nodes = NULL;

    assert(n <= INT_MAX / 2);
    TRY_ALLOC(nodes, ARENA_ARRAY(arena, 2 * n, struct svm_node));
    TRY_ALLOC(out->x, ARENA_ARRAY(arena, n, struct svm_node *));
    TRY_ALLOC(out->y, ARENA_ARRAY(arena, n, double));
    for (int64_t i = 0; i < n; i++) {
        bool is_member = i >= sides->n_non_member;
        double value = is_member ? sides->member[i - sides->n_non_member] : sides->non_member[i];
        nodes[2 * i] = (struct svm_node){1, value};
        nodes[2 * i + 1] = (struct svm_node){-1, 0.0};
        out->x[i] = &nodes[2 * i];
        out->y[i] = is_member ? -1.0 : 1.0;
    }
    out->l = (int)n;
done:
    return status;
}

enum status svc_decide(const struct two_sides *sides, const struct svc_settings *settings,
                       const double *values, int64_t n, double *decisions)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct svm_problem problem = {0};
    struct svm_model *model = NULL;
    const struct svm_parameter parameter = {.svm_type = C_SVC,
                                            .kernel_type = RBF,
                                            .gamma = settings->gamma,
                                            .C = settings->c,
                                            .cache_size = CACHE_MB,
                                            .eps = 1e-3,
                                            .shrinking = 1};

    TRY(two_sides_check(sides));
    TRY(arena_create(&arena));
    TRY(set_problem(sides, arena, &problem));
    const char *complaint = svm_check_parameter(&problem, &parameter);
    if (complaint != NULL)
        TRY(fail(STATUS_BAD_DATA, "libsvm refuses C = %g, gamma = %g: %s", settings->c,
                 settings->gamma, complaint));
    svm_set_print_string_function(print_nothing);
    model = svm_train(&problem, &parameter);
    for (int64_t i = 0; i < n; i++) {
        const struct svm_node value[2] = {{1, values[i]}, {-1, 0.0}};
        svm_predict_values(model, value, &decisions[i]);
    }
done:
    svm_free_and_destroy_model(&model); /* accepts a NULL inside */
    arena_destroy(arena);
    return status;
}
