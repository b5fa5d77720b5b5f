/* The toy network and how tests run it. */
#include "support/toy.h"

#include "support/cmocka.h"
#include "support/random_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct graph_settings toy_settings(enum graph_mode mode, int64_t batch_size)
{
    return (struct graph_settings){.mode = mode,
                                   .real = DTYPE_F64,
                                   .batch_size = batch_size,
                                   .height = TOY_SIZE,
                                   .width = TOY_SIZE,
                                   .channels = 3,
                                   .n_images = TOY_IMAGES,
                                   .n_classes = TOY_CLASSES,
                                   .mean = {0.5, 0.4, 0.45},
                                   .std = {0.25, 0.2, 0.3},
                                   .seed = 11};
}

struct graph *toy_forward(const struct graph_settings *settings)
{
    struct graph *graph = NULL;
    struct conv_settings three = {
        .n_outputs = 4, .kernel = 3, .stride = 1, .padding = 1, .init = INIT_NORMAL_FAN_IN};
    struct conv_settings down = {
        .n_outputs = 6, .kernel = 3, .stride = 2, .padding = 1, .init = INIT_NORMAL_FAN_IN};
    struct conv_settings same = {
        .n_outputs = 6, .kernel = 3, .stride = 1, .padding = 1, .init = INIT_NORMAL_FAN_IN};
    struct conv_settings point = {
        .n_outputs = 5, .kernel = 1, .stride = 2, .init = INIT_NORMAL_FAN_IN};
    struct linear_settings head = {.n_outputs = TOY_CLASSES,
                                   .weight_init = INIT_UNIFORM_FAN_IN,
                                   .bias_init = INIT_UNIFORM_FAN_IN};

    ok(graph_create(settings, &graph));
    int x = graph_conv2d(graph, "conv1", graph_images(graph), &three);
    x = graph_relu(graph, graph_batch_norm(graph, "bn1", x));
    int y = graph_conv2d(graph, "block1.conv1", x, &down);
    y = graph_relu(graph, graph_batch_norm(graph, "block1.bn1", y));
    y = graph_batch_norm(graph, "block1.bn2", graph_conv2d(graph, "block1.conv2", y, &same));
    x = graph_relu(graph, graph_add(graph, y, graph_shortcut_pad(graph, x, 6), 1));
    y = graph_batch_norm(graph, "block2.bn1", graph_conv2d(graph, "block2.conv1", x, &point));
    x = graph_batch_norm(graph, "block2.shortcut.1",
                         graph_conv2d(graph, "block2.shortcut.0", x, &point));
    x = graph_relu(graph, graph_add(graph, y, x, 0.5));
    x = graph_linear(graph, "linear", graph_global_average_pool(graph, x), &head);
    graph_classifier_loss(graph, x);
    ok(graph_check(graph));
    return graph;
}

const struct lora_inject toy_lora = {
    .targets = "block[0-9]\\.conv[12]", .lora_rank = 2, .alpha = 3, .dropout = 0.25};

void toy_device_open(struct toy *toy, const struct backend *backend)
{
    struct device_settings settings = {.n_threads = 2};

    memset(toy, 0, sizeof *toy);
    ok(device_open(backend, &settings, &toy->device));
    toy->queue = device_queue(toy->device);
}

void toy_execute(struct toy *toy, struct graph *graph)
{
    struct random_stream stream = random_stream_at(5, 1);
    uint8_t images[TOY_IMAGES * 3 * TOY_SIZE * TOY_SIZE];
    int32_t labels[TOY_IMAGES], indices[TOY_IMAGES], epoch = 3;

    toy->graph = graph;
    if (toy->parameters == NULL)
        ok(parameters_create(graph, toy->queue, 1, &toy->parameters));
    struct executor_settings settings = {.queue = toy->queue,
                                         .parameters = toy->parameters,
                                         .computes_zero_rows = toy->computes_zero_rows};
    ok(executor_create(graph, &settings, &toy->executor));
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)stream_below(&stream, 256);
    for (int i = 0; i < TOY_IMAGES; i++) {
        labels[i] = i % TOY_CLASSES;
        indices[i] = i;
    }
    ok(executor_upload(toy->executor, graph->images, images));
    ok(executor_upload(toy->executor, graph->image_labels, labels));
    ok(executor_upload(toy->executor, graph->indices, indices));
    ok(executor_upload(toy->executor, graph->epoch, &epoch));
}

void toy_close(struct toy *toy)
{
    executor_destroy(toy->executor);
    parameters_destroy(toy->parameters);
    graph_destroy(toy->graph);
    device_close(toy->device);
    memset(toy, 0, sizeof *toy);
}

void toy_randomise(struct parameters *parameters, uint64_t seed)
{
    double values[4096];

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct random_stream stream = random_stream_at(seed, (uint32_t)i);
        const struct param *row = parameters_row(parameters, i);
        struct tensor tensor = parameters_tensor(parameters, i);
        int64_t n = tensor_elements(&tensor);
        assert_true(n <= 4096);
        for (int64_t e = 0; e < n; e++) {
            double value = stream_normal(&stream);
            values[e] = row->init == INIT_ONE ? 1 + 0.2 * tanh(value) : 0.3 * value;
        }
        ok(parameters_set(parameters, i, values));
    }
}

double toy_number(const struct toy *toy, int value)
{
    double number = 0;

    ok(executor_download(toy->executor, value, &number));
    return number_at(&number, toy->graph->values[value].dtype, 0);
}

struct tensor toy_download(const struct toy *toy, struct tensor tensor)
{
    void *copy = malloc(tensor_bytes(&tensor));

    assert_non_null(copy);
    ok(queue_download(toy->queue, copy, tensor.data, tensor_bytes(&tensor)));
    tensor.data = copy;
    return tensor;
}

void toy_descend(const struct toy *toy, double rate)
{
    struct tensor there = parameters_flat_values(toy->parameters);
    struct tensor value = toy_download(toy, there);
    struct tensor gradient = toy_download(toy, parameters_flat_gradients(toy->parameters));

    for (int64_t i = 0; i < tensor_elements(&value); i++)
        number_put(value.data, value.dtype, i,
                   number_at(value.data, value.dtype, i) -
                       rate * number_at(gradient.data, gradient.dtype, i));
    ok(queue_upload(toy->queue, there.data, value.data, tensor_bytes(&value)));
    ok(queue_synchronize(toy->queue)); /* the copy is read until then */
    free(value.data);
    free(gradient.data);
}

int64_t toy_count_nodes(const struct graph *graph, enum op_kind kind, enum graph_part part)
{
    int64_t n = 0;

    for (int64_t i = 0; i < graph->n_nodes; i++)
        n += graph->nodes[i].kind == kind && graph->nodes[i].part == part;
    return n;
}
