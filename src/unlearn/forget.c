/* Settings to a request of the data's split. */
#include "unlearn/forget.h"

#include "base/file.h"

#include <ctype.h>
#include <string.h>

static const char *const settings_of_kinds[N_FORGET_KINDS] = {
    [FORGET_BY_CLASS] = "forget.class",           [FORGET_BY_CLASSES] = "forget.classes",
    [FORGET_BY_SUPERCLASS] = "forget.superclass", [FORGET_BY_FRACTION] = "forget.fraction",
    [FORGET_BY_COUNT] = "forget.count",           [FORGET_BY_INDICES] = "forget.indices",
};

const char *forget_setting(enum forget_kind kind)
{
    return settings_of_kinds[kind];
}

bool forget_is_nothing(const struct settings *settings)
{
    switch (settings->forget.kind) {
    case FORGET_BY_CLASS:
        return settings->forget.class_index < 0;
    case FORGET_BY_CLASSES:
        return small_set_count(&settings->forget.classes) == 0;
    case FORGET_BY_SUPERCLASS:
        return settings->forget.superclass < 0;
    case FORGET_BY_FRACTION:
        return settings->forget.fraction == 0;
    case FORGET_BY_COUNT:
        return settings->forget.count == 0;
    case FORGET_BY_INDICES:
        return settings->forget.indices[0] == '\0';
    case N_FORGET_KINDS:
        break;
    }
    return true;
}

bool forget_is_drawn(enum forget_kind kind)
{
    return kind == FORGET_BY_FRACTION || kind == FORGET_BY_COUNT;
}

struct small_set forget_classes(const struct settings *settings)
{
    struct small_set classes = {{0}};

    if (settings->forget.kind == FORGET_BY_CLASSES)
        return settings->forget.classes;
    if (settings->forget.kind == FORGET_BY_CLASS && settings->forget.class_index >= 0)
        small_set_add(&classes, settings->forget.class_index);
    return classes;
}

void forget_keep(enum forget_kind kind, const struct settings *defaults, struct settings *settings)
{
    const struct settings given = *settings;

    settings->forget = defaults->forget;
    settings->forget.kind = kind;
    switch (kind) {
    case FORGET_BY_CLASS:
        settings->forget.class_index = given.forget.class_index;
        break;
    case FORGET_BY_CLASSES:
        settings->forget.classes = given.forget.classes;
        break;
    case FORGET_BY_SUPERCLASS:
        settings->forget.superclass = given.forget.superclass;
        break;
    case FORGET_BY_FRACTION:
        settings->forget.fraction = given.forget.fraction;
        break;
    case FORGET_BY_COUNT:
        settings->forget.count = given.forget.count;
        break;
    case FORGET_BY_INDICES:
        settings->forget.indices = given.forget.indices;
        break;
    case N_FORGET_KINDS:
        break;
    }
    if (!forget_is_drawn(kind))
        return;
    settings->forget.within = given.forget.within;
    settings->forget.seed = given.forget.seed;
}

static void print_classes(const struct small_set *classes, struct text *out)
{
    const char *separator = "c";

    for (int class = 0; class < SMALL_SET_LIMIT; class ++) {
        if (!small_set_has(classes, class))
            continue;
        text_append(out, "%s%d", separator, class);
        separator = "+";
    }
}

/* The file's name without its end, as far as names of runs can have it. */
static void print_file(const char *path, struct text *out)
{
    enum { LONGEST = 24 };
    const char *name = path_base(path), *dot = strrchr(name, '.');
    size_t length = dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name);

    text_append(out, "i-");
    for (size_t i = 0; i < length && i < LONGEST; i++)
        text_append(out, "%c", isalnum((unsigned char)name[i]) ? name[i] : '_');
}

void forget_print(const struct settings *settings, struct text *out)
{
    const struct small_set classes = forget_classes(settings);
    char number[32];

    if (forget_is_nothing(settings))
        return;
    switch (settings->forget.kind) {
    case FORGET_BY_CLASS:
    case FORGET_BY_CLASSES:
        print_classes(&classes, out);
        break;
    case FORGET_BY_SUPERCLASS:
        text_append(out, "sc%lld", (long long)settings->forget.superclass);
        break;
    case FORGET_BY_FRACTION:
        text_append(out, "f%s", text_from_double(settings->forget.fraction, number));
        break;
    case FORGET_BY_COUNT:
        text_append(out, "n%lld", (long long)settings->forget.count);
        break;
    case FORGET_BY_INDICES:
        print_file(settings->forget.indices, out);
        break;
    case N_FORGET_KINDS:
        break;
    }
    if (forget_is_drawn(settings->forget.kind) && settings->forget.within >= 0)
        text_append(out, "of%lld", (long long)settings->forget.within);
    if (forget_is_drawn(settings->forget.kind) && settings->forget.seed != 0)
        text_append(out, "d%lld", (long long)settings->forget.seed);
}

struct split_request forget_request(const struct settings *settings)
{
    static const enum split_forget whats[N_FORGET_KINDS] = {
        [FORGET_BY_CLASS] = FORGET_WHOLE_CLASSES,   [FORGET_BY_CLASSES] = FORGET_WHOLE_CLASSES,
        [FORGET_BY_SUPERCLASS] = FORGET_SUPERCLASS, [FORGET_BY_FRACTION] = FORGET_DRAWN,
        [FORGET_BY_COUNT] = FORGET_DRAWN,           [FORGET_BY_INDICES] = FORGET_LISTED,
    };
    struct split_request request = {.setting = forget_setting(settings->forget.kind),
                                    .superclass = -1,
                                    .within = -1,
                                    .file = "",
                                    .validation = settings->data.validation,
                                    .split_seed = (uint64_t)settings->data.split_seed};

    if (forget_is_nothing(settings))
        return request;
    request.forget = whats[settings->forget.kind];
    request.classes = forget_classes(settings);
    request.superclass = (int)settings->forget.superclass;
    request.fraction = settings->forget.fraction;
    request.count = settings->forget.count;
    request.file = settings->forget.indices;
    if (forget_is_drawn(settings->forget.kind)) {
        request.within = (int)settings->forget.within;
        request.seed = (uint64_t)settings->forget.seed;
    }
    return request;
}
