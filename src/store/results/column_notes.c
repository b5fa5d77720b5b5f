/* Units and long names as two JSON objects. */
#include "store/results/column_notes.h"

#include "store/hdf5_file.h"

enum status column_notes_create(struct column_notes *notes)
{
    notes->units = cJSON_CreateObject();
    notes->long_names = cJSON_CreateObject();
    if (notes->units == NULL || notes->long_names == NULL) {
        column_notes_release(notes);
        return fail(STATUS_OUT_OF_MEMORY, "out of memory noting units");
    }
    return STATUS_OK;
}

void column_notes_release(struct column_notes *notes)
{
    cJSON_Delete(notes->units);
    cJSON_Delete(notes->long_names);
    *notes = (struct column_notes){0};
}

enum status column_notes_add(struct column_notes *notes, const char *name, const char *units,
                             const char *long_name)
{
    if (cJSON_AddStringToObject(notes->units, name, units != NULL ? units : "") == NULL ||
        cJSON_AddStringToObject(notes->long_names, name, long_name != NULL ? long_name : "") ==
            NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory noting the units of '%s'", name);
    return STATUS_OK;
}

static enum status put_object(hid_t object, const char *name, const cJSON *json)
{
    enum status status = STATUS_OK;
    char *text = cJSON_PrintUnformatted(json);

    if (text == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory printing '%s'", name);
    TRY(hdf5_put_text(object, name, text));
done:
    cJSON_free(text);
    return status;
}

enum status column_notes_write(const struct column_notes *notes, hid_t object)
{
    enum status status = STATUS_OK;

    TRY(put_object(object, "units", notes->units));
    TRY(put_object(object, "long_name", notes->long_names));
done:
    return status;
}

static enum status get_object(hid_t object, const char *name, struct arena *arena, cJSON **out)
{
    enum status status = STATUS_OK;
    const char *text = NULL;

    TRY(hdf5_get_text(object, name, arena, &text));
    *out = cJSON_Parse(text);
    if (!cJSON_IsObject(*out))
        TRY(fail(STATUS_BAD_DATA, "attribute '%s' is not a JSON object", name));
done:
    return status;
}

enum status column_notes_read(struct column_notes *notes, hid_t object)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    TRY(get_object(object, "units", arena, &notes->units));
    TRY(get_object(object, "long_name", arena, &notes->long_names));
done:
    arena_destroy(arena);
    return status;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

enum status column_notes_find(const struct column_notes *notes, const char *name,
                              struct arena *arena, const char **units, const char **long_name)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*units, arena_strdup(arena, text_of(notes->units, name)));
    TRY_ALLOC(*long_name, arena_strdup(arena, text_of(notes->long_names, name)));
done:
    return status;
}
