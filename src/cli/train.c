/* `prunelora train`: base training as a single run: the base recipe on every image, nothing
 * forgotten. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/log.h"
#include "cli/foreground.h"
#include "cli/options/options.h"
#include "cli/overwrite.h"
#include "store/weights/weights.h"
#include "sweep/sweep.h"
#include "trainer/backend_choice.h"

#include <stdio.h>
#include <string.h>

struct train_options {
    const char *out, *device;
    int64_t threads, gpu;
    struct option_texts sets;
    bool is_forced;
};

static enum status parse(int argc, char **argv, struct train_options *wanted,
                         struct positionals *positionals, bool *is_help)
{
    const struct option_row rows[] = {
        {"out", 'o', OPTION_TEXT, &wanted->out, "FILE",
         "weights to write: .h5, .pth or .safetensors (default CONFIG's name.h5)"},
        {"set", 0, OPTION_TEXTS, &wanted->sets, "K=V", "change a setting; may be repeated"},
        {"device", 0, OPTION_TEXT, &wanted->device, "NAME", DEVICE_CHOICES},
        {"gpu", 0, OPTION_INTEGER, &wanted->gpu, "N", GPU_CHOICE},
        {"threads", 0, OPTION_INTEGER, &wanted->threads, "N",
         "threads (default: the allowed cores)"},
        {"force", 0, OPTION_FLAG, &wanted->is_forced, NULL, FORCE_HELP},
    };
    const struct options options = {
        .usage = "prunelora train CONFIG [--out FILE] [--set k=v]... [--force]",
        .summary =
            "Trains a base model by base.train.* on every training image and writes its weights\n"
            "(PyTorch's names) with a manifest beside them: FILE.json.",
        .example = "prunelora train sweeps/base/resnet20_synth.yaml --out model_weights/base.h5",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
        .min_positional = 1,
        .max_positional = 1,
    };

    return options_parse(&options, argc, argv, positionals, is_help);
}

/* Base training is `retrain` with nothing forgotten; whatever the file says of a method does not
 * matter here. */
static enum status load(const char *path, const struct train_options *wanted, struct sweep **out)
{
    enum status status = STATUS_OK;
    static const char *const fixed[] = {"unlearn.method=retrain", "unlearn.prune=method",
                                        "unlearn.adapt=method", "forget.class=none"};
    enum { N_FIXED = sizeof fixed / sizeof *fixed };
    const char *sets[OPTIONS_MAX_TEXTS + N_FIXED];
    struct text diagnostics = {0};
    struct sweep_source source = {.path = path, .sets = sets, .needs_files = true};

    for (int64_t i = 0; i < wanted->sets.n; i++)
        sets[source.n_sets++] = wanted->sets.items[i];
    for (int i = 0; i < N_FIXED; i++)
        sets[source.n_sets++] = fixed[i];
    status = sweep_load(&source, &diagnostics, out);
    fputs(text_value(&diagnostics), stderr);
    text_release(&diagnostics);
    if (status == STATUS_OK && (*out)->n_runs != 1) {
        status = fail(STATUS_BAD_CONFIG, "'%s' describes %lld runs; train expects exactly one",
                      path, (long long)(*out)->n_runs);
        sweep_destroy(*out);
        *out = NULL;
    }
    return status;
}

static enum status train(const char *path, const struct train_options *wanted)
{
    enum status status = STATUS_OK;
    struct sweep *sweep = NULL;
    struct arena *arena = NULL;
    const char *out = wanted->out;
    char *folder = NULL;

    TRY(backend_choice_check_gpu(wanted->device, wanted->gpu));
    TRY(arena_create(&arena));
    if (out != NULL)
        TRY(weights_can_save(out));
    TRY(load(path, wanted, &sweep));
    if (out == NULL)
        TRY_ALLOC(out, arena_format(arena, "%s.h5", sweep->name));
    TRY(overwrite_check(out, wanted->is_forced));
    TRY_ALLOC(folder, arena_format(arena, "%s.run", out));
    struct train_job job = {.settings = &sweep->runs[0].settings,
                            .id = sweep->runs[0].id,
                            .name = sweep->name,
                            .attempt = 1,
                            .folder = folder,
                            .weights_path = out};
    TRY(foreground_run(&job, wanted->device, (int)wanted->gpu, (int)wanted->threads));
    printf("weights: %s\nrecord:  %s/run.h5\n", out, folder);
done:
    sweep_destroy(sweep);
    arena_destroy(arena);
    return status;
}

int cli_train(int argc, char **argv)
{
    struct train_options wanted = {.device = "auto"};
    struct positionals positionals;
    bool is_help = false;

    enum status status = parse(argc, argv, &wanted, &positionals, &is_help);
    if (status == STATUS_OK && !is_help)
        status = train(positionals.items[0], &wanted);
    return cli_finish(status);
}
