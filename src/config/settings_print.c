/* One setting's value as text: JSON, which is YAML. */
#include "config/settings_table.h"

#include <string.h>

static void print_number(double number, struct text *out)
{
    char buffer[32];
    text_append(out, "%s", text_from_double(number, buffer));
}

static void print_text(const char *value, struct text *out)
{
    text_append(out, "\"");
    for (; value != NULL && *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '"' || c == '\\')
            text_append(out, "\\%c", c);
        else if (c < 0x20)
            text_append(out, "\\u%04x", c);
        else
            text_append(out, "%c", c);
    }
    text_append(out, "\"");
}

static void print_normalisation(const struct normalisation *normalisation, struct text *out)
{
    if (normalisation->kind != NORMALISATION_GIVEN) {
        print_text(normalisation->kind == NORMALISATION_BASE ? "base" : "published", out);
        return;
    }
    for (int i = 0; i < 3; i++) {
        text_append(out, "%s", i == 0 ? "[" : ", ");
        print_number(normalisation->values[i], out);
    }
    text_append(out, "]");
}

static void print_epochs(const struct recipe *recipe, struct text *out)
{
    text_append(out, "[");
    for (int64_t i = 0; i < recipe->n_milestones; i++)
        text_append(out, "%s%lld", i > 0 ? ", " : "", (long long)recipe->milestones[i]);
    text_append(out, "]");
}

static void print_attacks(const struct attack_list *attacks, struct text *out)
{
    for (int i = 0; i < attacks->n; i++) {
        text_append(out, "%s", i == 0 ? "[" : ", ");
        print_text(attack_names[attacks->items[i]], out);
    }
    text_append(out, "]");
}

static void print_classes(const struct small_set *classes, struct text *out)
{
    const char *separator = "";

    text_append(out, "[");
    for (int class = 0; class < SMALL_SET_LIMIT; class ++) {
        if (!small_set_has(classes, class))
            continue;
        text_append(out, "%s%d", separator, class);
        separator = ", ";
    }
    text_append(out, "]");
}

void setting_print(const struct setting *setting, const struct settings *settings, struct text *out)
{
    const void *member = (const char *)settings + setting->offset;
    int index = 0;

    switch (setting->kind) {
    case SETTING_INTEGER:
        text_append(out, "%lld", (long long)*(const int64_t *)member);
        break;
    case SETTING_NUMBER:
    case SETTING_AMOUNT:
    case SETTING_DURATION:
        print_number(*(const double *)member, out);
        break;
    case SETTING_BOOL:
        text_append(out, "%s", *(const bool *)member ? "true" : "false");
        break;
    case SETTING_ENUM:
    case SETTING_SWITCH:
        memcpy(&index, member, sizeof index);
        print_text(setting->names[index], out);
        break;
    case SETTING_NORMALISATION:
        print_normalisation(member, out);
        break;
    case SETTING_EPOCHS:
        print_epochs(member, out);
        break;
    case SETTING_CLASSES:
        print_classes(member, out);
        break;
    case SETTING_ATTACKS:
        print_attacks(member, out);
        break;
    case SETTING_CHOICE:
    case SETTING_ARCHITECTURE:
    case SETTING_METHOD:
    case SETTING_TEXT:
    case SETTING_REGEX:
        print_text(*(const char *const *)member, out);
        break;
    }
}
