/* Settings as one JSON object under dotted names, and back through the same readers as YAML. */
#include "config/settings_table.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ITEMS = SMALL_SET_LIMIT }; /* of a list: classes */

enum status settings_to_json(const struct settings *settings, struct text *out)
{
    for (int i = 0; i < setting_count(); i++) {
        text_append(out, "%s\"%s\": ", i == 0 ? "{" : ", ", setting_at(i)->name);
        setting_print(setting_at(i), settings, out);
    }
    text_append(out, "}");
    return text_finish(out);
}

/* Integers stay integers up to 2^53, where text_from_double would write an exponent. */
static const char *number_text(double number, char *buffer)
{
    if (fabs(number) > 9007199254740992.0 || number != rint(number))
        return text_from_double(number, buffer);
    snprintf(buffer, 32, "%.0f", number);
    return buffer;
}

static enum status tree_from_json(const cJSON *json, struct arena *arena, struct tree **out)
{
    enum status status = STATUS_OK;
    const struct position nowhere = {0};
    struct tree *items[MOST_ITEMS] = {0};
    char number[32];
    int64_t n = 0;

    if (cJSON_IsString(json))
        return tree_scalar(arena, &nowhere, json->valuestring, true, out);
    if (cJSON_IsBool(json))
        return tree_scalar(arena, &nowhere, cJSON_IsTrue(json) ? "true" : "false", false, out);
    if (cJSON_IsNumber(json))
        return tree_scalar(arena, &nowhere, number_text(json->valuedouble, number), false, out);
    if (!cJSON_IsArray(json))
        return fail(STATUS_BAD_DATA, "settings JSON holds an object or null where a value belongs");
    for (const cJSON *item = json->child; item != NULL; item = item->next) {
        if (n == MOST_ITEMS)
            TRY(fail(STATUS_BAD_DATA, "settings JSON holds a list of more than %d values",
                     MOST_ITEMS));
        TRY(tree_from_json(item, arena, &items[n]));
        n++;
    }
    TRY(tree_list(arena, &nowhere, items, n, out));
done:
    return status;
}

static enum status read_member(const cJSON *json, const struct setting_reader *reader,
                               bool *is_given, struct settings *out)
{
    struct tree *value = NULL;
    int i = setting_find(json->string);

    if (i < 0)
        return fail(STATUS_BAD_DATA, "settings JSON has an unknown setting '%s'", json->string);
    if (is_given[i])
        return fail(STATUS_BAD_DATA, "settings JSON gives '%s' twice", json->string);
    is_given[i] = true;
    enum status status = tree_from_json(json, reader->arena, &value);
    if (status == STATUS_OK && !setting_read(reader, setting_at(i), value, out))
        return fail(STATUS_BAD_DATA, "settings JSON: %s", text_value(&reader->diagnostics->text));
    return status;
}

/* A setting that is younger than the JSON. */
static enum status read_neutral(const struct setting_reader *reader, const struct setting *setting,
                                struct settings *out)
{
    enum status status = STATUS_OK;
    struct tree *value = NULL;
    cJSON *json = setting->neutral != NULL ? cJSON_Parse(setting->neutral) : NULL;

    if (json == NULL)
        TRY(fail(STATUS_BAD_DATA, "settings JSON lacks '%s'", setting->name));
    TRY(tree_from_json(json, reader->arena, &value));
    bool is_read = setting_read(reader, setting, value, out);
    assert(is_read); /* the table's own texts; a test reads them all */
    (void)is_read;
done:
    cJSON_Delete(json);
    return status;
}

enum status settings_from_json(const char *json, struct arena *arena, struct settings *out)
{
    enum status status = STATUS_OK;
    struct diagnostics diagnostics = {0};
    struct setting_reader reader = {.arena = arena, .diagnostics = &diagnostics};
    struct settings settings = {0};
    bool is_given[MAX_SETTINGS] = {false};
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(json, &end, true);

    if (!cJSON_IsObject(root))
        TRY(fail(STATUS_BAD_DATA, "settings are not a JSON object"));
    for (const cJSON *item = root->child; item != NULL; item = item->next)
        TRY(read_member(item, &reader, is_given, &settings));
    for (int i = 0; i < setting_count(); i++)
        if (!is_given[i])
            TRY(read_neutral(&reader, setting_at(i), &settings));
    *out = settings;
done:
    cJSON_Delete(root);
    diagnostics_release(&diagnostics);
    return status;
}
