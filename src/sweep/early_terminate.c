/* Arithmetic and names of early_terminate. */
#include "sweep/early_terminate.h"

#include "eval/measures.h"
#include "sweep/sweep.h"
#include "unlearn/method.h"

#include <stddef.h>

const char *const early_type_names[] = {"sha", "asha", "median", NULL};
enum status early_metric_names(struct arena *arena, bool is_compared, const char *const **out)
{
    enum status status = STATUS_OK;
    const char **names = NULL;
    int n = 0, n_measures = 0;

    while (measure_at(n_measures) != NULL)
        n_measures++;
    TRY_ALLOC(names, ARENA_ARRAY(arena, n_measures + 2, const char *));
    if (!is_compared)
        names[n++] = "loss"; /* of the history, no measure of a finished run */
    for (int i = 0; i < n_measures; i++) {
        const struct measure *measure = measure_at(i);
        if (is_compared ? measure->phase == PHASE_COMPARISON : measure->is_at_rungs)
            names[n++] = measure->name;
    }
    *out = names;
done:
    return status;
}

int64_t early_rung_epoch(const struct early_terminate *early, int64_t k)
{
    int64_t epoch = early->min_iter;

    if (early->type == EARLY_MEDIAN)
        return k < INT64_MAX / epoch - 1 ? epoch * (k + 1) : INT64_MAX;
    for (int64_t i = 0; i < k; i++) {
        if (epoch > INT64_MAX / early->eta)
            return INT64_MAX;
        epoch *= early->eta;
    }
    return epoch;
}

int64_t early_run_epochs(const struct run *run)
{
    const struct method *method = method_find(run->settings.unlearn.method);
    const struct recipe *recipe = method != NULL && !method_is_reference(method)
                                      ? method_recipe(method, &run->settings)
                                      : NULL;

    return recipe != NULL ? recipe->epochs : 0;
}

struct field {         /* the runs that take part */
    int64_t n, epochs; /* epochs: of the longest */
    bool is_even;      /* all train for as long */
};

static struct field field_of(const struct sweep *sweep)
{
    struct field field = {.is_even = true};

    for (int64_t i = 0; i < sweep->n_runs; i++) {
        int64_t epochs = early_run_epochs(&sweep->runs[i]);
        if (epochs == 0)
            continue;
        field.is_even = field.is_even && (field.n == 0 || epochs == field.epochs);
        field.epochs = epochs > field.epochs ? epochs : field.epochs;
        field.n++;
    }
    return field;
}

/* Under sha the numbers are known before anything runs, unless runs fail. */
static void print_halving(const struct early_terminate *early, const struct field *field,
                          struct text *out)
{
    int64_t n = field->n, trained = 0, before = 0;

    text_append(out, "; %lld", (long long)n);
    for (int64_t k = 0, epoch = early_rung_epoch(early, 0); epoch < field->epochs;
         epoch = early_rung_epoch(early, ++k)) {
        trained += n * (epoch - before);
        before = epoch;
        n = n / early->eta > 1 ? n / early->eta : 1;
        text_append(out, " -> %lld", (long long)n);
    }
    trained += n * (field->epochs - before);
    int64_t all = field->n * field->epochs;
    text_append(out, " runs, %lld of %lld epochs", (long long)trained, (long long)all);
}

void early_print(const struct sweep *sweep, struct text *out)
{
    const struct early_terminate *early = &sweep->early;
    const struct field field = field_of(sweep);

    if (early->type == EARLY_NONE)
        return;
    text_append(out, "early termination: %s, %s %s", early_type_names[early->type - EARLY_SHA],
                early->is_maximized ? "highest" : "lowest", early->metric);
    if (early->type == EARLY_MEDIAN)
        text_append(out, " every %lld epochs", (long long)early->min_iter);
    for (int64_t k = 0; early->type != EARLY_MEDIAN && early_rung_epoch(early, k) < field.epochs;
         k++)
        text_append(out, "%s %lld", k == 0 ? " after" : ",", (long long)early_rung_epoch(early, k));
    if (early->type != EARLY_MEDIAN && early->min_iter < field.epochs)
        text_append(out, " epochs");
    if (early->type == EARLY_SHA && field.is_even && field.n > 0)
        print_halving(early, &field, out);
    text_append(out, "\n");
}
