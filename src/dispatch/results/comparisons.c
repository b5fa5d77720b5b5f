/* A reference's predictions are read once and kept (one per split and seed); a run's are read when
 * it is compared and dropped, so memory does not grow with the sweep. */
#include "dispatch/results/comparisons.h"

#include "base/log.h"
#include "eval/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *comparison_name(int k)
{
    static const char *const names[N_COMPARISON] = {[COMPARISON_GAP] = "average_gap",
                                                    [COMPARISON_TOW] = "ToW",
                                                    [COMPARISON_TOW_MIA] = "ToW_MIA",
                                                    [COMPARISON_JS] = "JS",
                                                    [COMPARISON_CONFUSION] = "confusion_distance"};
    return names[k];
}

struct comparison {
    int64_t attempt, reference_attempt; /* that were compared; 0: none */
    double values[N_COMPARISON];
};

struct kept { /* what a reference says of D_f; n 0 when it could not be read */
    int64_t attempt;
    struct arena *arena; /* owned: forget */
    struct run_forget forget;
};

struct comparisons {
    const struct sweep *sweep;
    struct comparison *items; /* owned, [n_runs] */
    struct kept *kept;        /* owned, [n_runs]: those of references are filled */
    bool has_any;
};

enum status comparisons_create(const struct sweep *sweep, struct comparisons **out)
{
    enum status status = STATUS_OK;
    struct comparisons *made = NULL;

    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->sweep = sweep;
    TRY_ALLOC(made->items, heap_alloc(sweep->n_runs, sizeof *made->items));
    TRY_ALLOC(made->kept, heap_alloc(sweep->n_runs, sizeof *made->kept));
    for (int64_t i = 0; i < sweep->n_runs; i++) {
        made->has_any = made->has_any || sweep->runs[i].reference != NULL;
        for (int k = 0; k < N_COMPARISON; k++)
            made->items[i].values[k] = NAN;
    }
    *out = made;
    made = NULL;
done:
    comparisons_destroy(made);
    return status;
}

void comparisons_destroy(struct comparisons *comparisons)
{
    if (comparisons == NULL)
        return;
    for (int64_t i = 0; comparisons->kept != NULL && i < comparisons->sweep->n_runs; i++)
        arena_destroy(comparisons->kept[i].arena);
    free(comparisons->kept);
    free(comparisons->items);
    free(comparisons);
}

bool comparisons_has_any(const struct comparisons *comparisons)
{
    return comparisons->has_any;
}

const double *comparisons_of(const struct comparisons *comparisons, int64_t i)
{
    return comparisons->items[i].values;
}

static struct scores scores_of(const struct run_file *file)
{
    return (struct scores){.ua = run_file_value(file, "UA"),
                           .ra = run_file_value(file, "RA"),
                           .ta = run_file_value(file, "TA"),
                           .mia = run_file_value(file, "MIA")};
}

/* ToW with an attack's figure in the place of UA; NaN unless eval.mia has that attack. Source: the
 * code of RUM, arXiv:2406.01257. */
static double tug_of_war_by_attack(const struct run_file *model, const struct run_file *retrained)
{
    struct scores own = scores_of(model), other = scores_of(retrained);

    own.ua = run_file_value(model, "MIA_confidence_svc");
    other.ua = run_file_value(retrained, "MIA_confidence_svc");
    return tug_of_war(&own, &other);
}

/* Turns what a file or its content lacks into a warning. */
static enum status forgive(enum status status)
{
    if (status == STATUS_OK || status == STATUS_OUT_OF_MEMORY)
        return status;
    log_warning("not compared with retrain: %s", status_message());
    return STATUS_OK;
}

static enum status keep_reference(struct comparisons *comparisons,
                                  const struct finished_run *reference,
                                  const struct run_forget **out)
{
    enum status status = STATUS_OK;
    struct kept *kept = &comparisons->kept[reference->run - comparisons->sweep->runs];

    *out = &kept->forget;
    if (kept->attempt == reference->attempt)
        return STATUS_OK;
    arena_destroy(kept->arena);
    *kept = (struct kept){.attempt = reference->attempt};
    TRY(arena_create(&kept->arena));
    TRY(forgive(run_file_read_forget(reference->path, kept->arena, &kept->forget)));
done:
    return status;
}

static enum status compare_predictions(const struct finished_run *run, const struct run_forget *own,
                                       const struct run_forget *other, double *values)
{
    enum status status = STATUS_OK;

    if (own->n != other->n || own->n_classes != other->n_classes)
        TRY(fail(STATUS_BAD_DATA,
                 "has predictions of %lld forgotten images and %lld classes, its reference %s of "
                 "%lld and %lld",
                 (long long)own->n, (long long)own->n_classes, run->run->reference->id,
                 (long long)other->n, (long long)other->n_classes));
    if (memcmp(own->images, other->images, (size_t)own->n * sizeof *own->images) != 0)
        TRY(fail(STATUS_BAD_DATA, "its forgotten images are not those of its reference %s",
                 run->run->reference->id));
    TRY(js_distance(own->probability, other->probability, own->n, own->n_classes,
                    &values[COMPARISON_JS]));
    values[COMPARISON_CONFUSION] = confusion_distance(own->profile, other->profile, own->n_classes);
done:
    return status != STATUS_OK ? fail_context(status, "'%s'", run->path) : STATUS_OK;
}

/* On its own arena: a resumed sweep compares thousands of runs in a row. */
static enum status read_and_compare(const struct finished_run *run, const struct run_forget *other,
                                    double *values)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct run_forget own = {0};

    if (other->n == 0)
        return STATUS_OK; /* warned of when it was read */
    TRY(arena_create(&arena));
    TRY(run_file_read_forget(run->path, arena, &own));
    TRY(compare_predictions(run, &own, other, values));
done:
    arena_destroy(arena);
    return status;
}

bool comparisons_are_made(const struct comparisons *comparisons, const struct finished_run *run,
                          const struct finished_run *reference)
{
    const struct comparison *item = &comparisons->items[run->run - comparisons->sweep->runs];

    return item->attempt == run->attempt && item->reference_attempt == reference->attempt;
}

enum status comparisons_update(struct comparisons *comparisons, const struct finished_run *run,
                               const struct finished_run *reference)
{
    enum status status = STATUS_OK;
    struct comparison *item = &comparisons->items[run->run - comparisons->sweep->runs];
    struct comparison made = {run->attempt, reference->attempt, {NAN, NAN, NAN, NAN, NAN}};
    const struct scores own = scores_of(run->file), other = scores_of(reference->file);
    const struct run_forget *forget = NULL;

    if (comparisons_are_made(comparisons, run, reference))
        return STATUS_OK;
    made.values[COMPARISON_GAP] = average_gap(&own, &other);
    made.values[COMPARISON_TOW] = tug_of_war(&own, &other);
    made.values[COMPARISON_TOW_MIA] = tug_of_war_by_attack(run->file, reference->file);
    TRY(keep_reference(comparisons, reference, &forget));
    TRY(forgive(read_and_compare(run, forget, made.values)));
    *item = made;
done:
    return status;
}
