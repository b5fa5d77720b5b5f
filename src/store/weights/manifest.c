/* The manifest beside a weights file: what the network is, what its images were normalised with,
 * how it was trained. */
#include "base/file.h"
#include "store/json_file.h"
#include "store/weights/weights.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "prunelora-manifest";
enum { FORMAT_VERSION = 1 };
static const double exact_integers = 9007199254740992.0; /* 2^53: beyond, JSON numbers round */

/* ---- writing ---- */

static bool add_text(cJSON *object, const char *key, const char *text)
{
    return text == NULL || text[0] == '\0' || cJSON_AddStringToObject(object, key, text) != NULL;
}

static bool add_numbers(cJSON *object, const char *key, const double numbers[3])
{
    cJSON *array = cJSON_CreateDoubleArray(numbers, 3);

    if (array != NULL && cJSON_AddItemToObject(object, key, array))
        return true;
    cJSON_Delete(array);
    return false;
}

static bool add_seed(cJSON *object, int64_t seed)
{
    char digits[24];

    if (fabs((double)seed) < exact_integers)
        return cJSON_AddNumberToObject(object, "seed", (double)seed) != NULL;
    snprintf(digits, sizeof digits, "%lld", (long long)seed);
    return cJSON_AddStringToObject(object, "seed", digits) != NULL;
}

static enum status add_recipe(cJSON *object, const char *recipe)
{
    cJSON *parsed = NULL;

    if (recipe == NULL || recipe[0] == '\0')
        return STATUS_OK;
    parsed = cJSON_Parse(recipe);
    if (cJSON_IsObject(parsed) && cJSON_AddItemToObject(object, "recipe", parsed))
        return STATUS_OK;
    cJSON_Delete(parsed);
    return fail(STATUS_BAD_DATA, "recipe is not a JSON object: '%.80s'", recipe);
}

static enum status compose(const struct manifest *manifest, cJSON *object)
{
    bool is_complete =
        add_text(object, "format", format_name) &&
        cJSON_AddNumberToObject(object, "format_version", FORMAT_VERSION) != NULL &&
        add_text(object, "arch", manifest->arch) &&
        add_text(object, "dataset", manifest->dataset) &&
        (!manifest->has_normalisation || (add_numbers(object, "mean", manifest->mean) &&
                                          add_numbers(object, "std", manifest->std))) &&
        add_text(object, "split_hash", manifest->split_hash) &&
        add_text(object, "licence", manifest->licence) &&
        add_text(object, "sha256", manifest->sha256) && add_seed(object, manifest->seed);

    if (!is_complete)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory composing a manifest");
    return add_recipe(object, manifest->recipe);
}

static enum status manifest_path(const char *weights_path, struct arena **arena, const char **out)
{
    enum status status = STATUS_OK;

    TRY(arena_create(arena));
    TRY_ALLOC(*out, arena_format(*arena, "%s.json", weights_path));
done:
    return status;
}

enum status manifest_save(const char *weights_path, const struct manifest *manifest)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *path = NULL;
    cJSON *object = cJSON_CreateObject();

    TRY(manifest_path(weights_path, &arena, &path));
    TRY(compose(manifest, object));
    TRY(json_file_write(path, object));
done:
    cJSON_Delete(object);
    arena_destroy(arena);
    return status;
}

/* ---- reading ---- */

static enum status get_text(const cJSON *object, const char *key, struct arena *arena,
                            const char **out)
{
    enum status status = STATUS_OK;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (item != NULL && !cJSON_IsString(item))
        TRY(fail(STATUS_BAD_DATA, "'%s' must be text", key));
    TRY_ALLOC(*out, arena_strdup(arena, item != NULL ? item->valuestring : ""));
done:
    return status;
}

static enum status get_numbers(const cJSON *object, const char *key, double out[3], bool *is_there)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, key);

    *is_there = array != NULL;
    if (array == NULL)
        return STATUS_OK;
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != 3)
        return fail(STATUS_BAD_DATA, "'%s' must be three numbers", key);
    for (int i = 0; i < 3; i++) {
        const cJSON *number = cJSON_GetArrayItem(array, i);
        if (!cJSON_IsNumber(number) || !isfinite(number->valuedouble))
            return fail(STATUS_BAD_DATA, "'%s' must be three numbers", key);
        out[i] = number->valuedouble;
    }
    return STATUS_OK;
}

static enum status get_normalisation(const cJSON *object, struct manifest *manifest)
{
    enum status status = STATUS_OK;
    bool has_mean = false, has_std = false;

    TRY(get_numbers(object, "mean", manifest->mean, &has_mean));
    TRY(get_numbers(object, "std", manifest->std, &has_std));
    if (has_mean != has_std)
        TRY(fail(STATUS_BAD_DATA, "'mean' and 'std' belong together, but one is missing"));
    for (int i = 0; i < 3 && has_std; i++)
        if (manifest->std[i] <= 0)
            TRY(fail(STATUS_BAD_DATA, "'std' must be above 0"));
    manifest->has_normalisation = has_mean;
done:
    return status;
}

static enum status get_seed(const cJSON *object, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "seed");
    char *end = NULL;

    if (item == NULL)
        return STATUS_OK;
    if (cJSON_IsNumber(item) && item->valuedouble == rint(item->valuedouble) &&
        fabs(item->valuedouble) < exact_integers) {
        *out = (int64_t)item->valuedouble;
        return STATUS_OK;
    }
    if (cJSON_IsString(item) && item->valuestring[0] != '\0') {
        *out = strtoll(item->valuestring, &end, 10);
        if (*end == '\0')
            return STATUS_OK;
    }
    return fail(STATUS_BAD_DATA, "'seed' must be a whole number");
}

static enum status get_recipe(const cJSON *object, struct arena *arena, const char **out)
{
    enum status status = STATUS_OK;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "recipe");
    char *text = NULL;

    if (item != NULL && !cJSON_IsObject(item))
        TRY(fail(STATUS_BAD_DATA, "'recipe' must be an object"));
    if (item != NULL && (text = cJSON_PrintUnformatted(item)) == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory reading a manifest"));
    TRY_ALLOC(*out, arena_strdup(arena, text != NULL ? text : ""));
done:
    cJSON_free(text);
    return status;
}

static enum status check_format(const cJSON *object)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(object, "format_version");

    if (!cJSON_IsObject(object))
        return fail(STATUS_BAD_DATA, "is not a JSON object");
    if (version != NULL && (!cJSON_IsNumber(version) || version->valuedouble > FORMAT_VERSION))
        return fail(STATUS_BAD_DATA,
                    "has a 'format_version' that this program does not know, expected at most %d",
                    FORMAT_VERSION);
    return STATUS_OK;
}

static enum status read_manifest(const cJSON *object, const char *weights_hash, struct arena *arena,
                                 struct manifest *out)
{
    enum status status = STATUS_OK;
    struct manifest made = {0};

    TRY(check_format(object));
    TRY(get_text(object, "arch", arena, &made.arch));
    TRY(get_text(object, "dataset", arena, &made.dataset));
    TRY(get_text(object, "split_hash", arena, &made.split_hash));
    TRY(get_text(object, "licence", arena, &made.licence));
    TRY(get_text(object, "sha256", arena, &made.sha256));
    TRY(get_recipe(object, arena, &made.recipe));
    TRY(get_normalisation(object, &made));
    TRY(get_seed(object, &made.seed));
    if (weights_hash != NULL && made.sha256[0] != '\0' && strcmp(made.sha256, weights_hash) != 0)
        TRY(fail(STATUS_BAD_DATA,
                 "'sha256' is %.12s…, the weights file's is %.12s…: it describes "
                 "other weights",
                 made.sha256, weights_hash));
    *out = made;
done:
    return status;
}

enum status manifest_load(const char *weights_path, const char *weights_hash, struct arena *arena,
                          struct manifest *out, bool *is_present)
{
    enum status status = STATUS_OK;
    struct arena *scratch = NULL;
    const char *path = NULL;
    char *text = NULL;
    int64_t n = 0;
    cJSON *object = NULL;

    TRY(manifest_path(weights_path, &scratch, &path));
    *is_present = file_exists(path);
    if (!*is_present)
        goto done;
    TRY(file_read(path, &text, &n));
    object = cJSON_ParseWithOpts(text, NULL, 1);
    status = object == NULL ? fail(STATUS_BAD_DATA, "is damaged: not JSON")
                            : read_manifest(object, weights_hash, arena, out);
    if (status != STATUS_OK)
        status = fail_context(status, "manifest '%s'", path);
done:
    cJSON_Delete(object);
    free(text);
    arena_destroy(scratch);
    return status;
}
