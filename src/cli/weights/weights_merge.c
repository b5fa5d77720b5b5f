/* `prunelora weights merge`: LoRA adapters folded into the weights they adapt. */
#include "cli/weights/weights.h"

#include "base/file.h"
#include "cli/cli.h"
#include "cli/options/options.h"
#include "cli/overwrite.h"
#include "store/weights/adapters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct merge_options {
    const char *base, *adapters; /* base NULL: with the adapters */
    const char *out;
    double alpha; /* NaN: from adapter_config.json */
    bool is_forced;
};

static enum status parse(int argc, char **argv, struct merge_options *wanted, bool *is_help)
{
    enum status status = STATUS_OK;
    struct positionals positionals;
    const struct option_row rows[] = {
        {"out", 'o', OPTION_NEEDED_TEXT, &wanted->out, "FILE",
         "ends in .pth, .pt, .safetensors, .h5 or .hdf5"},
        {"alpha", 0, OPTION_NUMBER, &wanted->alpha, "A",
         "W += A/rank * B A; default: from adapter_config.json beside the adapters"},
        {"force", 0, OPTION_FLAG, &wanted->is_forced, NULL, FORCE_HELP},
    };
    const struct options options = {
        .usage = "prunelora weights merge [BASE] ADAPTERS --out FILE [--alpha A] [--force]",
        .summary =
            "Folds LoRA adapters into base weights, so that they load into the plain model.\n"
            "ADAPTERS is a PEFT folder, a file with lora_A and lora_B, or a state dict saved\n"
            "through PEFT's wrappers, which holds its base itself. What PEFT saved of modules\n"
            "trained in full replaces the base's.",
        .example = "prunelora weights merge base.pth my_adapter --out merged.pth",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 2,
    };

    TRY(options_parse(&options, argc, argv, &positionals, is_help));
    if (*is_help)
        return STATUS_OK;
    wanted->adapters = positionals.items[positionals.n - 1];
    wanted->base = positionals.n == 2 ? positionals.items[0] : NULL;
    TRY(weights_can_save(wanted->out));
    TRY(overwrite_check(wanted->out, wanted->is_forced));
done:
    return status;
}

struct merge_files {
    struct arena *arena;             /* owned */
    struct weights *base, *adapters; /* owned; base NULL when it is in the adapters' file */
    const char *base_path, *adapters_path, *folder;
    struct adapter_config config;
};

/* In a PEFT folder: the adapters, and the base when it was saved with them. */
static enum status find_files(const struct merge_options *wanted, struct merge_files *files)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    files->base_path = wanted->base;
    files->adapters_path = wanted->adapters;
    if (!folder_exists(wanted->adapters)) {
        TRY_ALLOC(files->folder, path_parent(files->arena, wanted->adapters));
        return STATUS_OK;
    }
    files->folder = wanted->adapters;
    TRY_ALLOC(path, path_join(files->arena, files->folder, "adapter_model.safetensors"));
    if (!file_exists(path)) /* what PEFT wrote before */
        TRY_ALLOC(path, path_join(files->arena, files->folder, "adapter_model.bin"));
    files->adapters_path = path;
    if (wanted->base != NULL)
        return STATUS_OK;
    TRY_ALLOC(path, path_join(files->arena, files->folder, "base_model.safetensors"));
    if (!file_exists(path))
        TRY(fail(STATUS_BAD_CONFIG, "'%s' holds adapters alone: give the base weights before it",
                 wanted->adapters));
    files->base_path = path;
done:
    return status;
}

static enum status read_config(const struct merge_options *wanted, struct merge_files *files)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    TRY_ALLOC(path, path_join(files->arena, files->folder, "adapter_config.json"));
    if (file_exists(path))
        TRY(adapter_config_load(path, &files->config));
    else if (isnan(wanted->alpha))
        TRY(fail(STATUS_BAD_CONFIG,
                 "there is no '%s' to say what alpha the adapters were trained with: give --alpha",
                 path));
    if (!isnan(wanted->alpha))
        files->config.alpha = wanted->alpha;
done:
    return status;
}

static enum status merge(const struct merge_options *wanted)
{
    enum status status = STATUS_OK;
    struct merge_files files = {.base = NULL};
    struct merged_weights merged;

    TRY(arena_create(&files.arena));
    TRY(find_files(wanted, &files));
    TRY(read_config(wanted, &files));
    TRY(weights_load(files.adapters_path, &files.adapters));
    if (files.base_path != NULL)
        TRY(weights_load(files.base_path, &files.base));
    const struct weights *base = files.base != NULL ? files.base : files.adapters;
    const char *base_path = files.base != NULL ? files.base_path : files.adapters_path;
    const struct adapter_merge job = {base, files.adapters, base_path, files.adapters_path,
                                      files.config};
    TRY(adapters_merge(&job, files.arena, &merged));
    TRY(weights_save_like(base, base_path, wanted->out, merged.tensors, merged.n));
    printf("%s: %lld adapters merged, %lld tensors replaced, %lld tensors in all\n", wanted->out,
           (long long)merged.n_adapters, (long long)merged.n_replaced, (long long)merged.n);
done:
    weights_destroy(files.base);
    weights_destroy(files.adapters);
    arena_destroy(files.arena);
    return status;
}

int weights_merge(int argc, char **argv)
{
    struct merge_options wanted = {.alpha = NAN};
    bool is_help = false;
    enum status status = parse(argc, argv, &wanted, &is_help);

    if (status == STATUS_OK && !is_help)
        status = merge(&wanted);
    return cli_finish(status);
}
