/* `prunelora eval`: UA, RA, TA and MIA of any checkpoint, by the same evaluation as in a sweep. */
#include "cli/cli.h"

#include "cli/eval_settings.h"
#include "cli/foreground.h"
#include "cli/options/options.h"
#include "train/measure/eval_batch.h"
#include "train/measure/evaluate.h"
#include "trainer/backend_choice.h"
#include "unlearn/forget.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct eval_options {
    const char *model, *weights, *data, *dataset, *mean, *std, *device, *forget_class, *mia;
    int64_t threads, batch_size, eval_seed, gpu;
    struct option_texts sets;
    bool is_json;
};

static enum status parse(int argc, char **argv, struct eval_options *wanted, bool *is_help)
{
    struct positionals positionals;
    const struct option_row rows[] = {
        {"model", 0, OPTION_TEXT, &wanted->model, "NAME", "architecture, e.g. resnet20"},
        {"weights", 0, OPTION_TEXT, &wanted->weights, "FILE", ".pth, .th, .safetensors or .h5"},
        {"data", 0, OPTION_TEXT, &wanted->data, "DIR", "folder of the data set's files"},
        {"dataset", 0, OPTION_TEXT, &wanted->dataset, "NAME",
         "cifar10 (default), cifar100 or images"},
        {"forget-class", 0, OPTION_TEXT, &wanted->forget_class, "N",
         "class to forget; default none"},
        {"mia", 0, OPTION_TEXT, &wanted->mia, "A,B",
         "membership attacks, as eval.mia; default loss_lr"},
        {"set", 0, OPTION_TEXTS, &wanted->sets, "K=V",
         "forget.*, data.validation, model.vit.*; repeatable"},
        {"mean", 0, OPTION_TEXT, &wanted->mean, "R,G,B", "default: from the manifest beside FILE"},
        {"std", 0, OPTION_TEXT, &wanted->std, "R,G,B", "default: from the manifest beside FILE"},
        {"eval-seed", 0, OPTION_INTEGER, &wanted->eval_seed, "N", "draws the attack's samples"},
        {"batch-size", 0, OPTION_INTEGER, &wanted->batch_size, "N",
         "images at a time; default: as memory allows"},
        {"device", 0, OPTION_TEXT, &wanted->device, "NAME", DEVICE_CHOICES},
        {"gpu", 0, OPTION_INTEGER, &wanted->gpu, "N", GPU_CHOICE},
        {"threads", 0, OPTION_INTEGER, &wanted->threads, "N", "default: the allowed cores"},
        {"json", 0, OPTION_FLAG, &wanted->is_json, NULL, "one JSON object"},
    };
    const struct options options = {
        .usage = "prunelora eval --model NAME --weights FILE --data DIR [options]",
        .summary = "Accuracies and membership inference of a checkpoint (fractions).",
        .example =
            "prunelora eval --model resnet20 --weights model_weights/base.h5 --data data/synth "
            "--forget-class 3",
        .rows = rows,
        .n_rows = sizeof rows / sizeof *rows,
    };

    return options_parse(&options, argc, argv, &positionals, is_help);
}

static enum status parse_three(const char *option, const char *text, struct normalisation *out)
{
    char copy[128], *rest = copy;

    if (strcmp(text, "base") == 0)
        return STATUS_OK;
    snprintf(copy, sizeof copy, "%s", text);
    out->kind = NORMALISATION_GIVEN;
    for (int i = 0; i < 3; i++) {
        char *word = strsep(&rest, ",");
        if (word == NULL || !text_to_double(word, &out->values[i]) || !isfinite(out->values[i]))
            return fail(STATUS_BAD_CONFIG, "--%s expects three numbers like 0.5,0.5,0.5, got '%s'",
                        option, text);
    }
    if (rest != NULL)
        return fail(STATUS_BAD_CONFIG, "--%s expects three numbers, got more: '%s'", option, text);
    return STATUS_OK;
}

static enum status parse_attacks(const char *text, struct attack_list *out)
{
    char copy[256], *rest = copy;

    if (strlen(text) >= sizeof copy)
        return fail(STATUS_BAD_CONFIG, "--mia is longer than all attacks together");
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
        int kind = 0;
        while (kind < N_ATTACKS && strcmp(word, attack_names[kind]) != 0)
            kind++;
        if (kind == N_ATTACKS) {
            const char *near = text_nearest(word, attack_names, N_ATTACKS);
            return fail(STATUS_BAD_CONFIG, "--mia: there is no attack '%s'%s%s%s", word,
                        near != NULL ? "; did you mean '" : "; see docs/metrics.md",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
        }
        if (!attack_list_add(out, (enum attack_kind)kind))
            return fail(STATUS_BAD_CONFIG, "--mia names %s twice", word);
    }
    return STATUS_OK;
}

static enum status check_options(const struct eval_options *wanted, struct arena *arena,
                                 struct settings *settings)
{
    enum status status = STATUS_OK;
    const char *const required[][2] = {
        {"model", wanted->model}, {"weights", wanted->weights}, {"data", wanted->data}};

    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (required[i][1] == NULL)
            return fail(STATUS_BAD_CONFIG, "--%s is missing; see prunelora eval --help",
                        required[i][0]);
    if (wanted->batch_size < 1 && wanted->batch_size != EVAL_BATCH_AUTO)
        return fail(STATUS_BAD_CONFIG, "--batch-size must be at least 1");
    TRY(eval_settings_read(&wanted->sets, wanted->forget_class, arena, settings));
    TRY(parse_attacks(wanted->mia, &settings->eval.mia));
    TRY(parse_three("mean", wanted->mean, &settings->data.mean));
    TRY(parse_three("std", wanted->std, &settings->data.std));
    for (int c = 0; c < 3; c++)
        if (settings->data.std.kind == NORMALISATION_GIVEN && settings->data.std.values[c] <= 0)
            TRY(fail(STATUS_BAD_CONFIG, "--std must be positive, got '%s'", wanted->std));
    settings->model.arch = wanted->model;
    settings->model.weights = wanted->weights;
    settings->data.path = wanted->data;
    settings->data.dataset = wanted->dataset;
    settings->eval.batch_size = wanted->batch_size;
    settings->eval.seed = wanted->eval_seed;
done:
    return status;
}

static enum status print_metrics(const struct metrics *metrics, bool is_json)
{
    enum status status = STATUS_OK;
    cJSON *object = NULL;
    char *text = NULL;

    if (!is_json) {
        for (int i = 0; i < metrics->n; i++)
            printf("%-24s %.6f\n", metrics->items[i].name, metrics->items[i].value);
        return STATUS_OK;
    }
    TRY_ALLOC(object, cJSON_CreateObject());
    for (int i = 0; i < metrics->n; i++) /* cJSON writes NaN as null */
        cJSON_AddNumberToObject(object, metrics->items[i].name, metrics->items[i].value);
    TRY_ALLOC(text, cJSON_Print(object));
    puts(text);
done:
    cJSON_free(text);
    cJSON_Delete(object);
    return status;
}

static enum status network_open(struct network *network, struct trainer *trainer,
                                const struct settings *settings, struct arena *arena)
{
    enum status status = STATUS_OK;
    const struct weights *weights = NULL;

    network->settings = settings;
    network->device = trainer->device;
    network->queue = device_queue(trainer->device);
    TRY(trainer_data(trainer, settings, &network->data));
    TRY(trainer_weights(trainer, settings->model.weights, &weights));
    TRY(network_describe(network, weights, arena));
    TRY(network_create(network));
    TRY(network_load_weights(network, weights, settings->model.weights));
done:
    return status;
}

static enum status evaluate(const struct eval_options *wanted, struct trainer *trainer,
                            struct arena *arena)
{
    enum status status = STATUS_OK;
    struct settings settings = {0};
    struct network network = {0};
    struct predictions train, test;
    struct metrics metrics = {0};
    struct split *split = NULL;

    const struct weights *weights = NULL;

    TRY(check_options(wanted, arena, &settings));
    TRY(trainer_weights(trainer, settings.model.weights, &weights));
    TRY(eval_settings_size(weights->hash, arena, &settings));
    TRY(network_open(&network, trainer, &settings, arena));
    const struct split_request request = forget_request(&settings);
    TRY(split_create(network.data->dataset, &request, &split));
    TRY(network_evaluate(&network, arena, &train, &test));
    struct eval_inputs inputs = {&train, &test, split, (uint64_t)settings.eval.seed,
                                 &settings.eval.mia};
    TRY(metrics_compute(&inputs, &metrics));
    TRY(print_metrics(&metrics, wanted->is_json));
done:
    split_destroy(split);
    network_release(&network);
    return status;
}

static enum status run(const struct eval_options *wanted)
{
    enum status status = STATUS_OK;
    const struct backend *backend = NULL;
    struct trainer *trainer = NULL;
    struct arena *arena = NULL;
    const struct device_settings settings = {.n_threads = wanted->threads > 0 ? (int)wanted->threads
                                                                              : default_threads(),
                                             .index = (int)wanted->gpu};

    TRY(backend_choice_check_gpu(wanted->device, wanted->gpu));
    TRY(arena_create(&arena));
    TRY(backend_choose(wanted->device, &backend));
    TRY(trainer_create(backend, &settings, &trainer));
    TRY(evaluate(wanted, trainer, arena));
done:
    trainer_destroy(trainer);
    arena_destroy(arena);
    return status;
}

int cli_eval(int argc, char **argv)
{
    struct eval_options wanted = {.dataset = "cifar10",
                                  .mean = "base",
                                  .std = "base",
                                  .device = "auto",
                                  .mia = "loss_lr",
                                  .batch_size = EVAL_BATCH_AUTO};
    bool is_help = false;

    enum status status = parse(argc, argv, &wanted, &is_help);
    if (status == STATUS_OK && !is_help)
        status = run(&wanted);
    return cli_finish(status);
}
