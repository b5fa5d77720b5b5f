/* How well a logistic regression tells two sides apart, on values it was not fitted on. */
#include "eval/attack.h"

#include <math.h>
#include <stdbool.h>

struct fold {              /* one side */
    double *fitted, *held; /* [n of the side] each, reused by every fold */
    int64_t n_fitted, n_held;
};

/* Every n_folds-th value, from `fold` on, is held out. */
static void deal_fold(const double *values, int64_t n, int64_t fold, int64_t n_folds,
                      struct fold *out)
{
    out->n_fitted = out->n_held = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i % n_folds == fold)
            out->held[out->n_held++] = values[i];
        else
            out->fitted[out->n_fitted++] = values[i];
    }
}

static double share_called(const struct fold *side, struct logistic_fit fit, bool is_non_member)
{
    int64_t n_called = 0;

    for (int64_t i = 0; i < side->n_held; i++)
        n_called += (fit.w * side->held[i] + fit.b > 0.0) == is_non_member;
    return (double)n_called / (double)side->n_held;
}

enum status logistic_cross_validate(const struct two_sides *sides, double c, double *accuracy)
{
    enum status status = STATUS_OK;
    int64_t smaller = sides->n_member < sides->n_non_member ? sides->n_member : sides->n_non_member;
    int64_t n_folds = smaller < MIA_FOLDS ? smaller : MIA_FOLDS;
    struct fold member = {0}, non_member = {0};
    struct arena *arena = NULL;
    double sum = 0.0;

    TRY(arena_create(&arena));
    TRY_ALLOC(member.fitted, ARENA_ARRAY(arena, sides->n_member, double));
    TRY_ALLOC(member.held, ARENA_ARRAY(arena, sides->n_member, double));
    TRY_ALLOC(non_member.fitted, ARENA_ARRAY(arena, sides->n_non_member, double));
    TRY_ALLOC(non_member.held, ARENA_ARRAY(arena, sides->n_non_member, double));
    for (int64_t fold = 0; n_folds > 1 && fold < n_folds; fold++) {
        struct logistic_fit fit;
        deal_fold(sides->member, sides->n_member, fold, n_folds, &member);
        deal_fold(sides->non_member, sides->n_non_member, fold, n_folds, &non_member);
        const struct two_sides fitted = {member.fitted, non_member.fitted, member.n_fitted,
                                         non_member.n_fitted};
        TRY(logistic_solve(&fitted, logistic_balanced(&fitted, c), &fit));
        sum += (share_called(&member, fit, false) + share_called(&non_member, fit, true)) / 2.0;
    }
    *accuracy = n_folds > 1 ? sum / (double)n_folds : NAN;
done:
    arena_destroy(arena);
    return status;
}
