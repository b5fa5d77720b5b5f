/* Trains a network for some steps on a named backend, without the program around it: what a machine
 * without MPI and HDF5 can run.
 *   gpu_steps BACKEND ARCH finetune|prune_finetune|lora|prune_lora BATCH STEPS [tf32|bf16]
 *             [time|report]
 * Prints JSON: the loss of every step and a checksum of the trained parameters; with `time`, images
 * per second, when nobody looks at a loss; with `report`, after the losses, how long planning took,
 * how much memory is used, and what computes each operation. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "graph/executor.h"
#include "model/model.h"
#include "train/step/step_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 32, CLASSES = 10, MOST_BEHIND = 32 };

struct steps {
    const char *backend, *arch, *method;
    int64_t batch_size, n_steps;
    enum precision precision;
    bool is_timed, reports;
    double planning_seconds;
    size_t free_bytes; /* before anything was allocated */
    struct device *device;
    struct graph *graph;
    struct parameters *parameters;
    struct executor *executor;
    struct optimizer *optimizer;
    struct tally *tally;
    struct step_end *end;
    struct readback *losses;
    int64_t n_read;
};

static bool adapts(const struct steps *steps)
{
    return strstr(steps->method, "lora") != NULL;
}

static enum status build(struct steps *steps)
{
    enum status status = STATUS_OK;
    const struct architecture *architecture = architecture_find(steps->arch);
    const struct graph_settings settings = {
        .mode = GRAPH_TRAIN,
        .real = device_real(steps->device),
        .map = device_map(steps->device),
        .batch_size = steps->batch_size,
        .height = SIZE,
        .width = SIZE,
        .channels = 3,
        .n_images = steps->batch_size,
        .n_classes = CLASSES,
        .mean = {0.5, 0.5, 0.5},
        .std = {0.25, 0.25, 0.25},
        .seed = 1,
    };

    if (architecture == NULL)
        return fail(STATUS_BAD_CONFIG, "no architecture '%s'", steps->arch);
    char text[PATTERN_BYTES];
    struct lora_inject lora = {.targets = architecture_pattern(architecture, &settings.vit,
                                                               architecture->lora_targets, text),
                               .lora_rank = 8,
                               .alpha = 16,
                               .dropout = 0.1};
    TRY(model_build(architecture, &settings, &steps->graph));
    if (adapts(steps)) {
        TRY(pass_freeze_except(steps->graph, &architecture->head, architecture->head != NULL));
        TRY(pass_lora_inject(steps->graph, &lora));
    }
    TRY(pass_autodiff(steps->graph));
    TRY(pass_fuse(steps->graph));
done:
    return status;
}

/* One batch, the same in every step: noise with labels, which a network learns by heart. */
static enum status upload_batch(struct steps *steps)
{
    enum status status = STATUS_OK;
    const struct random_key key = {.seed = 1, .purpose = RANDOM_INITIAL_VALUES};
    int64_t n = steps->batch_size * 3 * SIZE * SIZE;
    uint8_t *images = NULL;
    int32_t *numbers = NULL, epoch = 0;

    TRY_ALLOC(images, heap_alloc(n, 1));
    TRY_ALLOC(numbers, heap_alloc(steps->batch_size, sizeof *numbers));
    for (int64_t i = 0; i < n; i++)
        images[i] = (uint8_t)(256 * random_uniform(&key, (uint32_t)i));
    TRY(executor_upload(steps->executor, steps->graph->images, images));
    for (int64_t i = 0; i < steps->batch_size; i++)
        numbers[i] = (int32_t)(i % CLASSES);
    TRY(executor_upload(steps->executor, steps->graph->image_labels, numbers));
    for (int64_t i = 0; i < steps->batch_size; i++)
        numbers[i] = (int32_t)i;
    TRY(executor_upload(steps->executor, steps->graph->indices, numbers));
    if (steps->graph->epoch >= 0)
        TRY(executor_upload(steps->executor, steps->graph->epoch, &epoch));
done:
    free(images);
    free(numbers);
    return status;
}

static enum status open(struct steps *steps)
{
    enum status status = STATUS_OK;
    const struct backend *backend = NULL;
    const struct device_settings settings = {.n_threads = 2, .precision = steps->precision};
    const struct recipe recipe = {.optimizer = OPTIMIZER_ADAM, .lr = 1e-3};
    const struct prune_settings prune = {.sparsity = 0.5, .mask = PRUNE_HELD};

    TRY(backend_load(steps->backend, &backend));
    TRY(device_open(backend, &settings, &steps->device));
    TRY(device_available(steps->device, &steps->free_bytes));
    TRY(build(steps));
    TRY(parameters_create(steps->graph, device_queue(steps->device), 1, &steps->parameters));
    if (strstr(steps->method, "prune") != NULL)
        TRY(parameters_prune(steps->parameters, &prune));
    struct executor_settings host = {.queue = device_queue(steps->device),
                                     .parameters = steps->parameters};
    double start = clock_seconds();
    TRY(executor_create(steps->graph, &host, &steps->executor));
    steps->planning_seconds = clock_seconds() - start;
    TRY(upload_batch(steps));
    TRY(optimizer_create(&recipe, steps->parameters, device_queue(steps->device),
                         &steps->optimizer));
    TRY(tally_create(device_queue(steps->device), &steps->tally));
    TRY(tally_begin(steps->tally, 0));
    TRY(step_end_create(steps->executor, steps->graph, steps->optimizer, steps->tally,
                        &steps->end));
    TRY(readback_create(device_queue(steps->device), dtype_bytes(device_real(steps->device)),
                        MOST_BEHIND, &steps->losses));
done:
    return status;
}

static void close(struct steps *steps)
{
    if (steps->losses != NULL)
        readback_destroy(steps->losses);
    executor_destroy(steps->executor);
    step_end_destroy(steps->end);
    tally_destroy(steps->tally);
    optimizer_destroy(steps->optimizer);
    parameters_destroy(steps->parameters);
    graph_destroy(steps->graph);
    device_close(steps->device);
}

/* Takes losses until at most `most` are on their way. */
static enum status read_losses(struct steps *steps, int64_t step, int64_t most)
{
    enum status status = STATUS_OK;
    union {
        float f32;
        double f64;
    } loss = {0};

    while (step - steps->n_read > most) {
        bool has_value = false;
        TRY(readback_pop(steps->losses, true, &loss, &has_value));
        double value = device_real(steps->device) == DTYPE_F32 ? (double)loss.f32 : loss.f64;
        printf("%s%.17g", steps->n_read > 0 ? ", " : "", value);
        steps->n_read++;
    }
done:
    return status;
}

static enum status train(struct steps *steps, int64_t first, int64_t n)
{
    enum status status = STATUS_OK;
    struct tensor loss = executor_tensor(steps->executor, steps->graph->loss);

    for (int64_t step = first; step < first + n; step++) {
        TRY(optimizer_set_rates(steps->optimizer, 1e-3, step + 1));
        TRY(executor_run(steps->executor));
        TRY(tally_step(steps->tally));
        if (steps->is_timed)
            continue;
        TRY(readback_push(steps->losses, loss.data));
        TRY(read_losses(steps, step + 1, MOST_BEHIND - 1));
    }
    TRY(steps->is_timed ? queue_synchronize(device_queue(steps->device))
                        : read_losses(steps, first + n, 0));
done:
    return status;
}

static enum status print_checksum(const struct steps *steps)
{
    enum status status = STATUS_OK;
    struct tensor values = parameters_flat_values(steps->parameters);
    void *bytes = NULL;

    TRY_ALLOC(bytes, heap_alloc((int64_t)tensor_bytes(&values), 1));
    TRY(queue_download(device_queue(steps->device), bytes, values.data, tensor_bytes(&values)));
    printf("], \"checksum\": \"%08x\"}\n", crc32_bytes(bytes, tensor_bytes(&values)));
done:
    free(bytes);
    return status;
}

static enum status time_steps(struct steps *steps)
{
    enum status status = STATUS_OK;
    enum { WARM = 5 };

    TRY(train(steps, 0, WARM));
    double start = clock_seconds();
    TRY(train(steps, WARM, steps->n_steps));
    double seconds = clock_seconds() - start;
    printf("{\"arch\": \"%s\", \"method\": \"%s\", \"batch\": %lld, \"images_per_second\": %.1f}\n",
           steps->arch, steps->method, (long long)steps->batch_size,
           (double)(steps->batch_size * steps->n_steps) / seconds);
done:
    return status;
}

/* A line for each implementation of each operation. */
static void print_implementations(const struct steps *steps)
{
    const struct graph *graph = steps->graph;

    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const char *name = executor_implementation(steps->executor, i);
        int64_t n = 0, first = -1;
        for (int64_t j = 0; j < graph->n_nodes; j++) {
            bool is_same = graph->nodes[j].kind == graph->nodes[i].kind &&
                           strcmp(executor_implementation(steps->executor, j), name) == 0;
            first = is_same && first < 0 ? j : first;
            n += is_same;
        }
        if (first == i)
            printf("  %s: %s, %lld times\n", op_info(graph->nodes[i].kind)->name, name,
                   (long long)n);
    }
}

static enum status print_report(const struct steps *steps)
{
    enum status status = STATUS_OK;
    size_t left = 0;

    TRY(device_available(steps->device, &left));
    print_implementations(steps);
    printf("%s %s, batch %lld, %s: planned in %.2f s, %.1f MiB in use\n", steps->arch,
           steps->method, (long long)steps->batch_size, precision_name(steps->precision),
           steps->planning_seconds,
           steps->free_bytes > left ? (double)(steps->free_bytes - left) / 1048576 : 0.0);
done:
    return status;
}

static enum status run(struct steps *steps)
{
    enum status status = STATUS_OK;

    TRY(open(steps));
    if (steps->is_timed)
        return time_steps(steps);
    printf("{\"arch\": \"%s\", \"method\": \"%s\", \"batch\": %lld, \"losses\": [", steps->arch,
           steps->method, (long long)steps->batch_size);
    TRY(train(steps, 0, steps->n_steps));
    TRY(print_checksum(steps));
    if (steps->reports)
        TRY(print_report(steps));
done:
    return status;
}

static bool has_word(int argc, char **argv, const char *word)
{
    for (int i = 6; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr,
                "usage: gpu_steps BACKEND ARCH METHOD BATCH STEPS [tf32|bf16] [time|report]\n");
        return 2;
    }
    struct steps steps = {
        .backend = argv[1],
        .arch = argv[2],
        .method = argv[3],
        .batch_size = strtoll(argv[4], NULL, 10),
        .n_steps = strtoll(argv[5], NULL, 10),
        .precision = has_word(argc, argv, "tf32")   ? PRECISION_TF32
                     : has_word(argc, argv, "bf16") ? PRECISION_BF16
                                                    : PRECISION_FP32,
        .is_timed = has_word(argc, argv, "time"),
        .reports = has_word(argc, argv, "report"),
    };
    enum status status = run(&steps);

    if (status != STATUS_OK)
        fprintf(stderr, "gpu_steps: %s (%s)\n", status_message(), status_origin());
    close(&steps);
    return status == STATUS_UNSUPPORTED ? 77 : status_exit_code(status);
}
