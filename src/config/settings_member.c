/* One setting of struct settings moved and compared without knowing its type. */
#include "config/settings_table.h"

#include <string.h>

static size_t member_bytes(const struct setting *setting)
{
    switch (setting->kind) {
    case SETTING_INTEGER:
        return sizeof(int64_t);
    case SETTING_NUMBER:
    case SETTING_AMOUNT:
    case SETTING_DURATION:
        return sizeof(double);
    case SETTING_BOOL:
        return sizeof(bool);
    case SETTING_ENUM:
    case SETTING_SWITCH:
        return sizeof(int);
    case SETTING_CLASSES:
        return sizeof(struct small_set);
    case SETTING_NORMALISATION:
        return sizeof(struct normalisation);
    case SETTING_CHOICE:
    case SETTING_ARCHITECTURE:
    case SETTING_METHOD:
    case SETTING_TEXT:
    case SETTING_REGEX:
        return sizeof(const char *);
    case SETTING_ATTACKS:
        return sizeof(struct attack_list);
    case SETTING_EPOCHS:
        break;
    }
    return 0;
}

void setting_copy(const struct setting *setting, const struct settings *from, struct settings *to)
{
    const void *source = (const char *)from + setting->offset;
    void *target = (char *)to + setting->offset;

    if (setting->kind == SETTING_EPOCHS) {
        const struct recipe *recipe = source;
        struct recipe *changed = target;
        memcpy(changed->milestones, recipe->milestones, sizeof changed->milestones);
        changed->n_milestones = recipe->n_milestones;
        return;
    }
    memcpy(target, source, member_bytes(setting));
}

size_t setting_bytes(const struct setting *setting, const struct settings *settings,
                     unsigned char out[SETTING_MOST_BYTES])
{
    const void *member = (const char *)settings + setting->offset;
    const struct recipe *recipe = member;
    size_t n = member_bytes(setting);

    if (setting->kind != SETTING_EPOCHS) {
        memcpy(out, member, n);
        return n;
    }
    n = (size_t)recipe->n_milestones * sizeof *recipe->milestones;
    memcpy(out, recipe->milestones, n);
    return n;
}

static bool is_same_normalisation(const struct normalisation *a, const struct normalisation *b)
{
    bool is_same = a->kind == b->kind;

    for (int i = 0; a->kind == NORMALISATION_GIVEN && i < 3; i++)
        is_same = is_same && a->values[i] == b->values[i];
    return is_same;
}

static bool is_same_epochs(const struct recipe *a, const struct recipe *b)
{
    bool is_same = a->n_milestones == b->n_milestones;

    for (int64_t i = 0; is_same && i < a->n_milestones; i++)
        is_same = a->milestones[i] == b->milestones[i];
    return is_same;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool setting_is_same(const struct setting *setting, const struct settings *a,
                     const struct settings *b)
{
    const void *left = (const char *)a + setting->offset,
               *right = (const char *)b + setting->offset;

    switch (setting->kind) {
    case SETTING_NUMBER:
    case SETTING_AMOUNT:
    case SETTING_DURATION:
        return *(const double *)left == *(const double *)right;
    case SETTING_NORMALISATION:
        return is_same_normalisation(left, right);
    case SETTING_EPOCHS:
        return is_same_epochs(left, right);
    case SETTING_CHOICE:
    case SETTING_ARCHITECTURE:
    case SETTING_METHOD:
    case SETTING_TEXT:
    case SETTING_REGEX:
        return is_same_text(*(const char *const *)left, *(const char *const *)right);
    case SETTING_INTEGER:
    case SETTING_BOOL:
    case SETTING_ENUM:
    case SETTING_SWITCH:
    case SETTING_ATTACKS:
    case SETTING_CLASSES:
        break;
    }
    return memcmp(left, right, member_bytes(setting)) == 0;
}

bool attack_list_add(struct attack_list *list, enum attack_kind kind)
{
    int place = list->n;

    for (int i = 0; i < list->n; i++)
        if (list->items[i] == kind)
            return false;
    for (; place > 1 && list->items[place - 1] > kind; place--)
        list->items[place] = list->items[place - 1];
    list->items[place] = kind;
    list->n++;
    return true;
}
