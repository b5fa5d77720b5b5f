/* One spec, one parameter table, whatever is done with it; what training asks is asked of training
 * alone; a plain spec forgets all that a method added. */
#include "model/network_spec.h"

#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/toy.h"
#include "support/trainable_elements.h"

#include <string.h>

static struct network_spec adapted_resnet20(void)
{
    const struct architecture *architecture = architecture_find("resnet20");

    return (struct network_spec){
        .architecture = architecture,
        .image = {10, 32, 32},
        .std = {1, 1, 1},
        .adaptation = ADAPTATION_LORA,
        .lora = {architecture->lora_targets, 8, 16, 0.1, false},
        .trainable = TRAINABLE_HEAD,
        .objective = {.is_augmented = true, .cutout = 8, .is_mixed = true, .label_smoothing = 0.1},
        .seed = 7};
}

static struct graph *graph_of(const struct network_spec *spec, enum graph_mode mode,
                              int64_t batch_size)
{
    const struct network_use use = {
        .mode = mode, .real = DTYPE_F32, .batch_size = batch_size, .n_images = 5};
    struct graph *graph = NULL;

    ok(network_graph(spec, &use, &graph));
    ok(graph_check(graph));
    return graph;
}

static void expect_same_table(const struct graph *a, const struct graph *b)
{
    assert_int_equal(a->n_params, b->n_params);
    for (int64_t i = 0; i < a->n_params; i++) {
        const struct param *left = &a->params[i], *right = &b->params[i];
        assert_string_equal(left->name, right->name);
        assert_memory_equal(left->shape, right->shape, sizeof left->shape);
        assert_int_equal(left->is_trainable, right->is_trainable);
    }
}

static void one_table_for_every_use(void **state)
{
    const struct network_spec spec = adapted_resnet20();
    struct graph *train = graph_of(&spec, GRAPH_TRAIN, 3);
    struct graph *eval = graph_of(&spec, GRAPH_EVAL, 2);

    (void)state;
    expect_same_table(train, eval);
    assert_int_equal(trainable_elements(train), 50954);
    assert_true(train->d_logits >= 0 && eval->d_logits < 0); /* only one has a backward part */
    assert_true(train->settings.seed == 7 && train->settings.std[2] == 1);
    graph_destroy(train);
    graph_destroy(eval);
}

static void training_alone_has_an_objective(void **state)
{
    const struct network_spec spec = adapted_resnet20();
    struct graph *train = graph_of(&spec, GRAPH_TRAIN, 3);
    struct graph *eval = graph_of(&spec, GRAPH_EVAL, 3);

    (void)state;
    assert_true(train->offsets >= 0 && train->holes >= 0 && train->mix >= 0);
    assert_true(train->settings.label_smoothing == 0.1 && train->settings.cutout == 8);
    assert_true(eval->offsets < 0 && eval->holes < 0 && eval->mix < 0);
    assert_true(eval->settings.label_smoothing == 0);
    graph_destroy(train);
    graph_destroy(eval);
}

static void a_plain_one_is_as_never_adapted(void **state)
{
    const struct network_spec spec = adapted_resnet20();
    const struct network_spec plain = network_spec_plain(&spec);
    const struct network_spec never = {
        .architecture = spec.architecture, .image = spec.image, .std = {1, 1, 1}};
    struct graph *a = graph_of(&plain, GRAPH_TRAIN, 2), *b = graph_of(&never, GRAPH_TRAIN, 2);

    (void)state;
    expect_same_table(a, b);
    assert_int_equal(trainable_elements(a), 269722);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_true(a->offsets < 0 && a->settings.label_smoothing == 0);
    assert_true(a->settings.seed == 7); /* the same network's */
    graph_destroy(a);
    graph_destroy(b);
}

/* Training alone freezes it, and a plain network does not. */
static void batch_norm_is_frozen_in_training(void **state)
{
    struct network_spec spec = adapted_resnet20();

    (void)state;
    spec.freezes_batch_norm = true;
    const struct network_spec plain = network_spec_plain(&spec);
    struct graph *train = graph_of(&spec, GRAPH_TRAIN, 2);
    struct graph *statistics = graph_of(&spec, GRAPH_STATISTICS, 2);
    struct graph *further = graph_of(&plain, GRAPH_TRAIN, 2);
    assert_int_equal(toy_count_nodes(train, OP_batch_norm_statistics, PART_FORWARD), 0);
    assert_int_equal(toy_count_nodes(statistics, OP_batch_norm_statistics, PART_FORWARD), 19);
    assert_int_equal(toy_count_nodes(further, OP_batch_norm_statistics, PART_FORWARD), 19);
    expect_same_table(train, statistics);
    assert_true(statistics->offsets < 0 && statistics->d_logits < 0);
    graph_destroy(train);
    graph_destroy(statistics);
    graph_destroy(further);
}

static void the_table_knows_who_has_batch_norm(void **state)
{
    (void)state;
    for (int i = 0; architecture_at(i) != NULL; i++) {
        const struct network_spec spec = {
            .architecture = architecture_at(i), .image = {10, 32, 32}, .std = {1, 1, 1}};
        struct graph *graph = graph_of(&spec, GRAPH_EVAL, 1);
        bool has_some = toy_count_nodes(graph, OP_batch_norm_apply, PART_FORWARD) > 0;
        assert_int_equal(has_some, architecture_at(i)->has_batch_norm);
        graph_destroy(graph);
    }
}

static void a_head_trains_alone(void **state)
{
    struct network_spec spec = adapted_resnet20();

    (void)state;
    spec = network_spec_plain(&spec);
    spec.trainable = TRAINABLE_HEAD;
    struct graph *graph = graph_of(&spec, GRAPH_TRAIN, 2);
    assert_int_equal(trainable_elements(graph), 650);
    graph_destroy(graph);
}

static void adapters_without_a_module_are_refused(void **state)
{
    const struct network_use use = {
        .mode = GRAPH_EVAL, .real = DTYPE_F32, .batch_size = 1, .n_images = 1};
    struct network_spec spec = adapted_resnet20();
    struct graph *graph = NULL;

    (void)state;
    spec.lora.targets = "encoder";
    assert_int_equal(network_graph(&spec, &use, &graph), STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "lora.targets 'encoder' matches no convolution"));
    assert_null(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_for_every_use),
        cmocka_unit_test(training_alone_has_an_objective),
        cmocka_unit_test(a_plain_one_is_as_never_adapted),
        cmocka_unit_test(batch_norm_is_frozen_in_training),
        cmocka_unit_test(the_table_knows_who_has_batch_norm),
        cmocka_unit_test(a_head_trains_alone),
        cmocka_unit_test(adapters_without_a_module_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
