/* What a finished run leaves behind: run.h5 with metrics, history, per-image losses, confusion
 * matrices and the predictions of D_f; weights with their manifest. */
#include "train/execution.h"
#include "train/keep/save.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/numerics.h"
#include "eval/measures.h"
#include "store/results/run_paths.h"
#include "store/results/run_summary.h"
#include "train/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { N_VALUES = EVAL_MAX_METRICS + 8 };

static double peak_memory_bytes(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? 1024.0 * (double)usage.ru_maxrss : NAN;
}

static struct run_value value_of(const char *name, double value)
{
    const struct measure *measure = measure_find(name);

    assert(measure != NULL);
    return (struct run_value){measure->name, measure->unit, measure->long_name, value};
}

static void add_costs(const struct execution *execution, struct run_value *values, int64_t *n)
{
    const struct lane *lane = &execution->lane;
    bool has_trained = method_phase(execution->network.method) != NULL;
    double train = lane->position.seconds;
    double eval = execution->eval_seconds + lane->validation_seconds;
    double all = clock_seconds() - execution->started_seconds;
    double here = train - lane->first_seconds; /* of this attempt */
    double images = has_trained ? (double)lane->position.step / (double)lane->schedule.per_epoch *
                                      (double)stepper_images_per_epoch(lane->stepper)
                                : 0;
    double trainable =
        has_trained ? (double)parameters_trainable_elements(execution->network.parameters) : 0;

    values[(*n)++] = value_of("seconds_train", train);
    values[(*n)++] = value_of("seconds_eval", eval);
    values[(*n)++] = value_of("seconds_other", all - here - eval);
    values[(*n)++] = value_of("images_per_second", train > 0 ? images / train : NAN);
    values[(*n)++] = value_of("trainable_parameters", trainable);
    values[(*n)++] = value_of("peak_memory", peak_memory_bytes());
}

/* As run.h5 says which images are forgotten and set aside; the others are 0. */
enum { IS_FORGOTTEN = 1, IS_VALIDATION = 2 };

static void mark(uint8_t *part, const int32_t *images, int64_t n, uint8_t value)
{
    for (int64_t i = 0; i < n; i++)
        part[images[i]] = value;
}

/* All images in part 0. */
static enum status samples_of(struct arena *arena, const char *name,
                              const struct predictions *predictions, struct run_samples *out,
                              uint8_t **part)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(*part, ARENA_ARRAY(arena, predictions->n, uint8_t));
    *out = (struct run_samples){
        name, predictions->n, predictions->loss, predictions->margin, predictions->labels, *part};
done:
    return status;
}

/* Where the split sets images aside, which epoch was best with them. */
static void add_selection(const struct execution *execution, struct run_value *values, int64_t *n)
{
    int64_t best = execution->lane.selection.best_epoch;

    if (execution->split->n_validation > 0)
        values[(*n)++] = value_of("best_epoch", best > 0 ? (double)best : NAN);
}

static enum status history_of(const struct execution *execution, struct run_series *columns)
{
    enum status status = STATUS_OK;
    const struct history *history = &execution->lane.history;

    for (int c = 0; c < history_columns(history); c++)
        TRY(history_series(history, c, execution->arena, &columns[c]));
done:
    return status;
}

static enum status fill_forget(const struct execution *execution, struct run_forget *out)
{
    enum status status = STATUS_OK;
    const struct split *split = execution->split;
    const struct predictions *predictions = &execution->train;
    int n_classes = predictions->n_classes;
    float *probability = NULL;
    double *profile = NULL;

    TRY_ALLOC(probability, ARENA_ARRAY(execution->arena, split->n_forget * n_classes, float));
    TRY_ALLOC(profile, ARENA_ARRAY(execution->arena, n_classes, double));
    for (int64_t i = 0; i < split->n_forget; i++)
        memcpy(probability + i * n_classes,
               predictions->probability + (int64_t)split->forget[i] * n_classes,
               (size_t)n_classes * sizeof *probability);
    confusion_profile(predictions, split->forget, split->n_forget, profile);
    *out = (struct run_forget){split->n_forget, n_classes, split->forget, probability, profile};
done:
    return status;
}

/* Over the images that the split deals: what it leaves out counts nowhere. */
static enum status fill_classes(const struct execution *execution, struct run_file *run)
{
    enum status status = STATUS_OK;
    const struct split *split = execution->split;
    const struct {
        const char *name;
        const struct predictions *predictions;
        struct image_list lists[2];
    } tables[2] = {
        {"train",
         &execution->train,
         {{split->forget, split->n_forget}, {split->retain, split->n_retain}}},
        {"test",
         &execution->test,
         {{split->test_forget, split->n_test_forget}, {split->test_retain, split->n_test_retain}}},
    };

    for (int t = 0; t < 2; t++) {
        struct confusion_matrix matrix;
        TRY(confusion_matrix_create(tables[t].predictions, tables[t].lists, execution->arena,
                                    &matrix));
        run->classes[t] =
            (struct run_classes){tables[t].name, matrix.n_classes, matrix.counts, matrix.accuracy};
    }
    run->n_classes = 2;
done:
    return status;
}

static enum status fill_samples(struct execution *execution, struct run_file *run)
{
    enum status status = STATUS_OK;
    struct arena *arena = execution->arena;
    const struct split *split = execution->split;
    uint8_t *train = NULL, *test = NULL;

    TRY(samples_of(arena, "train", &execution->train, &run->samples[0], &train));
    TRY(samples_of(arena, "test", &execution->test, &run->samples[1], &test));
    run->n_samples = 2;
    mark(train, split->forget, split->n_forget, IS_FORGOTTEN);
    mark(train, split->validation, split->n_validation, IS_VALIDATION);
    mark(test, split->test_forget, split->n_test_forget, IS_FORGOTTEN);
    TRY(fill_classes(execution, run));
    TRY(fill_forget(execution, &run->forget));
done:
    return status;
}

/* Of all files the run has written by now, run.h5 among them. */
static enum status summarize(const struct execution *execution, const struct run_file *run)
{
    enum status status = STATUS_OK;
    const struct train_job *job = execution->job;
    struct run_summary summary = {.run = *run};

    TRY_ALLOC(summary.run.values, ARENA_ARRAY(execution->arena, run->n_values, struct run_value));
    for (int64_t i = 0; i < run->n_values; i++) { /* the catalogue has the rest */
        const char *name = run->values[i].name;
        summary.run.values[i] = (struct run_value){name, "1", name, run->values[i].value};
    }
    TRY(written_files_find(job->folder, execution->arena, &summary.files, &summary.n_files));
    TRY(run_summary_print(&summary, job->summary));
done:
    return status;
}

static void give_scores(const struct run_file *run, double *scores)
{
    for (int i = 0; i < N_SCORES; i++)
        scores[i] = run_file_value(run, measure_score(i)->name);
}

enum status execution_record(struct execution *execution, const char *state, const char *message)
{
    enum status status = STATUS_OK;
    const struct train_job *job = execution->job;
    struct run_value values[N_VALUES];
    struct run_series history[N_HISTORY];
    struct text settings = {0};
    char host[256] = "", device[DEVICE_TEXT_BYTES], *path = NULL;
    struct run_file run = {.id = job->id,
                           .name = job->name,
                           .state = state,
                           .message = message,
                           .attempt = job->attempt,
                           .started = execution->started,
                           .values = values,
                           .history = history,
                           .n_history = history_columns(&execution->lane.history)};

    gethostname(host, sizeof host - 1);
    run.host = host;
    device_describe(execution->network.device, device);
    run.device = device;
    run.numerics = NUMERICS_VERSION;
    run.n_threads = device_threads(execution->network.device);
    TRY(settings_to_json(job->settings, &settings));
    TRY(text_finish(&settings));
    run.settings_json = text_value(&settings);
    for (int i = 0; i < execution->metrics.n; i++)
        values[run.n_values++] =
            value_of(execution->metrics.items[i].name, execution->metrics.items[i].value);
    add_selection(execution, values, &run.n_values);
    add_costs(execution, values, &run.n_values);
    TRY(history_of(execution, history));
    if (execution->is_evaluated) {
        run.eval_batch_size = execution->train.batch_size;
        TRY(fill_samples(execution, &run));
    }
    TRY_ALLOC(path, path_join(execution->arena, job->folder, RUN_RESULT_NAME));
    TRY(run_file_write(path, &run));
    if (job->summary != NULL && strcmp(state, "done") == 0)
        TRY(summarize(execution, &run));
    if (job->scores != NULL)
        give_scores(&run, job->scores);
done:
    text_release(&settings);
    return status;
}

static enum status save_manifest(const struct execution *execution, const char *path)
{
    enum status status = STATUS_OK;
    const struct settings *settings = execution->job->settings;
    struct text recipe = {0};
    char sha256[HASH_HEX_BYTES];
    struct manifest manifest = {.arch = settings->model.arch,
                                .dataset = settings->data.dataset,
                                .split_hash = execution->split->hash,
                                .licence = "unspecified",
                                .sha256 = sha256,
                                .has_normalisation = true,
                                .seed = settings->seed};

    TRY(settings_to_json(settings, &recipe));
    TRY(text_finish(&recipe));
    manifest.recipe = text_value(&recipe);
    TRY(hash_file(path, sha256));
    memcpy(manifest.mean, execution->network.spec.mean, sizeof manifest.mean);
    memcpy(manifest.std, execution->network.spec.std, sizeof manifest.std);
    TRY(manifest_save(path, &manifest));
done:
    text_release(&recipe);
    return status;
}

enum status execution_save_weights(struct execution *execution)
{
    enum status status = STATUS_OK;
    const struct train_job *job = execution->job;
    struct parameters *parameters = execution->network.parameters;
    const struct network_spec *spec = &execution->network.spec;
    const char *path = job->weights_path;

    if (path == NULL)
        TRY_ALLOC(path, path_join(execution->arena, job->folder, RUN_WEIGHTS_NAME));
    if (spec->adaptation == ADAPTATION_LORA) {
        char *adapters = NULL;
        TRY_ALLOC(adapters, path_join(execution->arena, job->folder, RUN_ADAPTERS_NAME));
        TRY(parameters_save(parameters, SAVE_ADAPTERS, adapters));
        TRY(parameters_merge_lora(parameters, spec->lora.alpha / (double)spec->lora.lora_rank));
    }
    TRY(parameters_save(parameters, SAVE_MODEL, path));
    TRY(save_manifest(execution, path));
done:
    return status;
}
