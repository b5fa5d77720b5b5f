/* Pruning: which channels, how many, and what each kind of mask holds. */
#include "support/toy.h"

#include "support/cmocka.h"

#include <math.h>
#include <string.h>

static int64_t row_named(const struct parameters *parameters, const char *name)
{
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (strcmp(parameters_row(parameters, i)->name, name) == 0)
            return i;
    fail_msg("no parameter '%s'", name);
    return -1;
}

static void open_toy(struct toy *toy, bool has_adapters)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, 2);
    const char *head = "linear";

    toy_device_open(toy, &backend_ref);
    toy->graph = toy_forward(&settings);
    if (has_adapters) {
        ok(pass_freeze_except(toy->graph, &head, 1));
        ok(pass_lora_inject(toy->graph, &toy_lora));
    }
    ok(parameters_create(toy->graph, device_queue(toy->device), 1, &toy->parameters));
    toy_randomise(toy->parameters, 3);
}

static int count_zero_rows(const struct parameters *parameters, const char *name)
{
    int64_t i = row_named(parameters, name);
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t row_elements = tensor_elements(&tensor) / tensor.shape[0];
    const double *values = tensor.data;
    int n = 0;

    for (int64_t k = 0; k < tensor.shape[0]; k++) {
        bool is_zero = true;
        for (int64_t e = 0; e < row_elements; e++)
            is_zero &= values[k * row_elements + e] == 0;
        n += is_zero;
    }
    return n;
}

static void prune(struct toy *toy, double sparsity, enum prune_mask mask)
{
    struct prune_settings settings = {.sparsity = sparsity, .mask = mask};

    ok(parameters_prune(toy->parameters, &settings));
}

static void test_smallest_norms_go(void **state)
{
    /* squared norms per channel of conv1, ascending order 2, 0, 3, 1 */
    const double norms[4] = {2, 9, 1, 5};
    double values[108];
    struct toy toy;

    (void)state;
    open_toy(&toy, false);
    int64_t conv1 = row_named(toy.parameters, "conv1.weight");
    for (int e = 0; e < 108; e++)
        values[e] = sqrt(norms[e / 27] / 27) * (e % 2 == 0 ? 1 : -1);
    ok(parameters_set(toy.parameters, conv1, values));
    prune(&toy, 0.5, PRUNE_BAKED);
    ok(parameters_get(toy.parameters, conv1, values));
    for (int k = 0; k < 4; k++)
        assert_int_equal(values[k * 27 + 5] == 0, k == 0 || k == 2);
    assert_null(parameters_flat_mask(toy.parameters).data);
    toy_close(&toy);
}

static void test_ties_go_to_the_lower_index(void **state)
{
    double values[108];
    struct toy toy;

    (void)state;
    open_toy(&toy, false);
    int64_t conv1 = row_named(toy.parameters, "conv1.weight");
    for (int e = 0; e < 108; e++)
        values[e] = 0.25;
    ok(parameters_set(toy.parameters, conv1, values));
    prune(&toy, 0.5, PRUNE_BAKED);
    ok(parameters_get(toy.parameters, conv1, values));
    for (int k = 0; k < 4; k++)
        assert_int_equal(values[k * 27] == 0, k < 2);
    toy_close(&toy);
}

/* K = 4, 6 and 5: halves round to even. */
static void test_rounding(void **state)
{
    const struct {
        double sparsity;
        int of4, of6, of5;
    } cases[] = {{0, 0, 0, 0},   {0.125, 0, 1, 1}, {0.25, 1, 2, 1}, {0.375, 2, 2, 2},
                 {0.5, 2, 3, 2}, {0.625, 2, 4, 3}, {0.7, 3, 4, 4},  {0.75, 3, 4, 4},
                 {0.9, 4, 5, 4}}; /* 0.9·5 = 4.5 → 4; 0.25·6 = 1.5 → 2; 0.75·6 = 4.5 → 4 */

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct toy toy;
        open_toy(&toy, false);
        prune(&toy, cases[i].sparsity, PRUNE_BAKED);
        assert_int_equal(count_zero_rows(toy.parameters, "conv1.weight"), cases[i].of4);
        assert_int_equal(count_zero_rows(toy.parameters, "block1.conv2.weight"), cases[i].of6);
        assert_int_equal(count_zero_rows(toy.parameters, "block2.shortcut.0.weight"), cases[i].of5);
        assert_int_equal(count_zero_rows(toy.parameters, "linear.weight"), 0);
        toy_close(&toy);
    }
}

static void test_held_masks_what_trains(void **state)
{
    struct toy toy;

    (void)state;
    open_toy(&toy, false);
    prune(&toy, 0.5, PRUNE_HELD);
    const uint8_t *mask = parameters_flat_mask(toy.parameters).data;
    const double *flat = parameters_flat_values(toy.parameters).data;
    int64_t n_held = 0;
    assert_non_null(mask);
    for (int64_t i = 0; i < parameters_count(toy.parameters); i++) {
        const struct param *row = parameters_row(toy.parameters, i);
        struct tensor tensor = parameters_tensor(toy.parameters, i);
        if (!row->is_trainable)
            continue;
        for (int64_t e = 0; e < tensor_elements(&tensor); e++) {
            int64_t at = (const double *)tensor.data - flat + e;
            assert_int_equal(mask[at], !(row->is_conv && flat[at] == 0));
            n_held += !mask[at];
        }
    }
    assert_int_equal(n_held, 2 * 27 + 3 * 36 + 3 * 54 + 2 * 6 + 2 * 6);
    toy_close(&toy);
}

static void test_held_leaves_adapters_free(void **state)
{
    struct toy toy;

    (void)state;
    open_toy(&toy, true);
    prune(&toy, 0.5, PRUNE_HELD);
    assert_int_equal(count_zero_rows(toy.parameters, "conv1.weight"), 2);
    assert_int_equal(count_zero_rows(toy.parameters, "block1.conv1.weight"), 3);
    assert_int_equal(count_zero_rows(toy.parameters, "block1.conv1.lora_B.weight"), 0);
    assert_int_equal(count_zero_rows(toy.parameters, "block1.conv1.lora_A.weight"), 0);
    assert_null(parameters_flat_mask(toy.parameters).data); /* the base is frozen anyway */
    toy_close(&toy);
}

static void test_held_merged_holds_rows_of_b(void **state)
{
    struct toy toy;

    (void)state;
    open_toy(&toy, true);
    prune(&toy, 0.5, PRUNE_HELD_MERGED);
    const struct tensor weight =
        parameters_tensor(toy.parameters, row_named(toy.parameters, "block1.conv1.weight"));
    const struct tensor b =
        parameters_tensor(toy.parameters, row_named(toy.parameters, "block1.conv1.lora_B.weight"));
    const uint8_t *mask = parameters_flat_mask(toy.parameters).data;
    const double *flat = parameters_flat_values(toy.parameters).data;
    for (int k = 0; k < 6; k++)
        for (int r = 0; r < 2; r++) {
            bool is_pruned = ((const double *)weight.data)[k * 36] == 0;
            const double *element = (const double *)b.data + k * 2 + r;
            assert_int_equal(*element == 0, is_pruned);
            assert_int_equal(mask[element - flat], !is_pruned);
        }
    /* conv1 has no adapter, the shortcut neither: pruned and frozen all the same */
    assert_int_equal(count_zero_rows(toy.parameters, "block2.shortcut.0.weight"), 2);
    toy_close(&toy);
}

static void test_refuses(void **state)
{
    const double wrong[] = {1.0, 1.2, -0.1, NAN};
    struct prune_settings settings = {.sparsity = 0.5};
    double values[108] = {0};
    struct toy toy;

    (void)state;
    open_toy(&toy, false);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        settings.sparsity = wrong[i];
        fails(parameters_prune(toy.parameters, &settings), STATUS_BAD_CONFIG,
              "prune.sparsity must be in [0, 1), got ");
    }
    values[30] = NAN;
    ok(parameters_set(toy.parameters, row_named(toy.parameters, "conv1.weight"), values));
    settings.sparsity = 0.5;
    fails(parameters_prune(toy.parameters, &settings), STATUS_BAD_DATA,
          "cannot prune 'conv1.weight': channel 1 is not finite");
    toy_close(&toy);
}

static void test_rows_become_zero(void **state)
{
    const int32_t rows[] = {2, 0}, beyond[] = {1, TOY_CLASSES};
    double before[TOY_CLASSES], after[TOY_CLASSES];
    struct toy toy;

    (void)state;
    open_toy(&toy, false);
    int64_t weight = row_named(toy.parameters, "linear.weight");
    int64_t bias = row_named(toy.parameters, "linear.bias");
    ok(parameters_get(toy.parameters, bias, before));
    ok(parameters_zero_rows(toy.parameters, weight, rows, 2));
    ok(parameters_zero_rows(toy.parameters, bias, rows, 2));
    ok(parameters_get(toy.parameters, bias, after));
    assert_int_equal(count_zero_rows(toy.parameters, "linear.weight"), 2);
    assert_true(after[0] == 0 && after[2] == 0 && after[1] == before[1] && after[1] != 0);
    fails(parameters_zero_rows(toy.parameters, weight, beyond, 2), STATUS_BAD_CONFIG,
          "'linear.weight' has 3 rows, row 3 cannot become zero");
    assert_int_equal(count_zero_rows(toy.parameters, "linear.weight"), 2);
    toy_close(&toy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest_norms_go),
        cmocka_unit_test(test_ties_go_to_the_lower_index),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_held_masks_what_trains),
        cmocka_unit_test(test_held_leaves_adapters_free),
        cmocka_unit_test(test_held_merged_holds_rows_of_b),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_rows_become_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
