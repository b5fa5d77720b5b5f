/* One parameter: values, a constant, a range, or a distribution under the names that Weights &
 * Biases gives them. */
#include "sweep/spec/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_VALUES = 100000 };

/* Keys of a parameter's map, as bits. */
enum key {
    KEY_VALUES = 1 << 0,
    KEY_VALUE = 1 << 1,
    KEY_RANGE = 1 << 2,
    KEY_DISTRIBUTION = 1 << 3,
    KEY_MIN = 1 << 4,
    KEY_MAX = 1 << 5,
    KEY_MU = 1 << 6,
    KEY_SIGMA = 1 << 7,
    KEY_Q = 1 << 8,
    KEY_PROBABILITIES = 1 << 9,
};
enum { N_KEYS = 10, BOUNDS = KEY_MIN | KEY_MAX, BELL = KEY_MU | KEY_SIGMA };
static const char *const key_names[N_KEYS + 1] = {
    "values", "value", "range", "distribution",  "min", "max",
    "mu",     "sigma", "q",     "probabilities", NULL};

/* What a map may be: written, or found from its keys. */
static const struct form {
    const char *name;
    unsigned wants, allows;
    enum draw_kind kind;
} forms[] = {
    {"categorical", KEY_VALUES, KEY_PROBABILITIES, DRAW_CATEGORICAL},
    {"constant", KEY_VALUE, 0, DRAW_CATEGORICAL},
    {"range", KEY_RANGE, 0, DRAW_CATEGORICAL},
    {"int_uniform", BOUNDS, 0, DRAW_INT_UNIFORM},
    {"uniform", BOUNDS, 0, DRAW_UNIFORM},
    {"q_uniform", BOUNDS | KEY_Q, 0, DRAW_UNIFORM},
    {"log_uniform_values", BOUNDS, 0, DRAW_LOG_UNIFORM},
    {"q_log_uniform_values", BOUNDS | KEY_Q, 0, DRAW_LOG_UNIFORM},
    {"normal", BELL, 0, DRAW_NORMAL},
    {"q_normal", BELL | KEY_Q, 0, DRAW_NORMAL},
    {"log_normal", BELL, 0, DRAW_LOG_NORMAL},
    {"q_log_normal", BELL | KEY_Q, 0, DRAW_LOG_NORMAL},
};
enum { N_FORMS = sizeof forms / sizeof *forms, FORM_RANGE = 2, FORM_INT = 3, FORM_UNIFORM = 4 };

struct axis { /* a parameter under way */
    struct spec *spec;
    int setting;
    const char *name;
    const struct tree_entry *entry; /* "lora.rank: …" */
    const struct tree *map;         /* its value, when a map */
    unsigned keys;                  /* those it has */
};

static enum status assign(const struct axis *axis, struct tree *const *items, int64_t n,
                          bool is_axis)
{
    return spec_assign(axis->spec, &(struct slot_values){.setting = axis->setting,
                                                         .is_axis = is_axis,
                                                         .at = axis->entry->at,
                                                         .items = items,
                                                         .n = n});
}

/* Keeps the setting from counting as missing on top of the mistake just reported. */
static enum status mark_broken(const struct axis *axis)
{
    return assign(axis, NULL, 0, true);
}

static const struct tree *member(const struct axis *axis, enum key key)
{
    for (int i = 0; i < N_KEYS; i++)
        if ((unsigned)key == 1u << i)
            return tree_member(axis->map, key_names[i]);
    return NULL;
}

/* ---- lists ---- */

static bool check_list(const struct axis *axis, const struct tree *values)
{
    struct diagnostics *diagnostics = axis->spec->diagnostics;

    if (values->kind != TREE_LIST)
        diagnostics_error(diagnostics, &values->at, "write [ … ]",
                          "the values of '%s' must be a list, got %s", axis->name,
                          tree_describe(axis->spec->arena, values));
    else if (values->n == 0)
        diagnostics_error(diagnostics, &values->at, NULL, "the list of values of '%s' is empty",
                          axis->name);
    return values->kind == TREE_LIST && values->n > 0;
}

static enum status read_values(const struct axis *axis, const struct tree *values)
{
    return check_list(axis, values) ? assign(axis, values->items, values->n, true)
                                    : mark_broken(axis);
}

static bool check_range(const struct axis *axis, const struct tree *range, int64_t *distance)
{
    struct diagnostics *diagnostics = axis->spec->diagnostics;
    bool is_pair = range->kind == TREE_LIST && range->n == 2 &&
                   range->items[0]->kind == TREE_INTEGER && range->items[1]->kind == TREE_INTEGER;

    if (!is_pair)
        diagnostics_error(diagnostics, &range->at, NULL,
                          "'range' of '%s' must be two integers, [first, last]", axis->name);
    else if (__builtin_sub_overflow(range->items[1]->integer, range->items[0]->integer, distance) ||
             *distance >= MOST_VALUES)
        diagnostics_error(diagnostics, &range->at, NULL, "'range' of '%s' has more than %d values",
                          axis->name, MOST_VALUES);
    else if (*distance < 0)
        diagnostics_error(diagnostics, &range->at, NULL,
                          "'range' of '%s' ends before it begins: %s to %s", axis->name,
                          range->items[0]->text, range->items[1]->text);
    else
        return true;
    return false;
}

static enum status read_range(const struct axis *axis, const struct tree *range)
{
    enum status status = STATUS_OK;
    struct tree **items = NULL;
    char number[32];
    int64_t distance = 0;

    if (!check_range(axis, range, &distance))
        return mark_broken(axis);
    TRY_ALLOC(items, ARENA_ARRAY(axis->spec->arena, distance + 1, struct tree *));
    for (int64_t i = 0; i <= distance; i++) {
        snprintf(number, sizeof number, "%lld", (long long)range->items[0]->integer + i);
        TRY(tree_scalar(axis->spec->arena, &range->at, number, false, &items[i]));
    }
    TRY(assign(axis, items, distance + 1, true));
done:
    return status;
}

/* ---- distributions ---- */

static bool is_number(const struct tree *tree)
{
    return (tree->kind == TREE_INTEGER || tree->kind == TREE_FLOAT) && isfinite(tree->number);
}

static bool read_probability(const struct axis *axis, const struct tree *item, double *out)
{
    bool is_share = is_number(item) && item->number >= 0 && item->number <= 1;

    if (!is_share)
        diagnostics_error(axis->spec->diagnostics, &item->at, NULL,
                          "a probability of '%s' must be in [0, 1], got %s", axis->name,
                          tree_describe(axis->spec->arena, item));
    *out = is_share ? item->number : 0;
    return is_share;
}

static enum status read_probabilities(const struct axis *axis, int64_t n_values, const double **out)
{
    enum status status = STATUS_OK;
    struct diagnostics *diagnostics = axis->spec->diagnostics;
    const struct tree *list = member(axis, KEY_PROBABILITIES);
    double *shares = NULL, sum = 0, one = 0;
    bool is_good = true;

    if (list->kind != TREE_LIST || list->n != n_values) {
        diagnostics_error(diagnostics, &list->at, NULL,
                          "'probabilities' of '%s' must be a list of %lld numbers, one per value",
                          axis->name, (long long)n_values);
        return STATUS_OK;
    }
    TRY_ALLOC(shares, ARENA_ARRAY(axis->spec->arena, n_values, double));
    for (int64_t i = 0; i < n_values; i++) {
        is_good = read_probability(axis, list->items[i], &shares[i]) && is_good;
        sum += shares[i];
    }
    if (is_good && fabs(sum - 1) > 1e-6) {
        char number[32];
        snprintf(number, sizeof number, "%.6g", sum);
        diagnostics_error(diagnostics, &list->at, NULL,
                          "'probabilities' of '%s' must sum to 1, got a sum of %s", axis->name,
                          number);
    }
    one = sum > 0 ? sum : 1;
    for (int64_t i = 0; i < n_values; i++)
        shares[i] /= one;
    *out = shares;
done:
    return status;
}

static enum status assign_draw(const struct axis *axis, const struct draw *draw,
                               const struct tree *values)
{
    enum status status = STATUS_OK;
    struct draw *kept = NULL;

    TRY_ALLOC(kept, ARENA_NEW(axis->spec->arena, struct draw));
    *kept = *draw;
    TRY(spec_assign(axis->spec,
                    &(struct slot_values){.setting = axis->setting,
                                          .is_axis = true,
                                          .at = axis->entry->at,
                                          .items = values != NULL ? values->items : NULL,
                                          .n = values != NULL ? values->n : 0,
                                          .draw = kept,
                                          .written = axis->map}));
done:
    return status;
}

static enum status read_categorical(const struct axis *axis)
{
    enum status status = STATUS_OK;
    const struct tree *values = member(axis, KEY_VALUES);
    struct draw draw = {.kind = DRAW_CATEGORICAL};

    if ((axis->keys & KEY_PROBABILITIES) == 0 || !check_list(axis, values))
        return read_values(axis, values);
    TRY(read_probabilities(axis, values->n, &draw.probabilities));
    TRY(assign_draw(axis, &draw, values));
done:
    return status;
}

/* A number of the distribution, from its own key. */
static bool read_number(const struct axis *axis, enum key key, double *out)
{
    const struct tree *value = member(axis, key);
    bool is_given = (axis->keys & key) != 0;
    bool is_good = !is_given || is_number(value);

    if (!is_good)
        diagnostics_error(axis->spec->diagnostics, &value->at, NULL,
                          "the distribution of '%s' expects numbers, got %s", axis->name,
                          tree_describe(axis->spec->arena, value));
    if (is_given && is_good)
        *out = value->number;
    return is_good;
}

static bool refuse(const struct axis *axis, enum key key, const char *message)
{
    diagnostics_error(axis->spec->diagnostics, &member(axis, key)->at, NULL, "%s", message);
    return false;
}

static bool check_numbers(const struct axis *axis, const struct form *form, const struct draw *draw)
{
    bool is_bell = draw->kind == DRAW_NORMAL || draw->kind == DRAW_LOG_NORMAL;

    if (!is_bell && draw->min >= draw->max)
        return refuse(axis, KEY_MAX, "'max' must be above 'min'");
    if (is_bell && draw->sigma <= 0)
        return refuse(axis, KEY_SIGMA, "'sigma' must be above 0");
    if ((form->wants & KEY_Q) != 0 && draw->q <= 0)
        return refuse(axis, KEY_Q, "'q' must be above 0");
    if (draw->kind == DRAW_LOG_UNIFORM && draw->min <= 0)
        return refuse(axis, KEY_MIN, "'min' must be above 0 on a logarithmic scale");
    if (!is_bell && draw->q > 0 && floor(draw->max / draw->q) < ceil(draw->min / draw->q))
        return refuse(axis, KEY_Q, "no multiple of 'q' lies between 'min' and 'max'");
    return true;
}

/* Distributions of numbers go to settings that are numbers, whole ones to integers. */
static bool check_setting(const struct axis *axis, const struct form *form, const struct draw *draw)
{
    const struct setting *setting = setting_at(axis->setting);
    const struct tree *distribution = member(axis, KEY_DISTRIBUTION);
    const struct position *at = distribution != NULL ? &distribution->at : &axis->map->at;
    struct settings scratch = {0};
    bool is_integer = setting->kind == SETTING_INTEGER;
    bool is_whole = form->kind == DRAW_INT_UNIFORM || (draw->q > 0 && draw->q == rint(draw->q));

    if (!is_integer && setting->kind != SETTING_NUMBER) {
        diagnostics_error(axis->spec->diagnostics, at, "list its values",
                          "'%s' is not a number, so it cannot be drawn from %s", axis->name,
                          form->name);
        return false;
    }
    if (is_integer && !is_whole) {
        diagnostics_error(axis->spec->diagnostics, at, "use int_uniform, or q_… with a whole 'q'",
                          "'%s' is an integer, and %s draws fractions", axis->name, form->name);
        return false;
    }
    if ((form->wants & KEY_MIN) == 0)
        return true;
    bool has_min = setting_read(&axis->spec->reader, setting, member(axis, KEY_MIN), &scratch);
    return setting_read(&axis->spec->reader, setting, member(axis, KEY_MAX), &scratch) && has_min;
}

static enum status read_draw(const struct axis *axis, const struct form *form)
{
    struct draw draw = {.kind = form->kind};
    bool is_good = read_number(axis, KEY_MIN, &draw.min);

    is_good = read_number(axis, KEY_MAX, &draw.max) && is_good;
    is_good = read_number(axis, KEY_MU, &draw.mu) && is_good;
    is_good = read_number(axis, KEY_SIGMA, &draw.sigma) && is_good;
    is_good = read_number(axis, KEY_Q, &draw.q) && is_good;
    if (form->kind == DRAW_INT_UNIFORM && is_good &&
        (draw.min != rint(draw.min) || draw.max != rint(draw.max)))
        is_good = refuse(axis, draw.min != rint(draw.min) ? KEY_MIN : KEY_MAX,
                         "int_uniform expects integer bounds");
    is_good = is_good && check_numbers(axis, form, &draw) && check_setting(axis, form, &draw);
    return is_good ? assign_draw(axis, &draw, NULL) : mark_broken(axis);
}

/* ---- which form a map has ---- */

static bool collect_keys(struct axis *axis)
{
    bool is_good = true;

    for (int64_t i = 0; i < axis->map->n; i++) {
        const struct tree_entry *entry = &axis->map->entries[i];
        unsigned key = 0;
        for (int k = 0; k < N_KEYS; k++)
            if (strcmp(key_names[k], entry->key) == 0)
                key = 1u << k;
        axis->keys |= key;
        if (key != 0)
            continue;
        is_good = false;
        diagnostics_error(axis->spec->diagnostics, &entry->at,
                          did_you_mean(axis->spec->arena, entry->key, key_names),
                          "unknown key '%s' of '%s', expected values, value, range or "
                          "distribution",
                          entry->key, axis->name);
    }
    return is_good;
}

/* Distributions of W&B that mean something else than they seem to, or that are not here. */
static const struct form *refuse_form(const struct axis *axis, const struct tree *word)
{
    struct arena *arena = axis->spec->arena;
    const char *names[N_FORMS + 1] = {NULL}, *hint = NULL;
    const struct tree *min = member(axis, KEY_MIN), *max = member(axis, KEY_MAX);
    bool is_exponents =
        strcmp(word->text, "log_uniform") == 0 || strcmp(word->text, "q_log_uniform") == 0;

    for (int i = 0, n = 0; i < N_FORMS; i++)
        if (i != FORM_RANGE)
            names[n++] = forms[i].name;
    if (is_exponents && min != NULL && max != NULL && is_number(min) && is_number(max))
        hint = arena_format(arena, "write %s_values, min: %.3g, max: %.3g", word->text,
                            exp(min->number), exp(max->number));
    if (is_exponents)
        diagnostics_error(axis->spec->diagnostics, &word->at, hint,
                          "'%s' takes the exponents of its bounds, which is easily mistaken; "
                          "%s_values takes the bounds",
                          word->text, word->text);
    else
        diagnostics_error(axis->spec->diagnostics, &word->at,
                          did_you_mean(arena, word->text, names),
                          "unknown distribution '%s', expected one of %s", word->text,
                          names_joined(arena, names));
    return NULL;
}

static const struct form *written_form(const struct axis *axis)
{
    const struct tree *word = member(axis, KEY_DISTRIBUTION);

    if (word->kind != TREE_TEXT) {
        diagnostics_error(axis->spec->diagnostics, &word->at, NULL,
                          "'distribution' expects a name, got %s",
                          tree_describe(axis->spec->arena, word));
        return NULL;
    }
    for (int i = 0; i < N_FORMS; i++)
        if (i != FORM_RANGE && strcmp(forms[i].name, word->text) == 0)
            return &forms[i];
    return refuse_form(axis, word);
}

/* W&B takes whole bounds for integers even where the setting is not: we ask. */
static const struct form *bounds_form(const struct axis *axis)
{
    const struct tree *min = member(axis, KEY_MIN), *max = member(axis, KEY_MAX);
    bool is_whole =
        min != NULL && min->kind == TREE_INTEGER && max != NULL && max->kind == TREE_INTEGER;

    if (is_whole && setting_at(axis->setting)->kind == SETTING_NUMBER) {
        diagnostics_error(
            axis->spec->diagnostics, &axis->map->at, "add distribution: uniform or int_uniform",
            "the bounds of '%s' are integers, but it takes any number: say which are drawn",
            axis->name);
        return NULL;
    }
    return &forms[is_whole ? FORM_INT : FORM_UNIFORM];
}

static const struct form *find_form(const struct axis *axis)
{
    if ((axis->keys & KEY_DISTRIBUTION) != 0)
        return written_form(axis);
    for (int i = 0; i <= FORM_RANGE; i++)
        if ((axis->keys & forms[i].wants) != 0)
            return &forms[i];
    if ((axis->keys & BOUNDS) != 0)
        return bounds_form(axis);
    diagnostics_error(axis->spec->diagnostics, &axis->map->at, NULL,
                      "'%s' needs values, value, range or distribution", axis->name);
    return NULL;
}

/* What the other keys stand beside, for messages. */
static const char *form_label(const struct axis *axis, const struct form *form)
{
    if ((axis->keys & KEY_DISTRIBUTION) != 0 || form->kind != DRAW_CATEGORICAL)
        return form->name;
    return (form->wants & KEY_VALUES) != 0  ? "'values'"
           : (form->wants & KEY_VALUE) != 0 ? "'value'"
                                            : "'range'";
}

static bool check_keys(const struct axis *axis, const struct form *form)
{
    unsigned allowed = form->wants | form->allows | KEY_DISTRIBUTION;
    bool is_good = true;

    for (int k = 0; k < N_KEYS; k++) {
        unsigned key = 1u << k;
        if ((form->wants & ~axis->keys & key) != 0) {
            diagnostics_error(axis->spec->diagnostics, &axis->map->at, NULL,
                              "'%s' lacks '%s', which %s wants", axis->name, key_names[k],
                              form->name);
            is_good = false;
        }
    }
    for (int64_t i = 0; i < axis->map->n; i++) {
        const struct tree_entry *entry = &axis->map->entries[i];
        for (int k = 0; k < N_KEYS; k++) {
            if ((allowed & 1u << k) != 0 || strcmp(key_names[k], entry->key) != 0)
                continue;
            diagnostics_error(axis->spec->diagnostics, &entry->at, NULL,
                              "'%s' of '%s' has no meaning beside %s", entry->key, axis->name,
                              form_label(axis, form));
            is_good = false;
        }
    }
    return is_good;
}

static enum status read_map(struct axis *axis)
{
    axis->map = axis->entry->value;
    bool is_good = collect_keys(axis);
    const struct form *form = is_good ? find_form(axis) : NULL;

    if (form == NULL || !check_keys(axis, form))
        return mark_broken(axis);
    if (form->wants == KEY_VALUES)
        return read_categorical(axis);
    if (form->wants == KEY_VALUE)
        return assign(axis, (struct tree *const[]){(struct tree *)member(axis, KEY_VALUE)}, 1,
                      false);
    if (form->wants == KEY_RANGE)
        return read_range(axis, member(axis, KEY_RANGE));
    return read_draw(axis, form);
}

enum status spec_read_axis(struct spec *spec, int setting, const struct tree_entry *entry)
{
    struct axis axis = {spec, setting, setting_at(setting)->name, entry, NULL, 0};

    if (entry->value->kind == TREE_MAP)
        return read_map(&axis);
    return entry->value->kind == TREE_LIST ? read_values(&axis, entry->value)
                                           : assign(&axis, &entry->value, 1, false);
}
