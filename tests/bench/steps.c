/* Times whole steps of one network on the cpu backend: images per second, and where the time goes
 * by kind of operation, with the bytes the plan says are moved.
 *   bench_steps ARCH train|eval plain|lora|prune_lora BATCH SECONDS [unfused] */
#include "base/clock.h"
#include "base/random.h"
#include "graph/executor.h"
#include "model/model.h"
#include "train/step/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_STEPS = 10000, SIZE = 32, CLASSES = 10 };

struct bench {
    const char *arch, *method;
    bool trains, is_unfused, counts_processor_time;
    int64_t batch_size;
    double seconds;
    struct device *device;
    struct graph *graph;
    struct parameters *parameters;
    struct executor *executor;
    struct optimizer *optimizer;
};

static bool has_adapters(const struct bench *bench)
{
    return strcmp(bench->method, "plain") != 0;
}

static enum status adapt(const struct bench *bench, const struct architecture *architecture)
{
    enum status status = STATUS_OK;
    char text[PATTERN_BYTES];
    int64_t lora_rank = architecture->vit.layers > 0 ? 16 : 8;
    struct lora_inject lora = {.targets = architecture_pattern(architecture, &(struct vit_shape){0},
                                                               architecture->lora_targets, text),
                               .lora_rank = lora_rank,
                               .alpha = 2 * (double)lora_rank,
                               .dropout = 0.1};

    TRY(pass_freeze_except(bench->graph, &architecture->head, architecture->head != NULL ? 1 : 0));
    TRY(pass_lora_inject(bench->graph, &lora));
done:
    return status;
}

static enum status build(struct bench *bench)
{
    enum status status = STATUS_OK;
    const struct architecture *architecture = architecture_find(bench->arch);
    struct graph_settings settings = {
        .mode = bench->trains ? GRAPH_TRAIN : GRAPH_EVAL,
        .real = DTYPE_F32,
        .batch_size = bench->batch_size,
        .height = SIZE,
        .width = SIZE,
        .channels = 3,
        .n_images = bench->batch_size,
        .n_classes = CLASSES,
        .mean = {0.4914, 0.4822, 0.4465},
        .std = {0.2471, 0.2435, 0.2616},
    };

    if (architecture == NULL)
        return fail(STATUS_BAD_CONFIG, "no architecture '%s'", bench->arch);
    TRY(model_build(architecture, &settings, &bench->graph));
    if (has_adapters(bench))
        TRY(adapt(bench, architecture));
    if (bench->trains)
        TRY(pass_autodiff(bench->graph));
    if (!bench->is_unfused)
        TRY(pass_fuse(bench->graph));
done:
    return status;
}

/* Noise and labels from Philox: never time on zeros. */
static enum status upload_images(const struct bench *bench)
{
    enum status status = STATUS_OK;
    const struct random_key key = {.seed = 1, .purpose = RANDOM_INITIAL_VALUES};
    int64_t n = bench->batch_size * 3 * SIZE * SIZE;
    uint8_t *images = NULL;
    int32_t *numbers = NULL, epoch = 0;

    TRY_ALLOC(images, heap_alloc(n, 1));
    TRY_ALLOC(numbers, heap_alloc(bench->batch_size, sizeof *numbers));
    for (int64_t i = 0; i < n; i++)
        images[i] = (uint8_t)(256 * random_uniform(&key, (uint32_t)i));
    TRY(executor_upload(bench->executor, bench->graph->images, images));
    for (int64_t i = 0; i < bench->batch_size; i++)
        numbers[i] = (int32_t)(i % CLASSES);
    TRY(executor_upload(bench->executor, bench->graph->image_labels, numbers));
    for (int64_t i = 0; i < bench->batch_size; i++)
        numbers[i] = (int32_t)i;
    TRY(executor_upload(bench->executor, bench->graph->indices, numbers));
    TRY(executor_upload(bench->executor, bench->graph->epoch, &epoch));
done:
    free(images);
    free(numbers);
    return status;
}

static enum status open(struct bench *bench, int n_threads)
{
    enum status status = STATUS_OK;
    struct device_settings device = {.n_threads = n_threads};
    struct recipe recipe = {.optimizer = OPTIMIZER_ADAM, .lr = 1e-4};
    struct prune_settings prune = {.sparsity = 0.5, .mask = PRUNE_HELD};
    char text[PATTERN_BYTES];

    TRY(device_open(&backend_cpu, &device, &bench->device));
    TRY(build(bench));
    const struct architecture *architecture = architecture_find(bench->arch);
    prune.targets = architecture_pattern(architecture, &(struct vit_shape){0},
                                         architecture->prune_targets, text);
    TRY(parameters_create(bench->graph, device_queue(bench->device), 1, &bench->parameters));
    if (strcmp(bench->method, "prune_lora") == 0)
        TRY(parameters_prune(bench->parameters, &prune));
    struct executor_settings settings = {.queue = device_queue(bench->device),
                                         .parameters = bench->parameters};
    TRY(executor_create(bench->graph, &settings, &bench->executor));
    TRY(upload_images(bench));
    if (bench->trains)
        TRY(optimizer_create(&recipe, bench->parameters, device_queue(bench->device),
                             &bench->optimizer));
done:
    return status;
}

static void close(struct bench *bench)
{
    optimizer_destroy(bench->optimizer);
    executor_destroy(bench->executor);
    parameters_destroy(bench->parameters);
    graph_destroy(bench->graph);
    device_close(bench->device);
}

static enum status step(const struct bench *bench, int64_t number)
{
    enum status status = STATUS_OK;

    TRY(executor_run(bench->executor));
    if (bench->optimizer != NULL) {
        TRY(optimizer_set_rates(bench->optimizer, 1e-4, number));
        TRY(optimizer_enqueue(bench->optimizer));
    }
    TRY(queue_synchronize(device_queue(bench->device)));
done:
    return status;
}

/* Processor time stands in for wall time where others use the cores too; it knows neither waiting
 * nor two threads at once. */
static double now(const struct bench *bench)
{
    struct timespec time;

    if (!bench->counts_processor_time)
        return clock_seconds();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Two products of tokens × tokens × channels forward, four backward. */
static double attention_flops(const struct bench *bench, const struct graph_node *node)
{
    bool is_forward = node->kind == OP_attention_forward;

    if (!is_forward && node->kind != OP_attention_backward)
        return 0;
    struct tensor y = executor_tensor(bench->executor, node->values[is_forward ? 1 : 2]);
    return (is_forward ? 4.0 : 8.0) * (double)tensor_elements(&y) * (double)y.shape[1];
}

/* Floating-point operations of a step: products of convolutions and linear layers, 2 per
 * multiplication; the shape is that of weight and output. */
static double flops_of(const struct bench *bench)
{
    static const int weights[][2] = {
        [OP_conv2d_forward] = {1, 2},         [OP_conv2d_backward_data] = {1, 0},
        [OP_conv2d_backward_weight] = {2, 1}, [OP_linear_forward] = {1, 3},
        [OP_linear_backward_data] = {1, 0},   [OP_linear_backward_weight] = {2, 1}};
    double flops = 0;

    for (int64_t i = 0; i < bench->graph->n_nodes; i++) {
        const struct graph_node *node = &bench->graph->nodes[i];
        flops += attention_flops(bench, node);
        if (node->kind < OP_conv2d_forward || node->kind > OP_linear_backward_weight)
            continue;
        struct tensor weight =
            executor_tensor(bench->executor, node->values[weights[node->kind][0]]);
        struct tensor y = executor_tensor(bench->executor, node->values[weights[node->kind][1]]);
        flops += 2.0 * (double)tensor_elements(&y) * (double)tensor_elements(&weight) /
                 (double)weight.shape[0];
    }
    return flops;
}

/* Median and quartiles over whole steps. */
static enum status time_steps(const struct bench *bench)
{
    enum status status = STATUS_OK;
    double *seconds = NULL;
    int64_t n = 0;

    TRY_ALLOC(seconds, heap_alloc(MOST_STEPS, sizeof *seconds));
    TRY(step(bench, 1)); /* warms up */
    TRY(step(bench, 2));
    for (double begin = now(bench);
         n < 3 || (n < MOST_STEPS && now(bench) - begin < bench->seconds); n++) {
        double start = now(bench);
        TRY(step(bench, n + 3));
        seconds[n] = now(bench) - start;
    }
    qsort(seconds, (size_t)n, sizeof *seconds, by_size);
    double batch = (double)bench->batch_size;
    printf("%s %s %s batch %lld: %.1f images/s (quartiles %.1f to %.1f, %lld steps), %.4f "
           "GFLOP/image\n",
           bench->arch, bench->trains ? "train" : "eval", bench->method,
           (long long)bench->batch_size, batch / seconds[n / 2], batch / seconds[3 * n / 4],
           batch / seconds[n / 4], (long long)n, 1e-9 * flops_of(bench) / batch);
done:
    free(seconds);
    return status;
}

struct share {
    double seconds, bytes;
    int64_t n;
};

static double bytes_of(const struct bench *bench, const struct graph_node *node)
{
    double bytes = 0;

    for (int t = 0; t < op_info(node->kind)->n_tensors; t++) {
        bool is_table = node->values[t] == bench->graph->images ||
                        node->values[t] == bench->graph->image_labels;
        if (node->values[t] < 0 || is_table)
            continue;
        struct tensor tensor = executor_tensor(bench->executor, node->values[t]);
        bytes += (double)tensor_bytes(&tensor);
    }
    return bytes;
}

/* Kinds of operations, forward and backward apart where the operation is the same. */
static enum status time_kinds(const struct bench *bench)
{
    enum { TIMES = 5 };
    enum status status = STATUS_OK;
    struct share shares[N_OP_KINDS] = {{0}}, all = {0};

    for (int round = 0; round < TIMES; round++)
        for (int64_t i = 0; i < bench->graph->n_nodes; i++) {
            const struct graph_node *node = &bench->graph->nodes[i];
            double start = now(bench);
            TRY(executor_run_node(bench->executor, i));
            struct share *share = &shares[node->kind];
            share->seconds += (now(bench) - start) / TIMES;
            share->bytes += bytes_of(bench, node) / TIMES;
            share->n += round == 0;
        }
    for (int kind = 0; kind < N_OP_KINDS; kind++) {
        if (shares[kind].n == 0)
            continue;
        printf("  %-28s %4lld nodes %9.2f ms %9.1f MB\n", op_info((enum op_kind)kind)->name,
               (long long)shares[kind].n, 1e3 * shares[kind].seconds, 1e-6 * shares[kind].bytes);
        all.n += shares[kind].n;
        all.seconds += shares[kind].seconds;
        all.bytes += shares[kind].bytes;
    }
    printf("  %-28s %4lld nodes %9.2f ms %9.1f MB\n", "all", (long long)all.n, 1e3 * all.seconds,
           1e-6 * all.bytes);
done:
    return status;
}

int main(int argc, char **argv)
{
    enum status status = STATUS_OK;

    if (argc < 6) {
        fprintf(stderr, "usage: bench_steps ARCH train|eval plain|lora|prune_lora BATCH SECONDS "
                        "[unfused]\n");
        return 2;
    }
    const char *threads = getenv("OMP_NUM_THREADS");
    struct bench bench = {
        .arch = argv[1],
        .method = argv[3],
        .trains = strcmp(argv[2], "train") == 0,
        .is_unfused = argc > 6 && strcmp(argv[6], "unfused") == 0,
        .counts_processor_time = getenv("BENCH_PROCESSOR_TIME") != NULL,
        .batch_size = strtoll(argv[4], NULL, 10),
        .seconds = strtod(argv[5], NULL),
    };

    TRY(open(&bench, threads != NULL ? (int)strtol(threads, NULL, 10) : 2));
    TRY(time_steps(&bench));
    if (getenv("BENCH_KINDS") != NULL)
        TRY(time_kinds(&bench));
done:
    if (status != STATUS_OK)
        fprintf(stderr, "bench_steps: %s\n", status_message());
    close(&bench);
    return status_exit_code(status);
}
