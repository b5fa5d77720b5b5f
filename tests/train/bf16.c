/* Every method's first steps in bf16, on the cuda backend's host substitute, beside float64.
 *
 * How near: rounding to bf16 errs by at most u = 2^-8 of a number, by u/√3 in the root mean square.
 * Products pass the error of their factors on, batch norm, ReLU and additions keep its share of a
 * map, so m roundings one behind the other leave a share of ε = √m·u/√3. In the logits it moves the
 * loss of an image, whose gradient has a length below √2, by √2·ε·(their root mean square), and the
 * mean of n images by a √n-th of that. In a gradient it moves the next loss by ε times what the
 * step changes it by. Four times the sum of both is the bound, with all maps and factors counted,
 * as though they lay one behind the other. */
#include "base/random.h"
#include "graph/executor.h"
#include "graph/passes.h"
#include "model/model.h"
#include "train/step/optimizer.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 8, CLASSES = 10, BATCH = 8, N_STEPS = 4 };
static const double rate = 0.01;

struct training {
    struct device *device;
    struct graph *graph;
    struct parameters *parameters;
    struct executor *executor;
    struct optimizer *optimizer;
};

static void build(struct training *training, const char *method)
{
    const struct architecture *architecture = architecture_find("resnet20");
    const struct graph_settings settings = {.mode = GRAPH_TRAIN,
                                            .real = device_real(training->device),
                                            .map = device_map(training->device),
                                            .batch_size = BATCH,
                                            .height = SIZE,
                                            .width = SIZE,
                                            .channels = 3,
                                            .n_images = BATCH,
                                            .n_classes = CLASSES,
                                            .mean = {0.5, 0.5, 0.5},
                                            .std = {0.25, 0.25, 0.25},
                                            .seed = 1};
    const struct lora_inject lora = {
        .targets = architecture->lora_targets, .lora_rank = 4, .alpha = 8, .dropout = 0.1};

    ok(model_build(architecture, &settings, &training->graph));
    if (strstr(method, "lora") != NULL) {
        ok(pass_freeze_except(training->graph, &architecture->head, 1));
        ok(pass_lora_inject(training->graph, &lora));
    }
    ok(pass_autodiff(training->graph));
    ok(pass_fuse(training->graph));
}

/* The same noise with labels in every step. */
static void upload_batch(const struct training *training)
{
    enum { BYTES = BATCH * 3 * SIZE * SIZE };
    const struct random_key key = {.seed = 1, .purpose = RANDOM_SYNTHESIS};
    const struct graph *graph = training->graph;
    uint8_t images[BYTES];
    int32_t labels[BATCH], indices[BATCH], epoch = 0;

    for (uint32_t i = 0; i < BYTES; i++)
        images[i] = (uint8_t)(256 * random_uniform(&key, i));
    for (int i = 0; i < BATCH; i++) {
        labels[i] = i % CLASSES;
        indices[i] = i;
    }
    ok(executor_upload(training->executor, graph->images, images));
    ok(executor_upload(training->executor, graph->image_labels, labels));
    ok(executor_upload(training->executor, graph->indices, indices));
    ok(executor_upload(training->executor, graph->epoch, &epoch));
}

static void begin(struct training *training, const char *backend, enum precision precision,
                  const char *method)
{
    const struct device_settings settings = {.n_threads = 1, .precision = precision};
    const struct recipe recipe = {.optimizer = OPTIMIZER_SGD, .lr = rate};
    const struct prune_settings prune = {.sparsity = 0.5, .mask = PRUNE_HELD};

    ok(device_open(backend_find(backend), &settings, &training->device));
    build(training, method);
    ok(parameters_create(training->graph, device_queue(training->device), 1,
                         &training->parameters));
    if (strstr(method, "prune") != NULL)
        ok(parameters_prune(training->parameters, &prune));
    const struct executor_settings host = {.queue = device_queue(training->device),
                                           .parameters = training->parameters};
    ok(executor_create(training->graph, &host, &training->executor));
    upload_batch(training);
    ok(optimizer_create(&recipe, training->parameters, device_queue(training->device),
                        &training->optimizer));
}

static void end(struct training *training)
{
    optimizer_destroy(training->optimizer);
    executor_destroy(training->executor);
    parameters_destroy(training->parameters);
    graph_destroy(training->graph);
    device_close(training->device);
}

/* Root mean square of n numbers of the last run. */
static double size_of(const struct training *training, int value, int64_t n)
{
    union {
        float f32[BATCH * CLASSES];
        double f64[BATCH * CLASSES];
    } numbers;
    bool is_f32 = device_real(training->device) == DTYPE_F32;
    double sum = 0;

    ok(executor_download(training->executor, value, &numbers));
    for (int64_t i = 0; i < n; i++)
        sum += is_f32 ? pow((double)numbers.f32[i], 2) : pow(numbers.f64[i], 2);
    return sqrt(sum / (double)n);
}

struct curve {
    double loss[N_STEPS], logit[N_STEPS]; /* root mean square of the logits */
};

static struct curve train(const struct training *training)
{
    struct curve curve;

    for (int step = 0; step < N_STEPS; step++) {
        ok(executor_run(training->executor));
        ok(optimizer_set_rates(training->optimizer, rate, step + 1));
        ok(optimizer_enqueue(training->optimizer));
        curve.loss[step] = size_of(training, training->graph->loss, 1); /* never negative */
        curve.logit[step] = size_of(training, training->graph->logits, BATCH * CLASSES);
    }
    return curve;
}

/* Maps and factors: what is held in bf16. */
static int count_roundings(const struct graph *graph)
{
    int n = 0;

    for (int64_t v = 0; v < graph->n_values; v++)
        n += graph->values[v].dtype == DTYPE_BF16;
    return n;
}

static void compare(const char *method, const struct curve *exact, const struct curve *found,
                    int n_roundings)
{
    double share = sqrt(n_roundings) * 0x1p-8 / sqrt(3), path = 0, most = 0, bound = 0;

    for (int step = 0; step < N_STEPS; step++) {
        double error = fabs(found->loss[step] - exact->loss[step]);
        if (step > 0)
            path += fabs(exact->loss[step] - exact->loss[step - 1]);
        bound = 4 * share * (sqrt(2.0 / BATCH) * exact->logit[step] + path);
        printf("%s, step %d: loss %.6f, in bf16 %.6f; error %.2g, bound %.2g\n", method, step + 1,
               exact->loss[step], found->loss[step], error, bound);
        if (!(error <= bound))
            fail_msg("%s, step %d: error %.3g, bound %.3g", method, step + 1, error, bound);
        most = fmax(most, error);
    }
    assert_true(exact->loss[0] - exact->loss[N_STEPS - 1] > 2 * bound); /* more than that */
    assert_true(most > 0x1p-16); /* float32 would err by less */
}

static void follows_float64(void **state)
{
    const char *method = *state;
    struct training exact = {.device = NULL}, rounded = {.device = NULL};

    begin(&exact, "ref", PRECISION_FP32, method);
    begin(&rounded, "cuda_host", PRECISION_BF16, method);
    const struct curve wanted = train(&exact), found = train(&rounded);
    compare(method, &wanted, &found, count_roundings(rounded.graph));
    end(&exact);
    end(&rounded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "finetune"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "prune_finetune"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "lora"),
        cmocka_unit_test_prestate(follows_float64, (void *)(uintptr_t) "prune_lora"),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
