/* Parameters: initial values, layout of the flat vectors, host access in PyTorch's order, masks. */
#include "base/random.h"
#include "graph/initial.h"
#include "model/model.h"
#include "support/cmocka.h"
#include "support/toy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct parameters *toy_parameters(struct toy *toy, const char *trainable, uint64_t seed)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct graph *graph = toy_forward(&settings);
    struct parameters *parameters = NULL;

    if (trainable != NULL)
        ok(pass_freeze_except(graph, &trainable, 1));
    ok(parameters_create(graph, device_queue(toy->device), seed, &parameters));
    graph_destroy(graph); /* the table is a copy */
    return parameters;
}

static int64_t row_named(const struct parameters *parameters, const char *name)
{
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (strcmp(parameters_row(parameters, i)->name, name) == 0)
            return i;
    fail_msg("no parameter '%s'", name);
    return -1;
}

static void test_initial_values(void **state)
{
    struct toy toy;
    double conv[216], other[216], bias[4];

    (void)state;
    toy_device_open(&toy, &backend_ref);
    toy.parameters = toy_parameters(&toy, NULL, 7);
    int64_t i = row_named(toy.parameters, "block1.conv1.weight");
    struct random_key key = {
        .seed = 7, .purpose = RANDOM_INITIAL_VALUES, .layer = initial_layer("block1.conv1.weight")};
    ok(parameters_get(toy.parameters, i, conv));
    for (uint32_t e = 0; e < 216; e++) /* fan-in 4·3·3 */
        assert_true(conv[e] == random_normal(&key, e) * sqrt(2.0 / 36));
    ok(parameters_get(toy.parameters, row_named(toy.parameters, "linear.bias"), bias));
    for (int k = 0; k < 3; k++)
        assert_true(fabs(bias[k]) <= 1 / sqrt(5) && bias[k] != 0);
    ok(parameters_get(toy.parameters, row_named(toy.parameters, "bn1.running_var"), bias));
    assert_true(bias[0] == 1);
    /* freezing everything else changes no number; another seed changes them all */
    struct parameters *frozen = toy_parameters(&toy, "linear", 7);
    ok(parameters_get(frozen, i, other));
    assert_memory_equal(conv, other, sizeof conv);
    parameters_destroy(frozen);
    struct parameters *reseeded = toy_parameters(&toy, NULL, 8);
    ok(parameters_get(reseeded, i, other));
    for (int e = 0; e < 216; e++)
        assert_true(conv[e] != other[e]);
    parameters_destroy(reseeded);
    toy_close(&toy);
}

/* Names of the largest table must have places of their own among random numbers. */
static void test_names_do_not_collide(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    struct lora_inject lora = {.lora_rank = 8, .alpha = 16};

    (void)state;
    for (int a = 0; architecture_at(a) != NULL; a++) {
        struct graph *graph = NULL;
        ok(model_build(architecture_at(a), &settings, &graph));
        lora.targets = architecture_at(a)->lora_targets;
        ok(pass_lora_inject(graph, &lora));
        for (int64_t i = 0; i < graph->n_params; i++)
            for (int64_t j = 0; j < i; j++)
                if (initial_layer(graph->params[i].name) == initial_layer(graph->params[j].name))
                    fail_msg("'%s' and '%s' share random numbers", graph->params[i].name,
                             graph->params[j].name);
        graph_destroy(graph);
    }
}

static void test_layout(void **state)
{
    struct toy toy;

    (void)state;
    toy_device_open(&toy, &backend_ref);
    toy.parameters = toy_parameters(&toy, "conv1|bn1|linear", 7);
    struct tensor flat = parameters_flat_values(toy.parameters);
    struct tensor gradients = parameters_flat_gradients(toy.parameters);
    int64_t at = 0;
    assert_null(parameters_flat_mask(toy.parameters).data);
    assert_int_equal(parameters_trainable_elements(toy.parameters), 108 + 4 + 4 + 15 + 3);
    for (int64_t i = 0; i < parameters_count(toy.parameters); i++) {
        struct tensor value = parameters_tensor(toy.parameters, i);
        struct tensor gradient = parameters_gradient(toy.parameters, i);
        assert_int_equal((uintptr_t)value.data % 64, 0);
        if (!parameters_row(toy.parameters, i)->is_trainable) {
            assert_null(gradient.data);
            continue;
        }
        assert_ptr_equal(value.data, (double *)flat.data + at);
        assert_ptr_equal(gradient.data, (double *)gradients.data + at);
        at += (tensor_elements(&value) + 7) / 8 * 8;
    }
    assert_int_equal(at, flat.shape[0]);
    double *values = flat.data; /* conv1 takes 108 of 112: padding is zero */
    for (int e = 108; e < 112; e++)
        assert_true(values[e] == 0);
    toy_close(&toy);
}

static void test_host_access_is_pytorchs(void **state)
{
    struct toy toy;
    double values[216], back[216];

    (void)state;
    toy_device_open(&toy, &backend_ref);
    toy.parameters = toy_parameters(&toy, NULL, 7);
    int64_t i = row_named(toy.parameters, "block1.conv1.weight"); /* K 6, C 4, 3 × 3 */
    for (int e = 0; e < 216; e++)
        values[e] = e;
    ok(parameters_set(toy.parameters, i, values));
    const double *device = parameters_tensor(toy.parameters, i).data;
    for (int k = 0; k < 6; k++)
        for (int c = 0; c < 4; c++)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++)
                    assert_true(device[((k * 3 + r) * 3 + s) * 4 + c] ==
                                values[((k * 4 + c) * 3 + r) * 3 + s]);
    ok(parameters_get(toy.parameters, i, back));
    assert_memory_equal(values, back, sizeof values);
    toy_close(&toy);
}

static void test_masks_add_up(void **state)
{
    struct toy toy;
    const uint8_t first[4] = {0, 1, 0, 0}, second[4] = {0, 0, 0, 1};

    (void)state;
    toy_device_open(&toy, &backend_ref);
    toy.parameters = toy_parameters(&toy, "conv1|linear", 7);
    ok(parameters_mask_rows(toy.parameters, row_named(toy.parameters, "bn1.weight"), first));
    assert_null(parameters_flat_mask(toy.parameters).data); /* frozen: nothing to hold */
    int64_t conv1 = row_named(toy.parameters, "conv1.weight");
    ok(parameters_mask_rows(toy.parameters, conv1, first));
    ok(parameters_mask_rows(toy.parameters, conv1, second));
    struct tensor mask = parameters_flat_mask(toy.parameters);
    assert_int_equal(mask.dtype, DTYPE_U8);
    for (int64_t e = 0; e < mask.shape[0]; e++)
        assert_int_equal(((uint8_t *)mask.data)[e], !((e >= 27 && e < 54) || (e >= 81 && e < 108)));
    toy_close(&toy);
}

static void test_nothing_trains(void **state)
{
    struct graph_settings settings = toy_settings(GRAPH_EVAL, 2);
    struct toy toy;

    (void)state;
    toy_device_open(&toy, &backend_ref);
    toy.graph = toy_forward(&settings);
    ok(pass_freeze_except(toy.graph, NULL, 0));
    ok(parameters_create(toy.graph, device_queue(toy.device), 1, &toy.parameters));
    assert_int_equal(parameters_trainable_elements(toy.parameters), 0);
    assert_null(parameters_flat_values(toy.parameters).data);
    assert_non_null(parameters_tensor(toy.parameters, 0).data);
    toy_close(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial_values), cmocka_unit_test(test_names_do_not_collide),
        cmocka_unit_test(test_layout),         cmocka_unit_test(test_host_access_is_pytorchs),
        cmocka_unit_test(test_masks_add_up),   cmocka_unit_test(test_nothing_trains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
