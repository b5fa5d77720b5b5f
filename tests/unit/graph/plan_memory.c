/* Pass `plan_memory`, by brute force: replays the graph on a map that knows, for every 64 bytes of
 * the arena, whose value they hold. Every read must find all its bytes. */
#include "graph/passes.h"
#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <stdlib.h>
#include <string.h>

enum { CELL = MEMORY_ALIGNMENT };

struct replay {
    const struct graph *graph;
    const struct memory_plan *plan;
    int *owner; /* [arena cells] */
};

static size_t bytes_of(const struct graph *graph, int v)
{
    struct tensor tensor = {.dtype = graph->values[v].dtype, .n_dims = graph->values[v].n_dims};

    memcpy(tensor.shape, graph->values[v].shape, sizeof tensor.shape);
    return tensor_bytes(&tensor);
}

static bool is_placed(const struct replay *replay, int v)
{
    return v >= 0 && replay->plan->offsets[v] != SIZE_MAX;
}

static void expect_owned(const struct replay *replay, int v)
{
    size_t first = replay->plan->offsets[v] / CELL;
    size_t n = (bytes_of(replay->graph, v) + CELL - 1) / CELL;

    for (size_t cell = first; cell < first + n; cell++)
        if (replay->owner[cell] != v)
            fail_msg("'%s' was overwritten by '%s'", replay->graph->values[v].name,
                     replay->graph->values[replay->owner[cell]].name);
}

/* A written tensor may touch a tensor read by the same node only where the operation allows it. */
static void expect_allowed_overlap(const struct replay *replay, const struct graph_node *node,
                                   int t)
{
    const struct op_info *info = op_info(node->kind);
    size_t start = replay->plan->offsets[node->values[t]];
    size_t end = start + bytes_of(replay->graph, node->values[t]);

    for (int j = 0; j < info->n_tensors; j++) {
        if (j == t || !is_placed(replay, node->values[j]))
            continue;
        size_t other = replay->plan->offsets[node->values[j]];
        size_t other_end = other + bytes_of(replay->graph, node->values[j]);
        if (start < other_end && other < end) {
            assert_true(info->tensors[t].may_alias >> j & 1);
            assert_true(start == other && end == other_end);
            assert_true(replay->graph->values[node->values[t]].alias >= 0);
        }
    }
}

static void replay_node(struct replay *replay, const struct graph_node *node)
{
    const struct op_info *info = op_info(node->kind);

    for (int t = 0; t < info->n_tensors; t++)
        if (is_placed(replay, node->values[t]) && info->tensors[t].access == ACCESS_READ)
            expect_owned(replay, node->values[t]);
    for (int t = 0; t < info->n_tensors; t++) {
        int v = node->values[t];
        if (!is_placed(replay, v) || info->tensors[t].access != ACCESS_WRITTEN)
            continue;
        expect_allowed_overlap(replay, node, t);
        size_t first = replay->plan->offsets[v] / CELL;
        size_t n = (bytes_of(replay->graph, v) + CELL - 1) / CELL;
        assert_true((first + n) * CELL <= replay->plan->arena_bytes);
        for (size_t cell = first; cell < first + n; cell++)
            replay->owner[cell] = v;
    }
}

/* Returns the arena's share of what separate memory for every value would take. */
static double check_plan(struct graph *graph)
{
    struct memory_plan plan = {0};
    double separate = 0;

    ok(pass_plan_memory(graph, &plan));
    struct replay replay = {.graph = graph, .plan = &plan};
    replay.owner = calloc(plan.arena_bytes / CELL + 1, sizeof *replay.owner);
    for (int v = 0; v < graph->n_values; v++)
        if (is_placed(&replay, v)) {
            assert_int_equal(plan.offsets[v] % CELL, 0);
            separate += (double)bytes_of(graph, v);
        }
    for (int64_t i = 0; i < graph->n_nodes; i++)
        replay_node(&replay, &graph->nodes[i]);
    expect_owned(&replay, graph->logits);
    expect_owned(&replay, graph->loss);
    expect_owned(&replay, graph->sample_loss);
    if (graph->settings.mode == GRAPH_EVAL && graph->features >= 0)
        expect_owned(&replay, graph->features);
    free(replay.owner);
    return (double)plan.arena_bytes / separate;
}

static void test_only_activations_are_placed(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 5);
    struct graph *graph = toy_forward(&settings);
    struct memory_plan plan = {0};

    (void)state;
    ok(pass_autodiff(graph));
    ok(pass_plan_memory(graph, &plan));
    for (int64_t v = 0; v < graph->n_values; v++) {
        const struct value *value = &graph->values[v];
        bool is_arena =
            value->role == VALUE_ACTIVATION || (value->role == VALUE_GRADIENT && value->param < 0);
        assert_int_equal(plan.offsets[v] != SIZE_MAX, is_arena);
    }
    graph_destroy(graph);
}

static void test_toys_never_overlap(void **state)
{
    const char *head = "linear";

    (void)state;
    for (int batch = 1; batch <= 7; batch += 2)
        for (int kind = 0; kind < 4; kind++) {
            struct graph_settings settings =
                toy_settings(kind == 3 ? GRAPH_EVAL : GRAPH_TRAIN, batch);
            struct graph *graph = toy_forward(&settings);
            if (kind == 1)
                ok(pass_freeze_except(graph, &head, 1));
            if (kind >= 1)
                ok(pass_lora_inject(graph, &toy_lora));
            if (kind < 3)
                ok(pass_autodiff(graph));
            assert_true(check_plan(graph) < 0.9);
            graph_destroy(graph);
        }
}

/* relu's input is read once more by the very next node: it must stay; the sum may then take over
 * either of its inputs. */
static void test_takes_over_only_the_dead(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 2);
    struct graph *graph = NULL;

    (void)state;
    ok(graph_create(&settings, &graph));
    int x = graph_images(graph);
    int y = graph_relu(graph, x);
    int sum = graph_add(graph, y, x, 1);
    struct linear_settings head = {.n_outputs = TOY_CLASSES};
    graph_classifier_loss(
        graph, graph_linear(graph, "linear", graph_global_average_pool(graph, sum), &head));
    (void)check_plan(graph);
    assert_int_equal(graph->values[y].alias, -1);
    assert_int_equal(graph->values[sum].alias, y);
    graph_destroy(graph);
}

static struct graph *model(const char *name, enum graph_mode mode)
{
    struct graph_settings settings = toy_settings(mode, 2);
    struct graph *graph = NULL;

    settings.height = settings.width = 32;
    ok(model_build(architecture_find(name), &settings, &graph));
    return graph;
}

static void test_models_never_overlap(void **state)
{
    const char *const names[] = {"resnet20", "resnet18", "resnet50", "resnet110"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct lora_inject lora = toy_lora;
        struct graph *graph = model(names[i], GRAPH_TRAIN);
        lora.targets = architecture_find(names[i])->lora_targets;
        ok(pass_autodiff(graph));
        assert_true(check_plan(graph) < 0.6);
        graph_destroy(graph);
        graph = model(names[i], GRAPH_TRAIN);
        ok(pass_freeze_except(graph, &architecture_find(names[i])->head, 1));
        ok(pass_lora_inject(graph, &lora));
        ok(pass_autodiff(graph));
        assert_true(check_plan(graph) < 0.6);
        graph_destroy(graph);
        graph = model(names[i], GRAPH_EVAL);
        assert_true(check_plan(graph) < 0.15); /* a handful of maps at a time */
        graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_activations_are_placed),
        cmocka_unit_test(test_toys_never_overlap),
        cmocka_unit_test(test_takes_over_only_the_dead),
        cmocka_unit_test(test_models_never_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
