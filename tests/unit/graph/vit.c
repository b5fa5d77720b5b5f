/* The graph and its passes on a small vision transformer: initial values, adapters on every kind of
 * linear layer, merging, pruning, and a backend that lacks the operations. */
#include "graph/initial.h"
#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"
#include "support/trainable_elements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct backend backend_cuda_host;

static const char every_target[] = ".*in_proj_[qv]|.*out_proj|.*mlp\\.[03]|conv_proj|heads\\.head";

static struct graph *small_vit(enum graph_mode mode, enum dtype real)
{
    struct graph_settings settings = toy_settings(mode, 3);
    struct graph *graph = NULL;

    settings.real = real;
    settings.vit = (struct vit_shape){.patch = 4, .layers = 2, .heads = 3, .width = 12, .mlp = 20};
    ok(model_build(architecture_find("simple_vit"), &settings, &graph));
    return graph;
}

static void adapt(struct graph *graph, const char *targets, bool ignores_out_proj)
{
    const struct lora_inject lora = {.targets = targets,
                                     .lora_rank = 2,
                                     .alpha = 6,
                                     .dropout = 0.25,
                                     .ignores_out_proj = ignores_out_proj};

    ok(pass_freeze_except(graph, NULL, 0));
    ok(pass_lora_inject(graph, &lora));
}

static void read_logits(const struct toy *toy, double *logits)
{
    ok(executor_run(toy->executor));
    ok(executor_download(toy->executor, toy->graph->logits, logits));
}

/* Parameters with adapters, all random, in an evaluation graph on ref. */
static void open_adapted(struct toy *toy, const char *targets, bool ignores_out_proj)
{
    struct graph *graph = small_vit(GRAPH_EVAL, DTYPE_F64);

    toy_device_open(toy, &backend_ref);
    adapt(graph, targets, ignores_out_proj);
    ok(parameters_create(graph, device_queue(toy->device), 3, &toy->parameters));
    toy_randomise(toy->parameters, 5);
    toy_execute(toy, graph);
}

/* ---- initial values ---- */

struct moments {
    double mean, variance, most;
};

static struct moments moments_of(enum init_kind init, int64_t fan_in, int64_t n_rows, int64_t n)
{
    const struct param row = {.name = "moments", .init = init, .fan_in = fan_in, .shape = {n_rows}};
    double *values = calloc((size_t)n, sizeof *values);
    struct moments moments = {0};

    assert_non_null(values);
    initial_values(&row, 11, values, n);
    for (int64_t e = 0; e < n; e++) {
        moments.mean += values[e] / (double)n;
        moments.variance += values[e] * values[e] / (double)n;
        moments.most = fmax(moments.most, fabs(values[e]));
    }
    free(values);
    return moments;
}

/* Mean and variance of 40 000 numbers: within five deviations of theirs (a variance's is at most
 * √(2/n) of it), and nothing beyond the bound. */
static void check_moments(struct moments found, double variance, double bound)
{
    assert_true(fabs(found.mean) <= 5 * sqrt(variance / 40000));
    assert_true(fabs(found.variance - variance) <= 5 * sqrt(2.0 / 40000) * variance);
    assert_true(found.most <= bound);
    assert_true(bound > 1 || found.most >= 0.99 * bound);
}

static void test_initial_moments(void **state)
{
    enum { N = 40000 };
    const double cut = 2 / (0.87962566103423978 * sqrt(48)); /* ±2 deviations */

    (void)state;
    check_moments(moments_of(INIT_TRUNCATED_NORMAL, 48, 384, N), 1.0 / 48, cut);
    check_moments(moments_of(INIT_UNIFORM_VARIANCE, 384, 1152, N), 1.0 / 384, sqrt(3.0 / 384));
    check_moments(moments_of(INIT_XAVIER, 384, 1536, N), 2.0 / (384 + 1536), sqrt(6.0 / 1920));
    struct moments tiny = moments_of(INIT_NORMAL_TINY, 384, 1536, N);
    assert_true(fabs(tiny.variance - 1e-12) <= 5 * sqrt(2.0 / N) * 1e-12 && tiny.most < 6e-6);
}

static void test_position(void **state)
{
    enum { COLUMNS = 5, WIDTH = 12 };
    const struct param row = {.name = "pos_embedding",
                              .init = INIT_POSITION,
                              .fan_in = COLUMNS,
                              .n_dims = 2,
                              .shape = {15, WIDTH}};
    double values[15 * WIDTH];

    (void)state;
    initial_values(&row, 1, values, 15 * WIDTH);
    for (int token = 0; token < 15; token++)
        for (int i = 0; i < WIDTH / 4; i++) {
            const double *at = values + token * WIDTH + i;
            double frequency = pow(10000, -i / 2.0), x = token % COLUMNS, y = token / COLUMNS;
            assert_true(fabs(at[0] - sin(x * frequency)) < 1e-15);
            assert_true(fabs(at[3] - cos(x * frequency)) < 1e-15);
            assert_true(fabs(at[6] - sin(y * frequency)) < 1e-15);
            assert_true(fabs(at[9] - cos(y * frequency)) < 1e-15);
        }
}

/* ---- adapters ---- */

static void test_adapters_have_names(void **state)
{
    struct graph *graph = small_vit(GRAPH_TRAIN, DTYPE_F64);
    const char *const wanted[] = {
        "encoder.layers.encoder_layer_0.self_attention.in_proj_q.lora_A.weight",
        "encoder.layers.encoder_layer_0.self_attention.in_proj_v.lora_B.weight",
        "encoder.layers.encoder_layer_1.self_attention.out_proj.lora_A.weight",
        "encoder.layers.encoder_layer_1.mlp.3.lora_B.weight", "heads.head.lora_A.weight"};

    (void)state;
    adapt(graph, every_target, false);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_true(graph_param_find(graph, wanted[i]) >= 0);
    assert_int_equal(graph_param_find(graph, "encoder.layers.encoder_layer_0.self_attention."
                                             "in_proj_k.lora_A.weight"),
                     -1);
    assert_int_equal(toy_count_nodes(graph, OP_columns_add, PART_FORWARD), 4);
    ok(pass_autodiff(graph));
    assert_int_equal(toy_count_nodes(graph, OP_columns_take, PART_BACKWARD), 4);
    graph_destroy(graph);
}

/* The adapters' share may be added to the weights beforehand. */
static void test_merge(void **state)
{
    enum { N = 3 * TOY_CLASSES };
    struct toy toy;
    double before[N], after[N];

    (void)state;
    open_adapted(&toy, every_target, false);
    read_logits(&toy, before);
    ok(parameters_merge_lora(toy.parameters, 3));
    read_logits(&toy, after);
    for (int i = 0; i < N; i++)
        assert_true(fabs(after[i] - before[i]) <= 1e-12 * fmax(1, fabs(before[i])));
    toy_close(&toy);
}

static void set_all(struct toy *toy, const char *name, double value)
{
    int i = graph_param_find(toy->graph, name);
    double values[1024];

    assert_true(i >= 0);
    for (int e = 0; e < 1024; e++)
        values[e] = value;
    ok(parameters_set(toy->parameters, i, values));
}

static void check_out_proj(bool ignores_out_proj)
{
    enum { N = 3 * TOY_CLASSES };
    struct toy toy;
    double before[N], after[N];

    open_adapted(&toy, ".*out_proj|heads\\.head", ignores_out_proj);
    read_logits(&toy, before);
    set_all(&toy, "encoder.layers.encoder_layer_1.self_attention.out_proj.lora_B.weight", 2);
    read_logits(&toy, after);
    assert_int_equal(memcmp(before, after, sizeof before) == 0, ignores_out_proj);
    set_all(&toy, "heads.head.lora_B.weight", 2);
    read_logits(&toy, after);
    assert_int_not_equal(memcmp(before, after, sizeof before), 0);
    toy_close(&toy);
}

/* Ignored adapters exist, count as trainable, and nothing depends on them. */
static void test_ignored_out_proj(void **state)
{
    (void)state;
    check_out_proj(false);
    check_out_proj(true);
    for (int ignores = 0; ignores < 2; ignores++) {
        struct graph *graph = small_vit(GRAPH_TRAIN, DTYPE_F64);
        adapt(graph, ".*_1\\.self_attention\\.out_proj|heads\\.head", ignores);
        assert_int_equal(trainable_elements(graph), 2 * (12 + 12) + 2 * (12 + TOY_CLASSES));
        ok(pass_autodiff(graph));
        graph_destroy(graph);
    }
}

/* ---- pruning ---- */

static int64_t zero_rows_of(const struct toy *toy, const char *name)
{
    int i = graph_param_find(toy->graph, name);
    struct tensor tensor = parameters_tensor(toy->parameters, i);
    int64_t n = tensor_elements(&tensor), n_zero = 0;
    double *values = calloc((size_t)n, sizeof *values);

    assert_true(i >= 0);
    assert_non_null(values);
    ok(parameters_get(toy->parameters, i, values));
    for (int64_t row = 0; row < tensor.shape[0]; row++) {
        bool is_zero = true;
        for (int64_t e = 0; e < n / tensor.shape[0]; e++)
            is_zero = is_zero && values[row * (n / tensor.shape[0]) + e] == 0;
        n_zero += is_zero;
    }
    free(values);
    return n_zero;
}

#define LAYER_1 "encoder.layers.encoder_layer_1."

static void test_prune(void **state)
{
    struct toy toy;
    struct prune_settings prune = {.sparsity = 0.5,
                                   .mask = PRUNE_HELD_MERGED,
                                   .targets = ".*_1\\.self_attention(\\.out_proj)?"};

    (void)state;
    open_adapted(&toy, ".*in_proj_[qkv]|.*out_proj", false);
    ok(parameters_prune(toy.parameters, &prune));
    assert_int_equal(zero_rows_of(&toy, LAYER_1 "self_attention.in_proj_weight"), 18);
    assert_int_equal(zero_rows_of(&toy, LAYER_1 "self_attention.out_proj.weight"), 6);
    assert_int_equal(zero_rows_of(&toy, LAYER_1 "mlp.0.weight"), 0);
    assert_int_equal(zero_rows_of(&toy, "conv_proj.weight"), 0);
    assert_int_equal(
        zero_rows_of(&toy, "encoder.layers.encoder_layer_0.self_attention.in_proj_weight"), 0);
    ok(parameters_merge_lora(toy.parameters, 3)); /* held_merged: what is zero stays zero */
    assert_int_equal(zero_rows_of(&toy, LAYER_1 "self_attention.in_proj_weight"), 18);
    assert_int_equal(zero_rows_of(&toy, LAYER_1 "self_attention.out_proj.weight"), 6);
    prune.targets = "nothing";
    fails(parameters_prune(toy.parameters, &prune), STATUS_BAD_CONFIG,
          "pattern 'nothing' matches nothing that can be pruned");
    toy_close(&toy);
}

/* ---- whole graphs ---- */

/* Merged nodes and memory in place change no bit of logits and gradients. */
static void check_fused(const struct backend *backend)
{
    double *gradients[2] = {NULL, NULL};
    float logits[2][3 * TOY_CLASSES * 2] = {{0}};
    int64_t n = 0, n_nodes[2];

    for (int fuses = 0; fuses < 2; fuses++) {
        struct toy toy;
        struct graph *graph = small_vit(GRAPH_TRAIN, backend->real);
        toy_device_open(&toy, backend);
        ok(pass_autodiff(graph));
        if (fuses)
            ok(pass_fuse(graph));
        n_nodes[fuses] = graph->n_nodes;
        ok(parameters_create(graph, device_queue(toy.device), 3, &toy.parameters));
        toy_randomise(toy.parameters, 5);
        toy_execute(&toy, graph);
        ok(executor_run(toy.executor));
        ok(executor_download(toy.executor, graph->logits, logits[fuses]));
        struct tensor flat = parameters_flat_gradients(toy.parameters);
        n = tensor_elements(&flat);
        gradients[fuses] = calloc((size_t)n, sizeof **gradients);
        assert_non_null(gradients[fuses]);
        ok(queue_download(device_queue(toy.device), gradients[fuses], flat.data,
                          tensor_bytes(&flat)));
        toy_close(&toy);
    }
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    assert_memory_equal(gradients[0], gradients[1], (size_t)n * sizeof(double));
    assert_true(n_nodes[1] < n_nodes[0]);
    free(gradients[0]);
    free(gradients[1]);
}

static void test_fused(void **state)
{
    (void)state;
    check_fused(&backend_ref);
    check_fused(&backend_cpu);
}

/* A backend without these operations says so before anything runs. */
static void test_unsupported(void **state)
{
    struct graph *graph = small_vit(GRAPH_TRAIN, DTYPE_F32);
    struct toy toy;
    struct executor *executor = NULL;

    (void)state;
    toy_device_open(&toy, &backend_cuda_host);
    ok(pass_autodiff(graph));
    ok(parameters_create(graph, device_queue(toy.device), 3, &toy.parameters));
    const struct executor_settings settings = {.queue = device_queue(toy.device),
                                               .parameters = toy.parameters};
    fails(executor_create(graph, &settings, &executor), STATUS_UNSUPPORTED,
          "backend 'cuda_host' has no patch_tokens_forward yet; choose --device cpu");
    assert_null(executor);
    parameters_destroy(toy.parameters);
    graph_destroy(graph);
    device_close(toy.device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial_moments),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_adapters_have_names),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_ignored_out_proj),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_unsupported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
