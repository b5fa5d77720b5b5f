/* adapter_config.json of a PEFT folder: what the formula needs, and nothing in it that would change
 * the formula without being known here. */
#include "store/weights/adapters.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Read below, or of no meaning for weights that are trained already. */
static const char *const harmless[] = {"peft_type",
                                       "r",
                                       "lora_alpha",
                                       "lora_dropout",
                                       "use_rslora",
                                       "rank_pattern", /* read */
                                       "target_modules",
                                       "exclude_modules",
                                       "layers_to_transform",
                                       "layers_pattern", /* what is there */
                                       "modules_to_save",
                                       "task_type",
                                       "auto_mapping",
                                       "peft_version",
                                       "revision",
                                       "base_model_name_or_path",
                                       "inference_mode",
                                       "runtime_config",
                                       "ensure_weight_tying",
                                       "megatron_core",
                                       "qalora_group_size",
                                       "loftq_config",
                                       "eva_config",
                                       "corda_config",
                                       "lora_ga_config"};

/* Initialisations of A and B that leave the base as it is. The others (pissa, olora, loftq, corda,
 * …) take the adapter's start out of the base, so the product belongs to weights not saved here. */
static const char *const own_starts[] = {"gaussian", "eva", "orthogonal"};

static bool is_among(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}
#define IS_AMONG(text, list) is_among(text, list, sizeof list / sizeof *list)

/* null, false, {} and [] stand for "not used" in every version of PEFT. */
static bool is_set(const cJSON *item)
{
    bool is_empty = (cJSON_IsObject(item) || cJSON_IsArray(item)) && item->child == NULL;

    return item != NULL && !cJSON_IsNull(item) && !cJSON_IsFalse(item) && !is_empty;
}

static enum status check_start(const cJSON *item)
{
    if (!cJSON_IsString(item) || IS_AMONG(item->valuestring, own_starts))
        return STATUS_OK;
    return fail(STATUS_BAD_DATA,
                "'init_lora_weights' is '%.40s': these adapters belong to a base that their start "
                "was taken out of; save them with PEFT's path_initial_model_for_weight_conversion, "
                "or use the weights that its merge_and_unload makes",
                item->valuestring);
}

/* A setting that is not known may change the formula: what is set must be known. */
static enum status check_setting(const cJSON *item)
{
    bool is_none = cJSON_IsString(item) && strcmp(item->valuestring, "none") == 0;

    if (strcmp(item->string, "init_lora_weights") == 0)
        return check_start(item);
    if (IS_AMONG(item->string, harmless) || !is_set(item) ||
        (strcmp(item->string, "bias") == 0 && is_none))
        return STATUS_OK;
    return fail(STATUS_BAD_DATA,
                "'%.60s' is set: adapters of that kind are not known; use the weights that PEFT's "
                "merge_and_unload makes of them",
                item->string);
}

static enum status read_config(const cJSON *root, struct adapter_config *out)
{
    enum status status = STATUS_OK;
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(root, "peft_type");
    const cJSON *rank = cJSON_GetObjectItemCaseSensitive(root, "r");
    const cJSON *alpha = cJSON_GetObjectItemCaseSensitive(root, "lora_alpha");
    const cJSON *dropout = cJSON_GetObjectItemCaseSensitive(root, "lora_dropout");

    if (!cJSON_IsString(type) || strcmp(type->valuestring, "LORA") != 0)
        return fail(STATUS_BAD_DATA, "'peft_type' is '%.40s', expected LORA",
                    cJSON_IsString(type) ? type->valuestring : "missing");
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, root) TRY(check_setting(item));
    if (!cJSON_IsNumber(rank) || rank->valuedouble < 1 ||
        rank->valuedouble != floor(rank->valuedouble) || rank->valuedouble > INT32_MAX)
        return fail(STATUS_BAD_DATA, "'r' must be a whole number of at least 1");
    if (!cJSON_IsNumber(alpha) || !isfinite(alpha->valuedouble))
        return fail(STATUS_BAD_DATA, "'lora_alpha' must be a number");
    bool has_pattern = is_set(cJSON_GetObjectItemCaseSensitive(root, "rank_pattern"));
    *out = (struct adapter_config){
        .alpha = alpha->valuedouble,
        .lora_rank = has_pattern ? 0 : (int64_t)rank->valuedouble,
        .dropout = cJSON_IsNumber(dropout) ? dropout->valuedouble : 0,
        .is_rank_stabilised = is_set(cJSON_GetObjectItemCaseSensitive(root, "use_rslora")),
    };
done:
    return status;
}

enum status adapter_config_load(const char *path, struct adapter_config *out)
{
    enum status status = STATUS_OK;
    char *text = NULL;
    int64_t n = 0;
    cJSON *root = NULL;

    TRY(file_read(path, &text, &n));
    root = cJSON_ParseWithLength(text, (size_t)n);
    status = cJSON_IsObject(root) ? read_config(root, out)
                                  : fail(STATUS_BAD_DATA, "is not a JSON object");
    if (status != STATUS_OK)
        status = fail_context(status, "adapter configuration '%s'", path);
done:
    cJSON_Delete(root);
    free(text);
    return status;
}
