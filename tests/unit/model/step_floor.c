/* What a training step cannot do without, counted from the graph: launches, bytes that pass through
 * memory, and the time a GPU of given speed needs at the least. Prints the table; fails when a step
 * has come to need more. */
#include "unit/model/training_graph.h"

#include "graph/executor.h"
#include "graph/passes.h"
#include "kernels/cuda/host/host_gpu.h"
#include "kernels/cuda/low_rank.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/trainable_elements.h"
#include "train/step/step_end.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One H200, measured: bf16 matrix products and copies. An epoch: 45 000 images, 128 at a time. */
static const double flops_per_second = 790e12, bytes_per_second = 4.3e12;
enum { BATCH = 128, FULL_STEPS = 351, LAST_BATCH = 72 };

/* Launches of the cuda backend; a library's convolution or product counts as one. */
static int64_t launches_of(enum op_kind kind)
{
    switch (kind) {
    case OP_batch_norm_statistics:
    case OP_batch_norm_gradient_sums:
    case OP_softmax_cross_entropy:
    case OP_clip_scale:
        return 2; /* parts, then totals */
    case OP_linear_backward_weight:
        return 2; /* the product, the bias */
    default:
        return 1;
    }
}

/* An adapter's second weight: the sums of its gradient are added in two steps. */
static bool is_low_rank_gradient(const struct graph *graph, const struct graph_node *node)
{
    if (node->kind != OP_conv2d_backward_weight)
        return false;
    const int64_t *weight = graph->values[node->values[2]].shape;
    return weight[1] == 1 && weight[2] == 1 && weight[3] <= LOW_RANK_INPUTS &&
           node->attributes.conv2d_backward_weight.stride == 1;
}

static int64_t launches_of_node(const struct graph *graph, const struct graph_node *node)
{
    return launches_of(node->kind) + is_low_rank_gradient(graph, node);
}

struct count {
    int64_t launches;
    double bytes, flops, seconds; /* seconds: the slower of the two, operation by operation */
};

static double elements_of(const struct value *value)
{
    double n = 1;

    for (int i = 0; i < value->n_dims; i++)
        n *= (double)value->shape[i];
    return n;
}

/* The table of images holds one batch here, so that its size is what a step reads of it. */
static double bytes_of(const struct graph *graph, const struct graph_node *node)
{
    const struct op_info *info = op_info(node->kind);
    double bytes = 0;

    for (int t = 0; t < info->n_tensors; t++) {
        if (node->values[t] < 0)
            continue;
        const struct value *value = &graph->values[node->values[t]];
        double passes = info->tensors[t].access == ACCESS_UPDATED ? 2 : 1;
        bytes += passes * elements_of(value) * (double)dtype_bytes(value->dtype);
    }
    return bytes;
}

/* Two per multiplication of products; the shape is that of weight and output. */
static double flops_of(const struct graph *graph, const struct graph_node *node)
{
    static const int weights[][2] = {
        [OP_conv2d_forward] = {1, 2},         [OP_conv2d_backward_data] = {1, 0},
        [OP_conv2d_backward_weight] = {2, 1}, [OP_linear_forward] = {1, 3},
        [OP_linear_backward_data] = {1, 0},   [OP_linear_backward_weight] = {2, 1}};

    if (node->kind < OP_conv2d_forward || node->kind > OP_linear_backward_weight)
        return 0;
    const struct value *weight = &graph->values[node->values[weights[node->kind][0]]];
    const struct value *y = &graph->values[node->values[weights[node->kind][1]]];
    return 2 * elements_of(y) * elements_of(weight) / (double)weight->shape[0];
}

static void add(struct count *count, int64_t launches, double bytes, double flops)
{
    count->launches += launches;
    count->bytes += bytes;
    count->flops += flops;
    count->seconds += fmax(bytes / bytes_per_second, flops / flops_per_second);
}

/* All nodes, one Adam step (gradient read, parameter and two moments read and written) and the
 * tally, whose logits are the only bytes worth a word; where maps are narrower, the parameters made
 * so. */
static struct count count_step(const char *name, int64_t batch_size, int64_t lora_rank,
                               enum dtype map)
{
    struct graph *graph = training_graph(name, batch_size, lora_rank, map);
    struct count count = {0};
    double n_trained = (double)trainable_elements(graph);

    for (int64_t i = 0; i < graph->n_nodes; i++)
        add(&count, launches_of_node(graph, &graph->nodes[i]), bytes_of(graph, &graph->nodes[i]),
            flops_of(graph, &graph->nodes[i]));
    add(&count, launches_of(OP_adam_step), 7 * sizeof(float) * n_trained, 0);
    add(&count, launches_of(OP_step_tally),
        elements_of(&graph->values[graph->logits]) * sizeof(float), 0);
    if (map != DTYPE_F32)
        add(&count, launches_of(OP_convert), (double)(sizeof(float) + dtype_bytes(map)) * n_trained,
            0);
    graph_destroy(graph);
    return count;
}

struct subject {
    const char *arch;
    int64_t lora_rank, most_launches;
    double most_gigabytes, most_halved; /* maps in f32, in bf16 */
    /* bf16, if batch norm's statistics came out of the convolutions and adapters were part of them:
     * an estimate to compare with; 0: none was made */
    double fused_gigabytes;
};

static const struct subject subjects[] = {
    {"resnet20", 0, 185, 1.69, 0.85, 0.72},
    {"resnet20", 8, 330, 2.76, 1.38, 0},
    {"resnet50", 0, 487, 30.5, 15.8, 13.9},
    {"resnet50", 8, 871, 44.9, 22.5, 13.9},
};

static bool is_within(const struct subject *subject)
{
    struct count full = count_step(subject->arch, BATCH, subject->lora_rank, DTYPE_F32);
    struct count half = count_step(subject->arch, BATCH, subject->lora_rank, DTYPE_BF16);
    struct count full_last = count_step(subject->arch, LAST_BATCH, subject->lora_rank, DTYPE_F32);
    struct count half_last = count_step(subject->arch, LAST_BATCH, subject->lora_rank, DTYPE_BF16);

    printf("%-9s %4lld %8lld %10.3f | %7.3f %7.3f | %8.3f %7.3f %8.2f\n", subject->arch,
           (long long)subject->lora_rank, (long long)full.launches, 1e-9 * full.flops / BATCH,
           1e-9 * full.bytes, FULL_STEPS * full.seconds + full_last.seconds, 1e-9 * half.bytes,
           FULL_STEPS * half.seconds + half_last.seconds,
           subject->fused_gigabytes > 0 ? 1e-9 * half.bytes / subject->fused_gigabytes : 0);
    return full.launches <= subject->most_launches && half.launches <= full.launches + 1 &&
           1e-9 * full.bytes <= subject->most_gigabytes &&
           1e-9 * half.bytes <= subject->most_halved;
}

static void test_steps(void **state)
{
    int n_over = 0;

    (void)state;
    printf("%-9s %4s %8s %10s | %7s %7s | %8s %7s %8s\n", "", "lora", "launches", "GFLOP/img",
           "GB, f32", "s/epoch", "GB, bf16", "s/epoch", "of fused");
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        n_over += !is_within(&subjects[i]);
    assert_int_equal(n_over, 0);
}

static void upload_zeros(struct executor *executor, const struct graph *graph, int value)
{
    const struct value *row = &graph->values[value];
    void *zeros = calloc((size_t)elements_of(row), dtype_bytes(row->dtype));

    assert_non_null(zeros);
    ok(executor_upload(executor, value, zeros));
    free(zeros);
}

/* launches_of says what the backend does: a step of the substitute enqueues as much. */
static void test_launches(void **state)
{
    const enum precision *precision = *state;
    const struct device_settings settings = {.n_threads = 1, .precision = *precision};
    struct device *device = NULL;
    struct parameters *parameters = NULL;
    struct executor *executor = NULL;
    struct optimizer *optimizer = NULL;
    struct tally *tally = NULL;
    struct step_end *end = NULL;
    const struct recipe recipe = {.optimizer = OPTIMIZER_ADAM};
    int64_t wanted = launches_of(OP_adam_step) + launches_of(OP_step_tally) +
                     (*precision == PRECISION_BF16); /* the parameters, made narrow */

    ok(device_open(backend_find("cuda_host"), &settings, &device));
    struct graph *graph = training_graph("resnet20", 2, 8, device_map(device));
    ok(parameters_create(graph, device_queue(device), 1, &parameters));
    const struct executor_settings execution = {.queue = device_queue(device),
                                                .parameters = parameters};
    ok(executor_create(graph, &execution, &executor));
    upload_zeros(executor, graph, graph->images);
    upload_zeros(executor, graph, graph->image_labels);
    upload_zeros(executor, graph, graph->indices);
    upload_zeros(executor, graph, graph->epoch);
    ok(optimizer_create(&recipe, parameters, device_queue(device), &optimizer));
    ok(optimizer_set_rates(optimizer, 1e-3, 1));
    ok(tally_create(device_queue(device), &tally));
    ok(step_end_create(executor, graph, optimizer, tally, &end));
    ok(queue_synchronize(device_queue(device)));
    int64_t before = host_gpu()->n_run;
    ok(executor_run(executor));
    ok(queue_synchronize(device_queue(device)));
    for (int64_t i = 0; i < graph->n_nodes; i++)
        wanted += launches_of_node(graph, &graph->nodes[i]);
    assert_int_equal(host_gpu()->n_run - before, wanted);
    executor_destroy(executor);
    step_end_destroy(end);
    tally_destroy(tally);
    optimizer_destroy(optimizer);
    parameters_destroy(parameters);
    device_close(device);
    graph_destroy(graph);
}

int main(void)
{
    static enum precision fp32 = PRECISION_FP32, bf16 = PRECISION_BF16;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps),
                                       cmocka_unit_test_prestate(test_launches, &fp32),
                                       cmocka_unit_test_prestate(test_launches, &bf16)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
