/* Which of forget.class, forget.fraction, … a sweep gives: the last file or the command line that
 * gives one decides, one alone, and forget.kind can only agree. An included point may give another.
 */
#include "sweep/spec/spec.h"

#include "unlearn/forget.h"

#include <string.h>

static int setting_of(enum forget_kind kind)
{
    return setting_find(forget_setting(kind));
}

static struct slot *slot_of(struct spec *spec, const char *name)
{
    return &spec->slots[setting_find(name)];
}

/* What a later layer replaced; its condition stays. */
static void take_back(struct slot *slot)
{
    *slot = (struct slot){.when = slot->when, .condition = slot->condition};
}

static void refuse_two(struct spec *spec, enum forget_kind first, enum forget_kind second,
                       const struct position *at)
{
    diagnostics_error(spec->diagnostics, at, "remove one of them",
                      "'%s' and '%s' are both given, but a run forgets one thing",
                      forget_setting(first), forget_setting(second));
}

static bool is_before(const struct position *a, const struct position *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* The kind that is given, or N_FORGET_KINDS; of two in one layer the one written first. */
static enum forget_kind find_kind(struct spec *spec, int *layer)
{
    enum forget_kind found = N_FORGET_KINDS;

    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++) {
        const struct slot *slot = &spec->slots[setting_of(kind)];
        *layer = slot->layer > *layer ? slot->layer : *layer;
    }
    for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++) {
        struct slot *slot = &spec->slots[setting_of(kind)];
        if (slot->layer > 0 && slot->layer < *layer)
            take_back(slot);
        if (slot->layer == 0)
            continue;
        if (found == N_FORGET_KINDS) {
            found = kind;
            continue;
        }
        const struct slot *other = &spec->slots[setting_of(found)];
        enum forget_kind first = is_before(&slot->at, &other->at) ? kind : found;
        enum forget_kind second = first == kind ? found : kind;
        refuse_two(spec, first, second, &spec->slots[setting_of(second)].at);
        found = first;
    }
    return found;
}

/* ---- forget.kind ---- */

static enum forget_kind read_kind(const struct spec *spec, const struct tree *value)
{
    const struct setting_reader reader = {.arena = spec->arena, .is_again = true};
    struct settings scratch = {0};

    (void)setting_read(&reader, setting_at(setting_find("forget.kind")), value, &scratch);
    return scratch.forget.kind;
}

static void check_agrees(struct spec *spec, const struct tree *written, enum forget_kind given)
{
    enum forget_kind kind = read_kind(spec, written);

    if (kind == given)
        return;
    if (given == N_FORGET_KINDS)
        diagnostics_error(spec->diagnostics, &written->at, NULL,
                          "'forget.kind' is %s, but '%s' is not set", forget_kind_names[kind],
                          forget_setting(kind));
    else
        diagnostics_error(spec->diagnostics, &written->at,
                          "remove it, or give what it says: it follows from what is given",
                          "'forget.kind' is %s, but '%s' is given", forget_kind_names[kind],
                          forget_setting(given));
}

static void check_kind(struct spec *spec, enum forget_kind given)
{
    const struct slot *slot = slot_of(spec, "forget.kind");

    for (int64_t i = 0; i < slot->n_values; i++) {
        if (slot->expressions[i] == NULL)
            check_agrees(spec, slot->values[i], given);
        else
            diagnostics_error(spec->diagnostics, &slot->at, "remove it",
                              "'forget.kind' follows from what is given and cannot be calculated");
    }
}

/* ---- included points ---- */

enum forget_kind match_forget_kind(const struct match *match)
{
    for (int64_t i = 0; i < match->n; i++)
        for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++)
            if (match->values[i].setting == setting_of(kind))
                return kind;
    return N_FORGET_KINDS;
}

static void check_match(struct spec *spec, const struct match *match, enum forget_kind given)
{
    enum forget_kind said = match_forget_kind(match);

    for (int64_t i = 0; i < match->n; i++) {
        const struct match_value *value = &match->values[i];
        for (enum forget_kind kind = 0; kind < N_FORGET_KINDS; kind++)
            if (value->setting == setting_of(kind) && kind != said)
                refuse_two(spec, said, kind, &value->value->at);
        if (value->setting == setting_find("forget.kind"))
            check_agrees(spec, value->value, said != N_FORGET_KINDS ? said : given);
    }
}

/* ---- what only a draw reads ---- */

static void check_within(struct spec *spec, enum forget_kind given, int layer)
{
    struct slot *slot = slot_of(spec, "forget.within");
    bool is_read = given == N_FORGET_KINDS || forget_is_drawn(given);

    for (int64_t i = 0; i < spec->include.n; i++)
        is_read = is_read || forget_is_drawn(match_forget_kind(&spec->include.items[i]));
    if (is_read || slot->layer == 0)
        return;
    if (slot->layer < layer)
        take_back(slot);
    else
        diagnostics_error(spec->diagnostics, &slot->at, "remove it",
                          "'forget.within' is read by 'forget.fraction' and 'forget.count', but "
                          "'%s' is given",
                          forget_setting(given));
}

void spec_check_forget(struct spec *spec)
{
    int layer = 0;
    enum forget_kind given = find_kind(spec, &layer);
    struct slot *kind = slot_of(spec, "forget.kind");

    if (kind->layer > 0 && kind->layer < layer)
        take_back(kind);
    check_kind(spec, given);
    check_within(spec, given, layer);
    for (int64_t i = 0; i < spec->include.n; i++)
        check_match(spec, &spec->include.items[i], given);
}

bool setting_is_other_forget(int setting, enum forget_kind kind)
{
    const char *name = setting_at(setting)->name;
    bool is_drawn = kind != N_FORGET_KINDS && forget_is_drawn(kind);

    if (kind == N_FORGET_KINDS)
        return false;
    for (enum forget_kind other = 0; other < N_FORGET_KINDS; other++)
        if (setting_of(other) == setting)
            return other != kind;
    return !is_drawn && (strcmp(name, "forget.within") == 0 || strcmp(name, "forget.seed") == 0);
}
