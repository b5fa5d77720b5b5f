/* Small random sweeps against a model that enumerates them the obvious way: nested loops over the
 * axes, a list of tuples to leave out, a list to add, conditions as if-statements. */
#include "loading.h"

#include "base/random.h"
#include "support/cmocka.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_AXES = 5, MOST_VALUES = 3, MOST_POINTS = 2000, MOST_MATCHES = 3, N_CONDITIONS = 4 };
enum { METHOD, SPARSITY, RANK, EPOCHS, CLASS };

struct axis {
    const char *name;
    unsigned group;
    int standard; /* index of the default among values; −1: none */
    const char *values[4];
};
static const struct axis axes[N_AXES] = {
    {"unlearn.method", GROUP_MODEL, -1, {"finetune", "lora", "prune_lora", "original"}},
    {"prune.sparsity", GROUP_PRUNE, 1, {"0.25", "0.5", "0.75", "0.875"}},
    {"lora.rank", GROUP_LORA, 2, {"2", "4", "8", "16"}},
    {"train.epochs", GROUP_TRAIN, 0, {"5", "1", "2", "3"}},
    {"forget.class", GROUP_MODEL, -1, {"0", "1", "2", "3"}},
};

/* Conditions on one axis by another, as text and as code. */
static const struct condition {
    int axis, by;
    const char *text;
} conditions[N_CONDITIONS] = {
    {RANK, METHOD, "unlearn.method in [lora, prune_lora]"},
    {RANK, EPOCHS, "train.epochs > 1 and not train.epochs == 3"},
    {SPARSITY, CLASS, "forget.class == 1 or forget.class >= 3"},
    {EPOCHS, METHOD, "unlearn.method != prune_lora"},
};
static bool holds(const struct condition *condition, const int tuple[N_AXES])
{
    int value = tuple[condition->by];

    if (condition == &conditions[0])
        return value == 1 || value == 2;
    if (condition == &conditions[1])
        return value == 0 || value == 2; /* 5 and 2 */
    if (condition == &conditions[2])
        return value == 1 || value == 3;
    return value != 2;
}

/* A sweep by indices of values. −1: a constant's place in an axis of one value. */
struct model {
    int order[N_AXES]; /* declaration order */
    int values[N_AXES][MOST_VALUES], n_values[N_AXES];
    int zip[2];                                     /* axes, or −1 */
    int excludes[MOST_MATCHES][N_AXES], n_excludes; /* −1: any */
    int includes[MOST_MATCHES][N_AXES], n_includes;
    bool has_condition[N_CONDITIONS];
    int n_seeds;
};

struct points {
    int tuples[MOST_POINTS][N_AXES], seeds[MOST_POINTS];
    int n, n_grid, n_excluded, n_included;
};

static uint32_t below(const struct random_key *key, uint32_t *element, uint32_t n)
{
    return random_below(key, (*element)++, n);
}

static void make_axes(const struct random_key *key, uint32_t *element, struct model *model)
{
    int32_t order[N_AXES], values[4];
    struct random_key shuffle = *key;

    for (int i = 0; i < N_AXES; i++)
        order[i] = i;
    shuffle.layer = 1;
    random_shuffle(&shuffle, order, N_AXES);
    for (int i = 0; i < N_AXES; i++) {
        model->order[i] = order[i];
        model->n_values[i] = 1 + (int)below(key, element, MOST_VALUES);
        for (int k = 0; k < 4; k++)
            values[k] = k;
        shuffle.layer = 2 + (uint32_t)i;
        random_shuffle(&shuffle, values, 4);
        for (int k = 0; k < model->n_values[i]; k++)
            model->values[i][k] = values[k];
    }
}

static void make_relations(const struct random_key *key, uint32_t *element, struct model *model)
{
    int a = (int)below(key, element, N_AXES), b = (int)below(key, element, N_AXES);

    model->zip[0] = -1;
    if (a != b && model->n_values[a] == model->n_values[b]) {
        model->zip[0] = a;
        model->zip[1] = b;
    }
    model->n_excludes = (int)below(key, element, MOST_MATCHES + 1);
    for (int i = 0; i < model->n_excludes; i++) {
        int always = (int)below(key, element, N_AXES);
        for (int k = 0; k < N_AXES; k++)
            model->excludes[i][k] =
                k == always || below(key, element, 3) == 0 ? (int)below(key, element, 4) : -1;
    }
    model->n_includes = (int)below(key, element, MOST_MATCHES);
    for (int i = 0; i < model->n_includes; i++)
        for (int k = 0; k < N_AXES; k++)
            model->includes[i][k] = (int)below(key, element, 4);
    for (int i = 0; i < N_CONDITIONS; i++)
        model->has_condition[i] = below(key, element, 3) == 0;
    if (model->has_condition[0]) /* one condition an axis */
        model->has_condition[1] = false;
    model->n_seeds = 1 + (int)below(key, element, 2);
}

/* ---- as text ---- */

static void print_tuple(const int tuple[N_AXES], struct text *out)
{
    bool is_first = true;

    for (int i = 0; i < N_AXES; i++) {
        if (tuple[i] < 0)
            continue;
        text_append(out, "%s%s: %s", is_first ? "{" : ", ", axes[i].name, axes[i].values[tuple[i]]);
        is_first = false;
    }
    text_append(out, "}");
}

static void print_model(const struct model *model, struct text *out)
{
    text_append(out, "config:\n  model: {arch: resnet20, weights: w.th}\n"
                     "  data: {path: d, mean: published, std: published}\nparameters:\n");
    for (int k = 0; k < N_AXES; k++) {
        int i = model->order[k];
        text_append(out, "  %s: [", axes[i].name);
        for (int v = 0; v < model->n_values[i]; v++)
            text_append(out, "%s%s", v > 0 ? ", " : "", axes[i].values[model->values[i][v]]);
        text_append(out, "]\n");
    }
    if (model->zip[0] >= 0)
        text_append(out, "zip: [[%s, %s]]\n", axes[model->zip[0]].name, axes[model->zip[1]].name);
    text_append(out, "when:\n");
    for (int i = 0; i < N_CONDITIONS; i++)
        if (model->has_condition[i])
            text_append(out, "  %s: \"%s\"\n", axes[conditions[i].axis].name, conditions[i].text);
    for (int i = 0; i < model->n_excludes; i++) {
        text_append(out, "%s", i == 0 ? "exclude:\n- " : "- ");
        print_tuple(model->excludes[i], out);
        text_append(out, "\n");
    }
    for (int i = 0; i < model->n_includes; i++) {
        text_append(out, "%s", i == 0 ? "include:\n- " : "- ");
        print_tuple(model->includes[i], out);
        text_append(out, "\n");
    }
    text_append(out, "seeds: %d\n", model->n_seeds);
}

/* ---- the obvious way ---- */

static bool is_excluded(const struct model *model, const int tuple[N_AXES])
{
    for (int i = 0; i < model->n_excludes; i++) {
        bool is_hit = true;
        for (int k = 0; k < N_AXES; k++)
            is_hit = is_hit && (model->excludes[i][k] < 0 || model->excludes[i][k] == tuple[k]);
        if (is_hit)
            return true;
    }
    return false;
}

/* EPOCHS may decide RANK and be decided itself: conditions are applied in this order. */
static void apply_conditions(const struct model *model, int tuple[N_AXES])
{
    static const int order[N_CONDITIONS] = {3, 0, 1, 2};

    for (int k = 0; k < N_CONDITIONS; k++) {
        const struct condition *condition = &conditions[order[k]];
        if (model->has_condition[order[k]] && !holds(condition, tuple))
            tuple[condition->axis] = axes[condition->axis].standard;
    }
}

static void put(struct points *points, const int tuple[N_AXES], int seed)
{
    assert_in_range(points->n, 0, MOST_POINTS - 1);
    memcpy(points->tuples[points->n], tuple, N_AXES * sizeof(int));
    points->seeds[points->n++] = seed;
}

static void enumerate(const struct model *model, int place, int tuple[N_AXES],
                      struct points *points)
{
    int changed[N_AXES];

    if (place < N_AXES) {
        int axis = model->order[place];
        int other = axis == model->zip[0]   ? model->zip[1]
                    : axis == model->zip[1] ? model->zip[0]
                                            : -1;
        bool is_done = false; /* the other of the pair was declared before and chose for both */
        for (int k = 0; model->zip[0] >= 0 && k < place; k++)
            is_done = is_done || model->order[k] == other;
        if (is_done && other >= 0) {
            enumerate(model, place + 1, tuple, points);
            return;
        }
        for (int v = 0; v < model->n_values[axis]; v++) {
            tuple[axis] = model->values[axis][v];
            if (model->zip[0] >= 0 && other >= 0)
                tuple[other] = model->values[other][v];
            enumerate(model, place + 1, tuple, points);
        }
        return;
    }
    for (int seed = 0; seed < model->n_seeds; seed++) {
        memcpy(changed, tuple, sizeof changed);
        apply_conditions(model, changed);
        points->n_grid++;
        if (is_excluded(model, tuple)) /* before conditions: of what was listed */
            points->n_excluded++;
        else
            put(points, changed, seed);
    }
}

static void model_points(const struct model *model, struct points *points)
{
    int tuple[N_AXES];

    *points = (struct points){.n = 0};
    enumerate(model, 0, tuple, points);
    for (int i = 0; i < model->n_includes; i++)
        for (int seed = 0; seed < model->n_seeds; seed++) {
            put(points, model->includes[i], seed);
            points->n_included++;
        }
}

/* ---- compared ---- */

static bool is_same_value(const struct settings *settings, int axis, int value)
{
    const char *text = axes[axis].values[value];

    switch (axis) {
    case METHOD:
        return strcmp(settings->unlearn.method, text) == 0;
    case SPARSITY:
        return settings->prune.sparsity == strtod(text, NULL);
    case RANK:
        return settings->lora.rank == strtol(text, NULL, 10);
    case EPOCHS:
        return settings->train.epochs == strtol(text, NULL, 10);
    default:
        return settings->forget.class_index == strtol(text, NULL, 10);
    }
}

/* A run stands for every point that its method cannot tell apart from it. */
static bool is_same_point(const struct run *run, const int tuple[N_AXES], int seed)
{
    unsigned reads = method_reads(method_find(run->settings.unlearn.method));
    bool is_same = (reads & GROUP_SEED) == 0 || run->settings.seed == seed;

    for (int i = 0; i < N_AXES; i++)
        if ((reads & axes[i].group) != 0)
            is_same = is_same && is_same_value(&run->settings, i, tuple[i]);
    return is_same;
}

/* Runs of the model: points that the methods can tell apart. */
static int64_t count_different(const struct points *points)
{
    int64_t n = 0;

    for (int i = 0; i < points->n; i++) {
        unsigned reads = method_reads(method_find(axes[METHOD].values[points->tuples[i][METHOD]]));
        bool is_new = true;
        for (int k = 0; k < i && is_new; k++) {
            bool is_same = (reads & GROUP_SEED) == 0 || points->seeds[i] == points->seeds[k];
            is_same = is_same && points->tuples[i][METHOD] == points->tuples[k][METHOD];
            for (int a = 0; a < N_AXES; a++)
                if ((reads & axes[a].group) != 0)
                    is_same = is_same && points->tuples[i][a] == points->tuples[k][a];
            is_new = !is_same;
        }
        n += is_new;
    }
    return n;
}

static void compare(const struct sweep *sweep, const struct points *points, const char *yaml)
{
    bool is_same = sweep->n_points == points->n && sweep->n_grid == points->n_grid &&
                   sweep->n_excluded == points->n_excluded &&
                   sweep->n_included == points->n_included &&
                   sweep->n_runs == count_different(points);

    for (int i = 0; is_same && i < points->n; i++)
        is_same =
            is_same_point(&sweep->runs[sweep->points[i]], points->tuples[i], points->seeds[i]);
    if (!is_same)
        fail_msg("not what the model says:\n%s", yaml);
}

static void test_random_sweeps(void **state)
{
    enum { N = 400 };
    static struct points points;
    int n_good = 0, n_zipped = 0, n_excluded = 0;

    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        const struct random_key key = {.seed = 7, .purpose = RANDOM_SYNTHESIS, .sample = i};
        uint32_t element = 0;
        struct model model = {.n_seeds = 1};
        struct text yaml = {0};
        make_axes(&key, &element, &model);
        make_relations(&key, &element, &model);
        model_points(&model, &points);
        print_model(&model, &yaml);
        struct loaded loaded = load_text(text_value(&yaml), NULL);
        if (points.n == 0) {
            assert_non_null(strstr(text_value(&loaded.diagnostics), "every point is excluded"));
        } else if (loaded.status != STATUS_OK) {
            fail_msg("%s\n%s", text_value(&loaded.diagnostics), text_value(&yaml));
        } else {
            compare(loaded.sweep, &points, text_value(&yaml));
            n_good++;
            n_zipped += model.zip[0] >= 0;
            n_excluded += points.n_excluded > 0;
        }
        loaded_release(&loaded);
        text_release(&yaml);
    }
    assert_in_range(n_good, N * 9 / 10, N); /* the sweeps are no empty ones */
    assert_in_range(n_zipped, N / 20, N);
    assert_in_range(n_excluded, N / 5, N);
}

/* ---- identities ---- */

static const char *const spellings[][3] = {
    {"  prune.sparsity: 0.25\n", "  prune.sparsity: 2.5e-1\n", "  prune: {sparsity: .25}\n"},
    {"  lora.alpha: 1\n", "  lora.alpha: 1.0\n", "  lora.alpha: 1e0\n"},
    {"  train.lr: 0.001\n", "  train.lr: 1e-3\n", "  train.lr: 1.000E-03\n"},
    {"  train.epochs: 17\n", "  train.epochs: 0x11\n", "  train.epochs: +17\n"},
    {"  lora.rank: 8\n", "  lora: {rank: 8}\n", "  'lora.rank': 8\n"},
    {"  train.augment: true\n", "  train.augment: True\n", "  train: {augment: TRUE}\n"},
    {"  train.optimizer: sgd\n", "  train.optimizer: 'sgd'\n", "  'train.optimizer': sgd\n"},
};
enum { N_SPELLINGS = sizeof spellings / sizeof *spellings };

/* Any order of keys, any spelling of values, any comments: the same ids. */
static void test_spelling(void **state)
{
    static const char head[] = "config:\n  model: {arch: resnet20, weights: w.th}\n"
                               "  data: {path: d, mean: published, std: published}\n";
    static const char tail[] = "parameters:\n  unlearn.method: [finetune, prune_lora]\n"
                               "  forget.class: [1, 2]\n";
    char *first = NULL;

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        const struct random_key key = {.seed = 9, .purpose = RANDOM_SYNTHESIS, .sample = i};
        int32_t order[N_SPELLINGS];
        struct text yaml = {0};
        text_append(&yaml, "%s", head);
        for (int k = 0; k < N_SPELLINGS; k++)
            order[k] = k;
        random_shuffle(&key, order, N_SPELLINGS);
        for (int k = 0; k < N_SPELLINGS; k++)
            text_append(&yaml, "%s%s",
                        spellings[order[k]][random_below(&key, 100 + (uint32_t)k, 3)],
                        random_below(&key, 200 + (uint32_t)k, 2) == 0 ? "" : "  # words\n\n");
        text_append(&yaml, "%s", tail);
        char *ids = ids_of(text_value(&yaml), NULL);
        if (first == NULL)
            first = strdup(ids);
        if (strcmp(ids, first) != 0)
            fail_msg("other ids:\n%s", text_value(&yaml));
        free(ids);
        text_release(&yaml);
    }
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sweeps),
        cmocka_unit_test(test_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
