/* `prunelora weights convert`: a weights file in another format, to the same bits; what a run's
 * folder holds as a PEFT adapter folder. */
#include "cli/weights/weights.h"

#include "base/file.h"
#include "cli/cli.h"
#include "cli/options/options.h"
#include "cli/overwrite.h"
#include "store/results/run_paths.h"
#include "store/weights/adapters.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct convert_options {
    const char *in, *out, *base;
    bool is_bare, is_forced;
};

static enum status parse(int argc, char **argv, struct convert_options *wanted, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"out", 'o', OPTION_NEEDED_TEXT, &wanted->out, "FILE",
         "ends in .pth, .pt, .safetensors, .h5 or .hdf5; of a run's folder: the folder to make"},
        {"bare", 0, OPTION_FLAG, &wanted->is_bare, NULL,
         "the model's own names, without module., base_layer and the like"},
        {"base", 0, OPTION_TEXT, &wanted->base, "FILE",
         "of a run's folder: the weights it started from (default: as its settings say)"},
        {"force", 0, OPTION_FLAG, &wanted->is_forced, NULL, FORCE_HELP},
    };
    const struct options options = {
        .usage = "prunelora weights convert FILE|RUN_FOLDER --out FILE|FOLDER [--bare] [--force]",
        .summary =
            "Writes the tensors of a weights file in another format: same names, types and bits.\n"
            "From the folder of a LoRA run (runs/<id>/a<n>) it makes a PEFT adapter folder:\n"
            "adapter_config.json, adapter_model.safetensors and, where the run pruned first,\n"
            "base_model.safetensors, the pruned base that the adapters belong to.",
        .example = "prunelora weights convert model_weights/base.h5 --out base.safetensors",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (*is_help)
        return STATUS_OK;
    wanted->in = positionals.items[0];
done:
    return status;
}

/* ---- a file ---- */

static enum status convert_file(const struct convert_options *wanted)
{
    enum status status = STATUS_OK;
    struct weights *weights = NULL;
    int64_t n = 0;

    TRY(weights_can_save(wanted->out));
    TRY(overwrite_check(wanted->out, wanted->is_forced));
    TRY(weights_load(wanted->in, &weights));
    for (int64_t i = 0; i < weights->n; i++) {
        struct weight_tensor tensor = weights->tensors[i];
        if (wanted->is_bare && tensor.bare == NULL)
            continue;
        if (wanted->is_bare)
            tensor.name = tensor.bare;
        weights->tensors[n++] = tensor;
    }
    TRY(weights_save_like(weights, wanted->in, wanted->out, weights->tensors, n));
    printf("%s: %lld tensors\n", wanted->out, (long long)n);
done:
    weights_destroy(weights);
    return status;
}

/* ---- a run's folder ---- */

struct run_parts {
    struct arena *arena;                     /* owned */
    struct weights *base, *final, *adapters; /* owned */
    const char *base_path, *final_path, *adapters_path;
    struct adapter_config config;
};

static enum status get_number(const cJSON *recipe, const char *key, double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(recipe, key);

    if (!cJSON_IsNumber(item))
        return fail(STATUS_BAD_DATA, "its recipe has no number '%s'", key);
    *out = item->valuedouble;
    return STATUS_OK;
}

static enum status read_recipe(const char *text, struct run_parts *parts)
{
    enum status status = STATUS_OK;
    cJSON *recipe = cJSON_Parse(text);
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(recipe, "model.weights");
    double rank = 0;

    TRY(get_number(recipe, "lora.alpha", &parts->config.alpha));
    TRY(get_number(recipe, "lora.dropout", &parts->config.dropout));
    TRY(get_number(recipe, "lora.rank", &rank));
    parts->config.lora_rank = (int64_t)rank;
    if (parts->base_path == NULL && !cJSON_IsString(base))
        TRY(fail(STATUS_BAD_DATA, "its recipe has no text 'model.weights'; give --base"));
    if (parts->base_path == NULL)
        TRY_ALLOC(parts->base_path, arena_strdup(parts->arena, base->valuestring));
done:
    cJSON_Delete(recipe);
    return status;
}

static enum status load_parts(const char *folder, struct run_parts *parts)
{
    enum status status = STATUS_OK;
    struct manifest manifest = {.recipe = NULL};
    bool has_manifest = false;

    TRY(arena_create(&parts->arena));
    TRY_ALLOC(parts->final_path, path_join(parts->arena, folder, RUN_WEIGHTS_NAME));
    TRY_ALLOC(parts->adapters_path, path_join(parts->arena, folder, RUN_ADAPTERS_NAME));
    if (!file_exists(parts->adapters_path))
        TRY(fail(STATUS_BAD_DATA,
                 "'%s' is not the folder of a LoRA run: it has no adapters.h5 (folders are "
                 "runs/<id>/a<n> "
                 "of a results folder)",
                 folder));
    TRY(weights_load(parts->final_path, &parts->final));
    TRY(weights_load(parts->adapters_path, &parts->adapters));
    TRY(manifest_load(parts->final_path, parts->final->hash, parts->arena, &manifest,
                      &has_manifest));
    status = has_manifest ? read_recipe(manifest.recipe, parts)
                          : fail(STATUS_BAD_DATA, "is missing, so alpha is unknown");
    if (status != STATUS_OK)
        TRY(fail_context(status, "manifest '%s.json'", parts->final_path));
    TRY(weights_load(parts->base_path, &parts->base));
done:
    return status;
}

static enum status convert_run(const struct convert_options *wanted)
{
    enum status status = STATUS_OK;
    struct run_parts parts = {.base_path = wanted->base};
    struct peft_summary summary;

    TRY(overwrite_check_folder(wanted->out, "adapter_config.json", wanted->is_forced));
    TRY(load_parts(wanted->in, &parts));
    const struct peft_export export = {
        .merge = {parts.base, parts.adapters, parts.base_path, parts.adapters_path, parts.config},
        .final = parts.final,
        .final_path = parts.final_path,
    };
    TRY(peft_folder_save(&export, wanted->out, &summary));
    printf("%s: adapters of %lld modules, %lld modules in full%s\n", wanted->out,
           (long long)summary.n_adapters, (long long)summary.n_saved,
           summary.has_base ? ", and the pruned base they belong to" : "");
done:
    weights_destroy(parts.base);
    weights_destroy(parts.final);
    weights_destroy(parts.adapters);
    arena_destroy(parts.arena);
    return status;
}

int weights_convert(int argc, char **argv)
{
    struct convert_options wanted = {.in = NULL};
    bool is_help = false;
    enum status status = parse(argc, argv, &wanted, &is_help);

    if (status == STATUS_OK && !is_help)
        status = folder_exists(wanted.in) ? convert_run(&wanted) : convert_file(&wanted);
    return cli_finish(status);
}
