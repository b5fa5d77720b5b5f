/* One value into struct settings: type and range are checked here and nowhere else. */
#include "config/settings_table.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct reading {
    const struct setting_reader *reader;
    const struct setting *setting;
    const struct tree *value;
};

__attribute__((format(printf, 3, 4))) static bool refuse(const struct reading *reading,
                                                         const char *hint, const char *format, ...)
{
    char message[512];
    va_list arguments;

    if (reading->reader->diagnostics == NULL)
        return false;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diagnostics_error(reading->reader->diagnostics, &reading->value->at, hint, "'%s' %s",
                      reading->setting->name, message);
    return false;
}

static bool refuse_type(const struct reading *reading, const char *wanted)
{
    const struct tree *value = reading->value;
    bool is_numbers = reading->setting->kind == SETTING_NORMALISATION;
    const char *hint = is_numbers                 ? "a list is written [a, b, c]"
                       : value->kind == TREE_LIST ? "several values go under 'parameters'"
                                                  : NULL;

    return refuse(reading, hint, "expects %s, got %s", wanted,
                  tree_describe(reading->reader->arena, value));
}

static bool check_range(const struct reading *reading, double number)
{
    const struct setting *setting = reading->setting;
    bool is_below =
        setting->is_maximum_open ? number < setting->maximum : number <= setting->maximum;
    char least[32], most[32];

    if (number >= setting->minimum && is_below)
        return true;
    return refuse(reading, NULL, "must be in [%s, %s%c, got %s",
                  text_from_double(setting->minimum, least),
                  text_from_double(setting->maximum, most), setting->is_maximum_open ? ')' : ']',
                  reading->value->text);
}

static bool is_number(const struct tree *tree)
{
    return tree->kind == TREE_INTEGER || tree->kind == TREE_FLOAT;
}

/* "an integer", "an integer or auto" */
static const char *wanted_integer(const struct reading *reading)
{
    const char *word = reading->setting->word, *wanted = NULL;

    if (word != NULL)
        wanted = arena_format(reading->reader->arena, "an integer or %s", word);
    return wanted != NULL ? wanted : "an integer";
}

static bool read_integer(const struct reading *reading, void *out)
{
    const char *word = reading->setting->word;

    if (word != NULL && reading->value->kind == TREE_TEXT &&
        strcmp(reading->value->text, word) == 0) {
        *(int64_t *)out = -1;
        return true;
    }
    if (reading->value->kind != TREE_INTEGER)
        return refuse_type(reading, wanted_integer(reading));
    bool is_word = word != NULL && reading->value->integer == -1; /* as it is printed */
    if (!is_word && !check_range(reading, reading->value->number))
        return false;
    *(int64_t *)out = reading->value->integer;
    return true;
}

static bool read_number(const struct reading *reading, void *out)
{
    if (!is_number(reading->value) || !isfinite(reading->value->number))
        return refuse_type(reading, "a number");
    if (!check_range(reading, reading->value->number))
        return false;
    *(double *)out = reading->value->number + 0.0; /* −0 is 0 */
    return true;
}

/* Below 1 a share, from 1 whole. */
static bool read_amount(const struct reading *reading, void *out)
{
    double number = 0;

    if (!read_number(reading, &number))
        return false;
    if (number > 1 && number != rint(number))
        return refuse(reading, NULL, "expects a share below 1 or a whole number, got %s",
                      reading->value->text);
    *(double *)out = number;
    return true;
}

/* Index of one of YAML 1.1's words for true (even) and false, or −1. */
static int old_boolean(const struct tree *value)
{
    static const char *const old_words[] = {"yes", "no", "on", "off", NULL};

    for (int i = 0; value->kind == TREE_TEXT && old_words[i] != NULL; i++)
        if (strcasecmp(value->text, old_words[i]) == 0)
            return i;
    return -1;
}

static bool is_boolean(const struct tree *value)
{
    return value->kind == TREE_BOOL || old_boolean(value) >= 0;
}

static bool read_bool(const struct reading *reading, void *out)
{
    const struct tree *value = reading->value;

    if (!is_boolean(value))
        return refuse_type(reading, "true or false");
    bool is_true = value->kind == TREE_BOOL ? value->boolean : old_boolean(value) % 2 == 0;
    *(bool *)out = is_true;
    if (value->kind != TREE_BOOL && reading->reader->diagnostics != NULL)
        diagnostics_warning(reading->reader->diagnostics, &value->at,
                            "yes, no, on and off are text in YAML 1.2",
                            "'%s' is '%s', taken as %s: write %s", reading->setting->name,
                            value->text, is_true ? "true" : "false", is_true ? "true" : "false");
    return true;
}

/* Index of the value among names, or −1 after a diagnostic. */
static int read_name(const struct reading *reading, const char *const *names)
{
    const struct tree *value = reading->value;
    struct arena *arena = reading->reader->arena;

    for (int i = 0; tree_is_scalar(value) && names[i] != NULL; i++)
        if (strcmp(names[i], value->text) == 0)
            return i;
    const char *near = value->kind == TREE_TEXT ? did_you_mean(arena, value->text, names) : NULL;
    (void)refuse(reading, near != NULL ? near : reading->setting->limit,
                 "must be one of %s; got %s", names_joined(arena, names),
                 tree_describe(arena, value));
    return -1;
}

static bool read_enum(const struct reading *reading, void *out)
{
    int index = read_name(reading, reading->setting->names);

    if (index < 0)
        return false;
    memcpy(out, &index, sizeof index); /* every enum of settings is an int */
    return true;
}

static bool read_switch(const struct reading *reading, void *out)
{
    const char *const *names = reading->setting->names;
    bool is_on = false;
    int last = 0;

    if (!is_boolean(reading->value))
        return read_enum(reading, out);
    if (!read_bool(reading, &is_on))
        return false;
    while (names[last + 1] != NULL)
        last++;
    last = is_on ? last : 0;
    memcpy(out, &last, sizeof last);
    return true;
}

static bool read_text(const struct reading *reading, void *out)
{
    const struct tree *value = reading->value;

    if (value->kind != TREE_TEXT)
        return refuse_type(reading, "text");
    *(const char **)out = value->text;
    return true;
}

static bool read_regex(const struct reading *reading, void *out)
{
    regex_t regex;
    char reason[128];

    if (!read_text(reading, out))
        return false;
    if (reading->reader->is_again)
        return true;
    int code = regcomp(&regex, reading->value->text, REG_EXTENDED | REG_NOSUB);
    if (code == 0) {
        regfree(&regex);
        return true;
    }
    regerror(code, &regex, reason, sizeof reason);
    return refuse(reading, NULL, "is not a regular expression: %s", reason);
}

static bool read_choice(const struct reading *reading, const char *const *names, void *out)
{
    if (names == NULL)
        return read_text(reading, out);
    int index = read_name(reading, names);
    if (index < 0)
        return false;
    *(const char **)out = names[index];
    return true;
}

static bool read_duration(const struct reading *reading, void *out)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    const struct tree *value = reading->value;
    char digits[32];
    double number = 0;

    if (is_number(value))
        return read_number(reading, out);
    size_t length = value->kind == TREE_TEXT ? strlen(value->text) : 0;
    if (length < 2 || length >= sizeof digits)
        return refuse_type(reading, "a time such as 90, 90s, 5m or 1h");
    memcpy(digits, value->text, length - 1);
    digits[length - 1] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (value->text[length - 1] != units[i].letter || !text_to_double(digits, &number))
            continue;
        if (!isfinite(number) || !check_range(reading, number * units[i].seconds))
            return false;
        *(double *)out = number * units[i].seconds;
        return true;
    }
    return refuse_type(reading, "a time such as 90, 90s, 5m or 1h");
}

static bool read_normalisation(const struct reading *reading, void *out)
{
    const char *wanted = "base, published or three numbers";
    struct normalisation given = {.kind = NORMALISATION_GIVEN};
    const struct tree *value = reading->value;

    if (value->kind == TREE_TEXT && strcmp(value->text, "base") == 0) {
        *(struct normalisation *)out = (struct normalisation){.kind = NORMALISATION_BASE};
        return true;
    }
    if (value->kind == TREE_TEXT && strcmp(value->text, "published") == 0) {
        *(struct normalisation *)out = (struct normalisation){.kind = NORMALISATION_PUBLISHED};
        return true;
    }
    if (value->kind != TREE_LIST || value->n != 3)
        return refuse_type(reading, value->kind == TREE_LIST ? "exactly three numbers" : wanted);
    for (int i = 0; i < 3; i++) {
        struct reading item = {reading->reader, reading->setting, value->items[i]};
        if (!read_number(&item, &given.values[i]))
            return false;
    }
    *(struct normalisation *)out = given;
    return true;
}

static bool read_epochs(const struct reading *reading, void *out)
{
    struct recipe *recipe = out;
    const struct tree *value = reading->value;
    int64_t epochs[MAX_MILESTONES] = {0};

    if (value->kind != TREE_LIST)
        return refuse_type(reading, "a list of epochs");
    if (value->n > MAX_MILESTONES)
        return refuse(reading, NULL, "has %lld epochs, but at most %d are allowed",
                      (long long)value->n, MAX_MILESTONES);
    for (int64_t i = 0; i < value->n; i++) {
        struct reading item = {reading->reader, reading->setting, value->items[i]};
        if (!read_integer(&item, &epochs[i]))
            return false;
        if (i > 0 && epochs[i] <= epochs[i - 1])
            return refuse(&item, NULL, "must increase, but %lld follows %lld", (long long)epochs[i],
                          (long long)epochs[i - 1]);
    }
    memcpy(recipe->milestones, epochs, sizeof epochs);
    recipe->n_milestones = value->n;
    return true;
}

static bool read_classes(const struct reading *reading, void *out)
{
    struct small_set classes = {{0}};
    const struct tree *value = reading->value;

    if (value->kind != TREE_LIST)
        return refuse(reading, "write [1, 3]; under 'parameters', [[1, 3], [2, 4]]",
                      "expects a list of classes, got %s",
                      tree_describe(reading->reader->arena, value));
    for (int64_t i = 0; i < value->n; i++) {
        struct reading item = {reading->reader, reading->setting, value->items[i]};
        int64_t class = 0;
        if (!read_integer(&item, &class))
            return false;
        if (small_set_has(&classes, class))
            return refuse(&item, NULL, "names class %lld twice", (long long)class);
        small_set_add(&classes, class);
    }
    *(struct small_set *)out = classes;
    return true;
}

static bool read_attacks(const struct reading *reading, void *out)
{
    const struct tree *value = reading->value;
    struct attack_list attacks = {0};
    int64_t n = value->kind == TREE_LIST ? value->n : 1;

    if (n == 0)
        return refuse(reading, NULL, "expects at least one of %s",
                      names_joined(reading->reader->arena, attack_names));
    for (int64_t i = 0; i < n; i++) {
        struct reading item = {reading->reader, reading->setting,
                               value->kind == TREE_LIST ? value->items[i] : value};
        int index = read_name(&item, attack_names);
        if (index < 0)
            return false;
        if (!attack_list_add(&attacks, (enum attack_kind)index))
            return refuse(&item, NULL, "names %s twice", attack_names[index]);
    }
    memcpy(out, &attacks, sizeof attacks);
    return true;
}

bool setting_read(const struct setting_reader *reader, const struct setting *setting,
                  const struct tree *value, struct settings *out)
{
    const struct reading reading = {reader, setting, value};
    void *member = (char *)out + setting->offset;

    if (value->kind == TREE_NULL)
        return refuse(&reading, NULL, "has no value");
    if (value->kind == TREE_TEXT && strstr(value->text, "${") != NULL)
        return refuse(&reading, NULL, "cannot hold an expression '${…}' here");
    switch (setting->kind) {
    case SETTING_INTEGER:
        return read_integer(&reading, member);
    case SETTING_NUMBER:
        return read_number(&reading, member);
    case SETTING_AMOUNT:
        return read_amount(&reading, member);
    case SETTING_BOOL:
        return read_bool(&reading, member);
    case SETTING_ENUM:
        return read_enum(&reading, member);
    case SETTING_SWITCH:
        return read_switch(&reading, member);
    case SETTING_CHOICE:
        return read_choice(&reading, setting->names, member);
    case SETTING_ARCHITECTURE:
        return read_choice(&reading, reader->architectures, member);
    case SETTING_METHOD:
        return read_choice(&reading, reader->methods, member);
    case SETTING_TEXT:
        return read_text(&reading, member);
    case SETTING_REGEX:
        return read_regex(&reading, member);
    case SETTING_DURATION:
        return read_duration(&reading, member);
    case SETTING_NORMALISATION:
        return read_normalisation(&reading, member);
    case SETTING_EPOCHS:
        return read_epochs(&reading, member);
    case SETTING_CLASSES:
        return read_classes(&reading, member);
    case SETTING_ATTACKS:
        return read_attacks(&reading, member);
    }
    return false;
}
