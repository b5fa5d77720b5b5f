/* Names of wrapped models, merging adapters, and every way in which they do not fit. */
#include "store/weights/adapters.h"

#include "base/file.h"
#include "store_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float weight[] = {1, 2, 3, 4, 5, 6}, bias[] = {7, 8}, saved[] = {9, 10}; /* [2, 3], [2] */
static float a[] = {1, 0, -1, 2, 2, 2}, b[] = {1, 0.5f, 0, 2};                  /* [2, 3], [2, 2] */

#define TENSOR(label, shape_0, shape_1, data)                                                      \
    {                                                                                              \
        .name = (label), .dtype = DTYPE_F32, .n_dims = 2, .shape = {(shape_0), (shape_1)},         \
        .values = (data)                                                                           \
    }
#define VECTOR(label, data)                                                                        \
    {                                                                                              \
        .name = (label), .dtype = DTYPE_F32, .n_dims = 1, .shape = {2}, .values = (data)           \
    }
#define N(tensors) (int64_t)(sizeof(tensors) / sizeof *(tensors))

struct place {
    struct temporary_folder folder;
    struct arena *arena;
};

static int open_place(void **state)
{
    static struct place place;

    temporary_folder_open(&place.folder);
    ok(arena_create(&place.arena));
    *state = &place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;

    arena_destroy(place->arena);
    temporary_folder_close(&place->folder);
    return 0;
}

/* As a file on disk gives them, with bare names. */
static struct weights *as_read(struct place *place, const struct weight_tensor *tensors, int64_t n)
{
    char path[TEMPORARY_PATH_BYTES];
    struct weights *weights = NULL;

    ok(weights_save(temporary_path(&place->folder, "w.safetensors", path), tensors, n));
    ok(weights_load(path, &weights));
    return weights;
}

static void expect_bare(struct place *place, const char *name, const char *bare)
{
    /* two names, so that no segment is taken for a prefix common to all */
    const struct weight_tensor tensors[] = {VECTOR(name, bias), VECTOR("other", bias)};
    struct weights *weights = as_read(place, tensors, 2);

    assert_string_equal(weights->tensors[0].bare, bare);
    assert_ptr_equal(weights_find(weights, bare), &weights->tensors[0]);
    weights_destroy(weights);
}

static void test_bare_names(void **state)
{
    expect_bare(*state, "layer1.0.conv1.base_layer.weight", "layer1.0.conv1.weight");
    expect_bare(*state, "layer1.0.conv1.lora_A.default.weight", "layer1.0.conv1.lora_A.weight");
    expect_bare(*state, "layer1.0.conv1.lora_B.weight", "layer1.0.conv1.lora_B.weight");
    expect_bare(*state, "linear.modules_to_save.default.bias", "linear.bias");
    expect_bare(*state, "linear.modules_to_save.bias", "linear.bias");
    expect_bare(*state, "linear.original_module.bias", "linear.bias");
    expect_bare(*state, "block.modules_to_save.mine.0.weight", "block.0.weight");
    expect_bare(*state, "my_base_layer.weight", "my_base_layer.weight");
    expect_bare(*state, "base_layer", "base_layer"); /* a parameter of that name */
    expect_bare(*state, "encoder.self_attention.in_proj_weight",
                "encoder.self_attention.in_proj_weight");
}

static void test_saved_copy_wins(void **state)
{
    const struct weight_tensor tensors[] = {
        VECTOR("base_model.model.linear.original_module.bias", bias),
        VECTOR("base_model.model.linear.modules_to_save.default.bias", saved),
        VECTOR("base_model.model.other.bias", bias),
    };
    struct weights *weights = as_read(*state, tensors, 3);

    assert_string_equal(weights->prefix, "base_model.model.");
    assert_null(weights->tensors[0].bare);
    assert_true(weight_value(weights_find(weights, "linear.bias"), 0) == 9);
    weights_destroy(weights);
}

static void expect_refused(struct place *place, const struct weight_tensor *tensors, int64_t n,
                           const char *message)
{
    char path[TEMPORARY_PATH_BYTES];
    struct weights *weights = NULL;

    ok(weights_save(temporary_path(&place->folder, "w.pth", path), tensors, n));
    fails(weights_load(path, &weights), STATUS_BAD_DATA, message);
    assert_null(weights);
}

static void test_ambiguous_names(void **state)
{
    const struct weight_tensor wrapped[] = {VECTOR("l.bias", bias),
                                            VECTOR("l.base_layer.bias", bias)};
    const struct weight_tensor two[] = {VECTOR("l.lora_A.one.weight", bias),
                                        VECTOR("l.lora_A.two.weight", bias)};

    expect_refused(*state, wrapped, 2, "both stand for 'l.bias'");
    expect_refused(*state, two, 2, "both stand for 'l.lora_A.weight'");
}

static const struct weight_tensor base[] = {TENSOR("l.weight", 2, 3, weight),
                                            VECTOR("l.bias", bias)};

static enum status merge(struct place *place, const struct weight_tensor *adapters, int64_t n,
                         const struct adapter_config *config, struct merged_weights *out)
{
    struct weights *files[2] = {as_read(place, base, N(base)), as_read(place, adapters, n)};
    const struct adapter_merge job = {files[0], files[1], "base.pth", "a.pth", *config};
    enum status status = adapters_merge(&job, place->arena, out);

    for (int64_t i = 0; status == STATUS_OK && i < out->n; i++) { /* outlive the files */
        float *copy = ARENA_ARRAY(place->arena, weight_elements(&out->tensors[i]), float);
        assert_non_null(copy);
        for (int64_t e = 0; e < weight_elements(&out->tensors[i]); e++)
            copy[e] = (float)weight_value(&out->tensors[i], e);
        out->tensors[i].values = copy;
        out->tensors[i].name = arena_strdup(place->arena, out->tensors[i].name);
    }
    weights_destroy(files[0]);
    weights_destroy(files[1]);
    return status;
}

static void test_merge(void **state)
{
    /* B·A = [[2, 1, 0], [4, 4, 4]]; alpha 4 over rank 2 doubles it */
    static const float wanted[] = {5, 4, 3, 12, 13, 14};
    const struct weight_tensor adapters[] = {TENSOR("base_model.model.l.lora_A.weight", 2, 3, a),
                                             TENSOR("base_model.model.l.lora_B.weight", 2, 2, b),
                                             VECTOR("base_model.model.l.bias", saved)};
    struct adapter_config config = {.alpha = 4, .lora_rank = 2};
    struct merged_weights merged;

    ok(merge(*state, adapters, 3, &config, &merged));
    assert_int_equal(merged.n, 2);
    assert_int_equal(merged.n_adapters, 1);
    assert_int_equal(merged.n_replaced, 1);
    assert_string_equal(merged.tensors[0].name, "l.weight");
    assert_memory_equal(merged.tensors[0].values, wanted, sizeof wanted);
    assert_memory_equal(merged.tensors[1].values, saved, sizeof saved);
    config.is_rank_stabilised = true;
    config.alpha = 2.8284271247461903; /* 2·√2 over √2 */
    ok(merge(*state, adapters, 3, &config, &merged));
    assert_memory_equal(merged.tensors[0].values, wanted, sizeof wanted);
}

/* q and v of a fused projection [3·2, 3], each on its own rows. */
static void test_merge_thirds(void **state)
{
    static float fused[18];
    static const float wanted[] = {2, 1, 0, 4, 4, 4, 0, 0, 0, 0, 0, 0, 2, 1, 0, 4, 4, 4};
    const struct weight_tensor projection[] = {TENSOR("m.in_proj_weight", 6, 3, fused)};
    const struct weight_tensor adapters[] = {
        TENSOR("m.in_proj_q.lora_A.weight", 2, 3, a), TENSOR("m.in_proj_q.lora_B.weight", 2, 2, b),
        TENSOR("m.in_proj_v.lora_A.weight", 2, 3, a), TENSOR("m.in_proj_v.lora_B.weight", 2, 2, b)};
    struct place *place = *state;
    struct weights *files[2] = {as_read(place, projection, 1), as_read(place, adapters, 4)};
    const struct adapter_merge job = {files[0], files[1], "base.pth", "a.pth", {.alpha = 2}};
    struct merged_weights merged;

    ok(adapters_merge(&job, place->arena, &merged));
    assert_true(merged.n == 1 && merged.n_adapters == 2);
    assert_memory_equal(merged.tensors[0].values, wanted, sizeof wanted);
    weights_destroy(files[0]);
    weights_destroy(files[1]);
}

static void test_misfits(void **state)
{
    const struct weight_tensor good[] = {TENSOR("l.lora_A.weight", 2, 3, a),
                                         TENSOR("l.lora_B.weight", 2, 2, b)};
    const struct weight_tensor ranks[] = {TENSOR("l.lora_A.weight", 1, 3, a), good[1]};
    const struct weight_tensor wide[] = {TENSOR("l.lora_A.weight", 2, 2, a), good[1]};
    const struct weight_tensor alone[] = {good[0], VECTOR("l.bias", bias)};
    const struct weight_tensor half[] = {good[1], VECTOR("l.bias", bias)};
    const struct weight_tensor stranger[] = {TENSOR("k.lora_A.weight", 2, 3, a),
                                             TENSOR("k.lora_B.weight", 2, 2, b)};
    const struct weight_tensor extra[] = {good[0], good[1], VECTOR("k.bias", bias)};
    const struct weight_tensor shape[] = {good[0], good[1], TENSOR("l.bias", 2, 1, bias)};
    const struct weight_tensor none[] = {VECTOR("l.bias", bias)};
    const struct {
        const struct weight_tensor *tensors;
        int64_t n, lora_rank;
        const char *message;
    } cases[] = {
        {good, 2, 8, "'l.lora_A.weight' has rank 2, but the adapters' configuration says 8"},
        {ranks, 2, 0, "'l.lora_A.weight' has rank 1, but 'l.lora_B.weight' has 2"},
        {wide, 2, 0, "give 2 outputs of 2 inputs, but 'l.weight' has 2 of 3"},
        {alone, 2, 0, "'l.lora_A.weight' has no 'l.lora_B.weight' beside it"},
        {half, 2, 0, "holds 1 LoRA tensors in 0 pairs"},
        {stranger, 2, 0, "'k.lora_A.weight' adapts 'k.weight', which 'base.pth' does not have"},
        {extra, 3, 0, "'k.bias' has no counterpart in 'base.pth'"},
        {shape, 3, 0, "'l.bias' has another shape than in 'base.pth'"},
        {none, 1, 0, "adapters 'a.pth': holds no LoRA adapters"},
    };
    struct merged_weights merged;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct adapter_config config = {.alpha = 1, .lora_rank = cases[i].lora_rank};
        fails(merge(*state, cases[i].tensors, cases[i].n, &config, &merged), STATUS_BAD_DATA,
              cases[i].message);
    }
}

/* A model cannot start from adapters: how to make one that can is part of the message. */
static void test_model_wants_merged(void **state)
{
    const struct weight_tensor wrapped[] = {
        TENSOR("base_model.model.l.base_layer.weight", 2, 3, weight),
        TENSOR("base_model.model.l.lora_A.default.weight", 2, 3, a),
        TENSOR("base_model.model.l.lora_B.default.weight", 2, 2, b)};
    const struct weight_wanted wanted[] = {{"l.weight", 2, {2, 3}}};
    struct weights *weights = as_read(*state, wrapped, 3);

    fails(
        weights_check(weights, "x.pth", "toy", wanted, 1), STATUS_BAD_DATA,
        "weights 'x.pth': holds 2 LoRA tensors such as 'base_model.model.l.lora_A.default.weight', "
        "toy expects plain weights: prunelora weights merge 'x.pth' --alpha A --out FILE");
    weights_destroy(weights);
}

static void test_config(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"peft_type\": \"IA3\"}", "'peft_type' is 'IA3', expected LORA"},
        {"{}", "'peft_type' is 'missing', expected LORA"},
        {"[1", "c.json': is not a JSON object"},
        {"{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 1}", "'r' must be a whole number"},
        {"{\"peft_type\": \"LORA\", \"r\": 8}", "'lora_alpha' must be a number"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, \"use_dora\": true}",
         "'use_dora' is set: adapters of that kind are not known"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, \"alpha_pattern\": {\"a\": 2}}",
         "'alpha_pattern' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, \"bias\": \"all\"}",
         "'bias' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, \"layer_replication\": [[0, 2]]}",
         "'layer_replication' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, \"of_next_year\": 0.5}",
         "'of_next_year' is set: adapters of that kind are not known; use the weights"},
        {"{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 1, "
         "\"init_lora_weights\": \"pissa_niter_16\"}",
         "'init_lora_weights' is 'pissa_niter_16': these adapters belong to a base that"},
    };
    static const char good[] = "{\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 16, "
                               "\"use_dora\": false, \"alpha_pattern\": {}, \"use_rslora\": true, "
                               "\"bias\": \"none\", \"init_lora_weights\": \"gaussian\", "
                               "\"layer_replication\": null, \"lora_ga_config\": {\"a\": 1}}";
    struct place *place = *state;
    char path[TEMPORARY_PATH_BYTES];
    struct adapter_config config = {.alpha = 3};

    temporary_path(&place->folder, "c.json", path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ok(file_write(path, cases[i].text, strlen(cases[i].text)));
        fails(adapter_config_load(path, &config), STATUS_BAD_DATA, cases[i].message);
    }
    assert_true(config.alpha == 3);
    ok(file_write(path, good, strlen(good)));
    ok(adapter_config_load(path, &config));
    assert_true(config.alpha == 16 && config.lora_rank == 8 && config.is_rank_stabilised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare_names),         cmocka_unit_test(test_saved_copy_wins),
        cmocka_unit_test(test_ambiguous_names),    cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_thirds),       cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_model_wants_merged), cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, open_place, close_place);
}
