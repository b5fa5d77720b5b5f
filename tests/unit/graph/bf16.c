/* A graph whose maps hold bf16: which values do, what memory that takes, and where the weights come
 * from that products read. */
#include "graph/passes.h"
#include "support/toy.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { BATCH = 5 };

static const struct device_settings in_bf16 = {.n_threads = 1, .precision = PRECISION_BF16};

static struct graph *adapted(enum dtype real, enum dtype map)
{
    static const char *const head = "linear";
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, BATCH);

    settings.real = real;
    settings.map = map;
    struct graph *graph = toy_forward(&settings);
    ok(pass_freeze_except(graph, &head, 1));
    ok(pass_lora_inject(graph, &toy_lora));
    ok(pass_autodiff(graph));
    ok(pass_fuse(graph));
    return graph;
}

static const struct value *value_named(const struct graph *graph, const char *name)
{
    for (int64_t v = 0; v < graph->n_values; v++)
        if (strcmp(graph->values[v].name, name) == 0)
            return &graph->values[v];
    fail_msg("there is no value '%s'", name);
    return NULL;
}

static void test_role_decides(void **state)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } wanted[] = {
        {"x", DTYPE_BF16},
        {"conv1", DTYPE_BF16},
        {"conv1.weight", DTYPE_BF16},
        {"block1.conv1.lora_A.weight", DTYPE_BF16},
        {"linear.weight", DTYPE_BF16},
        {"linear.bias", DTYPE_F32},
        {"bn1.weight", DTYPE_F32},
        {"bn1.running_var", DTYPE_F32},
        {"bn1.mean", DTYPE_F32},
        {"pool", DTYPE_BF16},
        {"linear", DTYPE_F32},
        {"loss", DTYPE_F32},
        {"sample_loss", DTYPE_F32},
        {"d_linear", DTYPE_BF16},
        {"d_linear.weight", DTYPE_F32},
        {"d_block1.conv1.lora_A.weight", DTYPE_F32},
        {"d_block1.conv2", DTYPE_BF16},
        {"images", DTYPE_U8},
        {"labels", DTYPE_I32},
    };
    struct graph *graph = adapted(DTYPE_F32, DTYPE_BF16);

    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (value_named(graph, wanted[i].name)->dtype != wanted[i].dtype)
            fail_msg("'%s' is %s", wanted[i].name,
                     dtype_name(value_named(graph, wanted[i].name)->dtype));
    graph_destroy(graph);
}

static void test_types_are_checked(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, BATCH);
    struct graph *graph = NULL;

    (void)state;
    settings.map = DTYPE_F32; /* beside f64 */
    fails(graph_create(&settings, &graph), STATUS_BAD_CONFIG,
          "a graph's maps hold f64 or bf16, got f32");
    assert_null(graph);
    graph = adapted(DTYPE_F32, DTYPE_BF16);
    graph->values[graph->x].dtype = DTYPE_F32;
    fails(graph_check(graph), STATUS_BAD_CONFIG,
          "node 0 (image_gather ''): 'y' is value 'x' of type f32");
    graph_destroy(graph);
}

/* Half of what float32 takes, but for the places' alignment and what stays float32: per channel,
 * per row, logits. */
static void test_memory_halves(void **state)
{
    struct graph *full = adapted(DTYPE_F32, DTYPE_F32), *half = adapted(DTYPE_F32, DTYPE_BF16);
    struct memory_plan full_plan, half_plan;

    (void)state;
    ok(pass_plan_memory(full, &full_plan));
    ok(pass_plan_memory(half, &half_plan));
    assert_true(half_plan.arena_bytes <=
                full_plan.arena_bytes / 2 + MEMORY_ALIGNMENT * (size_t)half->n_values);
    assert_true(half_plan.arena_bytes >= full_plan.arena_bytes / 2);
    for (int64_t v = 0; v < half->n_values; v++) /* in place only of the same type */
        if (half->values[v].alias >= 0)
            assert_int_equal(half->values[half->values[v].alias].dtype, half->values[v].dtype);
    graph_destroy(full);
    graph_destroy(half);
}

static double from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* Parameter i as products read it, in PyTorch's order for tensors of which both orders are one. */
static double factor_at(const struct toy *toy, int64_t i, int64_t e)
{
    struct tensor factor = parameters_factor(toy->parameters, i);
    uint16_t numbers[512];

    assert_int_equal(factor.dtype, DTYPE_BF16);
    assert_true(tensor_elements(&factor) <= 512);
    ok(queue_download(device_queue(toy->device), numbers, factor.data, tensor_bytes(&factor)));
    return from_bf16(numbers[e]);
}

/* Trained weights are rounded anew in every run, frozen ones when an executor is made. */
static void test_when_weights_are_rounded(void **state)
{
    struct toy toy = {.device = NULL};
    double values[512] = {0};

    (void)state;
    ok(device_open(backend_find("cuda_host"), &in_bf16, &toy.device));
    toy.queue = device_queue(toy.device);
    struct graph *graph = adapted(DTYPE_F32, DTYPE_BF16);
    ok(parameters_create(graph, device_queue(toy.device), 1, &toy.parameters));
    int64_t head = graph_param_find(graph, "linear.weight");
    int64_t frozen = graph_param_find(graph, "block2.shortcut.0.weight");
    values[2] = 1 + 0x1p-7 + 0x1p-10;
    ok(parameters_set(toy.parameters, head, values));
    ok(parameters_set(toy.parameters, frozen, values));
    toy_execute(&toy, graph);
    assert_true(factor_at(&toy, frozen, 2) == 1 + 0x1p-7);
    ok(executor_run(toy.executor));
    assert_true(factor_at(&toy, head, 2) == 1 + 0x1p-7);
    for (int run = 0; run < 3; run++) { /* recorded, and replayed */
        /* behind the middle of two numbers, in it, before it */
        values[2] = -(1 + 0x1p-7 + 0x1p-8 + (1 - run) * 0x1p-20);
        ok(parameters_set(toy.parameters, head, values));
        ok(parameters_set(toy.parameters, frozen, values));
        ok(executor_run(toy.executor));
        assert_true(factor_at(&toy, head, 2) == -(1 + (run < 2 ? 0x1p-6 : 0x1p-7)));
        assert_true(factor_at(&toy, frozen, 2) == 1 + 0x1p-7); /* as it was made */
        ok(parameters_get(toy.parameters, head, values));
        assert_true(values[2] == -(1 + 0x1p-7 + 0x1p-8 + (1 - run) * 0x1p-20));
    }
    toy_close(&toy);
}

/* Elsewhere they are the values themselves. */
static void test_no_copies_of_reals(void **state)
{
    struct toy toy = {.device = NULL};

    (void)state;
    toy_device_open(&toy, backend_find("cuda_host"));
    struct graph *graph = adapted(DTYPE_F32, 0);
    ok(parameters_create(graph, device_queue(toy.device), 1, &toy.parameters));
    for (int64_t i = 0; i < parameters_count(toy.parameters); i++)
        assert_ptr_equal(parameters_factor(toy.parameters, i).data,
                         parameters_tensor(toy.parameters, i).data);
    ok(parameters_round(toy.parameters, false));
    toy.graph = graph;
    toy_close(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_role_decides),       cmocka_unit_test(test_types_are_checked),
        cmocka_unit_test(test_memory_halves),      cmocka_unit_test(test_when_weights_are_rounded),
        cmocka_unit_test(test_no_copies_of_reals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
