/* Products only: on every machine they are most of the time, and the rest of a step grows with
 * them. Graphs for one image tell it; they are built once for each architecture and method. */
#include "sweep/plan/cost.h"

#include "base/file.h"
#include "data/dataset.h"
#include "unlearn/forget.h"
#include "unlearn/run_network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_FILE_BYTES = 65536 }; /* of a run.h5 without images; log and journal */

struct network_cost { /* of one image */
    const struct method *method;
    struct network_spec spec;
    double train_flops, eval_flops;
    double n_parameters; /* elements, buffers and adapters included */
};

struct data_count {
    const char *dataset, *path;
    struct dataset_summary summary;
};

struct costs {
    struct arena *arena;
    struct network_cost *networks;
    struct data_count *data;
    int64_t n_networks, networks_capacity, n_data, data_capacity;
};

enum status costs_create(struct costs **out)
{
    enum status status = STATUS_OK;
    struct costs *costs = NULL;

    TRY_ALLOC(costs, heap_alloc(1, sizeof *costs));
    TRY(arena_create(&costs->arena));
    *out = costs;
    costs = NULL;
done:
    costs_destroy(costs);
    return status;
}

void costs_destroy(struct costs *costs)
{
    if (costs == NULL)
        return;
    free(costs->networks);
    free(costs->data);
    arena_destroy(costs->arena);
    free(costs);
}

/* ---- images ---- */

/* What is not there is taken to be as large as CIFAR. */
static enum status count_images(const struct settings *settings, struct dataset_summary *out)
{
    enum status status = STATUS_OK;
    enum dataset_kind kind = DATASET_CIFAR10;

    TRY(dataset_kind_find(settings->data.dataset, &kind));
    if (dataset_summarise(kind, settings->data.path, out) == STATUS_OK && out->n_train > 0)
        return STATUS_OK;
    *out = (struct dataset_summary){dataset_shape(kind), 50000, 10000};
    if (out->shape.n_classes == 0)
        out->shape = dataset_shape(DATASET_CIFAR10);
done:
    return status;
}

static enum status find_data(struct costs *costs, const struct settings *settings,
                             const struct data_count **out)
{
    enum status status = STATUS_OK;
    struct data_count found = {0};

    for (int64_t i = 0; i < costs->n_data; i++) {
        *out = &costs->data[i];
        if (strcmp((*out)->path, settings->data.path) == 0 &&
            strcmp((*out)->dataset, settings->data.dataset) == 0)
            return STATUS_OK;
    }
    TRY(count_images(settings, &found.summary));
    TRY_ALLOC(found.path, arena_strdup(costs->arena, settings->data.path));
    TRY_ALLOC(found.dataset, arena_strdup(costs->arena, settings->data.dataset));
    TRY(heap_grow(&costs->data, &costs->data_capacity, costs->n_data + 1, sizeof *costs->data));
    costs->data[costs->n_data] = found;
    *out = &costs->data[costs->n_data++];
done:
    return status;
}

/* ---- products of a graph ---- */

static double product_of(const int64_t *shape, int n_dims)
{
    double n = 1;

    for (int i = 0; i < n_dims; i++)
        n *= (double)shape[i];
    return n;
}

static double elements_of(const struct value *value)
{
    return product_of(value->shape, value->n_dims);
}

/* Where a product's weight, or its gradient, and its output, or the output's gradient, stand among
 * its tensors. */
static double flops_of(const struct graph *graph, const struct graph_node *node)
{
    static const int places[][2] = {
        [OP_conv2d_forward] = {1, 2},         [OP_conv2d_backward_data] = {1, 0},
        [OP_conv2d_backward_weight] = {2, 1}, [OP_linear_forward] = {1, 3},
        [OP_linear_backward_data] = {1, 0},   [OP_linear_backward_weight] = {2, 1}};

    if (node->kind < OP_conv2d_forward || node->kind > OP_linear_backward_weight)
        return 0;
    const struct value *weight = &graph->values[node->values[places[node->kind][0]]];
    const struct value *y = &graph->values[node->values[places[node->kind][1]]];
    return 2 * elements_of(y) * elements_of(weight) / (double)weight->shape[0];
}

static enum status count_graph(enum graph_mode mode, struct network_cost *out)
{
    enum status status = STATUS_OK;
    struct graph *graph = NULL;
    const struct network_use use = {
        .mode = mode, .real = DTYPE_F32, .batch_size = 1, .n_images = 1};
    double flops = 0;

    TRY(network_graph(&out->spec, &use, &graph));
    TRY(graph_check(graph));
    for (int64_t i = 0; i < graph->n_nodes; i++)
        flops += flops_of(graph, &graph->nodes[i]);
    *(mode == GRAPH_TRAIN ? &out->train_flops : &out->eval_flops) = flops;
    out->n_parameters = 0;
    for (int64_t i = 0; i < graph->n_params; i++)
        out->n_parameters += product_of(graph->params[i].shape, graph->params[i].n_dims);
done:
    graph_destroy(graph);
    return status;
}

static enum status describe(struct costs *costs, const struct settings *settings,
                            struct image_shape image, struct network_cost *out)
{
    const struct method *method = method_find(settings->unlearn.method);

    if (method == NULL)
        return fail(STATUS_BAD_CONFIG, "unknown method '%s'", settings->unlearn.method);
    *out = (struct network_cost){.method = method};
    return run_network(settings, method, image, costs->arena, &out->spec);
}

/* What decides products; networks without adapters have neither rank nor targets. */
static bool is_same_network(const struct network_spec *a, const struct network_spec *b)
{
    return a->architecture == b->architecture && memcmp(&a->vit, &b->vit, sizeof a->vit) == 0 &&
           memcmp(&a->image, &b->image, sizeof a->image) == 0 && a->adaptation == b->adaptation &&
           a->trainable == b->trainable && a->lora.lora_rank == b->lora.lora_rank &&
           a->lora.ignores_out_proj == b->lora.ignores_out_proj &&
           (a->adaptation == ADAPTATION_NONE || strcmp(a->lora.targets, b->lora.targets) == 0);
}

static enum status find_network(struct costs *costs, const struct settings *settings,
                                struct image_shape image, const struct network_cost **out)
{
    enum status status = STATUS_OK;
    struct network_cost wanted = {0};

    TRY(describe(costs, settings, image, &wanted));
    for (int64_t i = 0; i < costs->n_networks; i++) {
        *out = &costs->networks[i];
        if ((*out)->method == wanted.method && is_same_network(&(*out)->spec, &wanted.spec))
            return STATUS_OK;
    }
    if (method_phase(wanted.method) != NULL)
        TRY(count_graph(GRAPH_TRAIN, &wanted));
    TRY(count_graph(GRAPH_EVAL, &wanted));
    if (wanted.spec.adaptation != ADAPTATION_NONE)
        TRY_ALLOC(wanted.spec.lora.targets, arena_strdup(costs->arena, wanted.spec.lora.targets));
    TRY(heap_grow(&costs->networks, &costs->networks_capacity, costs->n_networks + 1,
                  sizeof *costs->networks));
    costs->networks[costs->n_networks] = wanted;
    *out = &costs->networks[costs->n_networks++];
done:
    return status;
}

static enum status find(struct costs *costs, const struct settings *settings,
                        const struct dataset_summary **images, const struct network_cost **network)
{
    enum status status = STATUS_OK;
    const struct data_count *data = NULL;

    TRY(find_data(costs, settings, &data));
    *images = &data->summary;
    TRY(find_network(costs, settings, data->summary.shape, network));
done:
    return status;
}

static double n_validation(const struct dataset_summary *images, const struct settings *settings)
{
    double validation = settings->data.validation;

    return validation < 1 ? validation * (double)images->n_train
                          : fmin(validation, (double)images->n_train);
}

/* The lines of a list; 0 where it cannot be read, which was reported. */
static double n_listed(const char *path)
{
    char *text = NULL;
    int64_t n_bytes = 0, n = 0;

    if (!file_exists(path) || file_read(path, &text, &n_bytes) != STATUS_OK)
        return 0;
    for (const char *end = strchr(text, '\n'); end != NULL; end = strchr(end + 1, '\n'))
        n++;
    n += n_bytes > 0 && text[n_bytes - 1] != '\n';
    free(text);
    return (double)n;
}

/* As if every class had as many images. */
static double n_forgotten(const struct dataset_summary *images, const struct settings *settings)
{
    double n = (double)images->n_train - n_validation(images, settings);
    double of_class = n / images->shape.n_classes;
    const struct small_set classes = forget_classes(settings);

    switch (settings->forget.kind) {
    case FORGET_BY_CLASS:
    case FORGET_BY_CLASSES:
        return of_class * small_set_count(&classes);
    case FORGET_BY_SUPERCLASS: /* five of CIFAR-100's classes each */
        return settings->forget.superclass < 0 ? 0 : 5 * of_class;
    case FORGET_BY_FRACTION:
        return settings->forget.fraction * (settings->forget.within < 0 ? n : of_class);
    case FORGET_BY_COUNT:
        return fmin((double)settings->forget.count, n);
    case FORGET_BY_INDICES:
        return fmin(n_listed(settings->forget.indices), n);
    case N_FORGET_KINDS:
        break;
    }
    return 0;
}

/* Images whose gradients an epoch computes. */
static double n_per_epoch(const struct phase *phase, double n_forget, double n_retain)
{
    double n = 0;

    for (int i = 0; i < phase->n_streams; i++)
        n += phase->streams[i].rows == ROWS_FORGET ? n_forget : n_retain;
    return n;
}

enum status costs_of(struct costs *costs, const struct settings *settings, struct cost *out)
{
    enum status status = STATUS_OK;
    const struct dataset_summary *images = NULL;
    const struct network_cost *network = NULL;

    TRY(find(costs, settings, &images, &network));
    const struct phase *phase = method_phase(network->method);
    double n_set_aside = n_validation(images, settings), n_forget = n_forgotten(images, settings);
    double n_retain = (double)images->n_train - n_set_aside - n_forget, n_trained = 0;
    double n_evaluated = (double)(images->n_train + images->n_test);
    if (phase != NULL) {
        const struct recipe *recipe = phase_recipe(phase, settings);
        double n_epochs = (double)recipe->epochs;
        n_trained = n_epochs * n_per_epoch(phase, n_forget, n_retain);
        n_evaluated += n_set_aside * ceil(n_epochs / (double)recipe->validate_every);
    }
    if (run_recalibrates(settings, network->method))
        n_evaluated += n_retain;
    *out = (struct cost){
        .train_flops = network->train_flops * n_trained,
        .eval_flops = network->eval_flops * n_evaluated,
    };
done:
    return status;
}

enum status costs_disk(struct costs *costs, const struct settings *settings, double *out)
{
    enum status status = STATUS_OK;
    const struct dataset_summary *images = NULL;
    const struct network_cost *network = NULL;

    TRY(find(costs, settings, &images, &network));
    /* run.h5: loss, margin, label and part of every image; probabilities of those to forget */
    double n = (double)(images->n_train + images->n_test);
    double n_forget = n_forgotten(images, settings);
    double weights = sizeof(float) * network->n_parameters, copies = 0;
    const struct recipe *recipe = method_recipe(network->method, settings);
    if (method_changes_weights(network->method) && settings->checkpoint.keep != KEEP_NONE)
        copies = recipe != NULL && settings->checkpoint.keep == KEEP_ALL
                     ? 1 + (double)recipe->epochs
                     : 1;
    *out =
        RUN_FILE_BYTES + 13 * n + n_forget * (4 + 4 * images->shape.n_classes) + copies * weights;
done:
    return status;
}
