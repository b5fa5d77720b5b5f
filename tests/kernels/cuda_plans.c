/* Which of a library's proposals becomes a plan, and how often it is asked, on the cuda backend's
 * substitute, whose proposals a test chooses. */
#include "kernels/substitute.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

struct layer { /* a convolution and memory for it */
    struct device *device;
    void *memory;
};

static struct layer layer_open(enum precision precision)
{
    struct layer layer = {substitute_open(precision), NULL};

    ok(device_alloc(layer.device, 16384, &layer.memory));
    return layer;
}

static void layer_close(struct layer *layer)
{
    device_free(layer->device, layer->memory);
    device_close(layer->device);
    assert_int_equal(host_gpu()->n_plans, 0); /* they go with their device */
}

/* The weight's gradient of 3x3 filters on 4x4 pixels, in the device's own types. */
static enum status prepare(struct layer *layer, int64_t n_filters, struct prepared **out)
{
    enum dtype map = device_map(layer->device);
    char *memory = layer->memory;
    const union op_any op = {
        .conv2d_backward_weight = {.x = {memory, map, 4, {2, 4, 4, 3}},
                                   .d_y = {memory + 2048, map, 4, {2, 4, 4, n_filters}},
                                   .d_weight = {memory + 4096, DTYPE_F32, 4, {n_filters, 3, 3, 3}},
                                   .factor = 1,
                                   .stride = 1,
                                   .padding = 1}};

    return kernel_prepare(layer->device, OP_conv2d_backward_weight, &op, out);
}

static void release(struct layer *layer, struct prepared *prepared)
{
    kernel_release(layer->device, OP_conv2d_backward_weight, prepared);
}

static void takes(enum precision precision, const char *implementation)
{
    struct layer layer = layer_open(precision);
    struct prepared *prepared = NULL;

    ok(prepare(&layer, 5, &prepared));
    assert_string_equal(prepared->implementation, implementation);
    release(&layer, prepared);
    layer_close(&layer);
}

static void propose(const struct host_proposal *proposals, int n)
{
    host_gpu_reset();
    memcpy(host_gpu()->proposals, proposals, (size_t)n * sizeof *proposals);
    host_gpu()->n_proposals = n;
}

/* ---- which one ---- */

#define WANTED                                                                                     \
    {                                                                                              \
        .is_wanted = true                                                                          \
    }
#define COMPILED                                                                                   \
    {                                                                                              \
        .is_wanted = true, .is_compiled = true                                                     \
    }

/* Whatever keeps the ones before it from it, the first that can be used is taken. */
static void test_falls_through(void **state)
{
    static const enum status failures[] = {STATUS_UNSUPPORTED, STATUS_DEVICE, STATUS_BAD_DATA};

    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const struct host_proposal proposals[] = {
            {.answer = WANTED, .look = failures[i]}, /* unreadable */
            {.answer = {.is_wanted = false}},        /* another arithmetic */
            {.answer = WANTED, .plan = failures[i]}, /* impossible here */
            {.answer = WANTED},
        };
        propose(proposals, 4);
        takes(PRECISION_FP32, "convolution 3");
    }
}

static void test_none_is_left(void **state)
{
    static const struct host_proposal broken[] = {{.answer = WANTED, .plan = STATUS_UNSUPPORTED},
                                                  {.answer = WANTED, .look = STATUS_UNSUPPORTED}};
    static const struct host_proposal unwanted[] = {{.answer = {.is_wanted = false}}};
    struct prepared *prepared = NULL;

    (void)state;
    propose(broken, 2);
    struct layer layer = layer_open(PRECISION_FP32);
    for (int i = 0; i < 2; i++) /* remembered, with its reason */
        fails_with(
            prepare(&layer, 5, &prepared), STATUS_UNSUPPORTED,
            "convolution's weight gradient [2, 4, 4, 3] with 5 filters 3x3, stride 1, from f32 to "
            "f32: none of the library's 2 proposals can be used, the last: proposal_look: made "
            "to fail for proposal 1; by patches: product [5, 32] of [32], from f32 to f32: none of "
            "the library's 2 proposals can be used, the last: proposal_look: made to fail for "
            "proposal 1");
    assert_int_equal(host_gpu()->n_asked, 3);
    propose(unwanted, 1);
    fails_with(
        prepare(&layer, 6, &prepared), STATUS_UNSUPPORTED,
        "convolution's weight gradient [2, 4, 4, 3] with 6 filters 3x3, stride 1, from f32 to "
        "f32: none of the library's 1 proposals is deterministic and in the arithmetic asked "
        "for; by "
        "patches: product [6, 32] of [32], from f32 to f32: none of the library's 1 proposals is "
        "deterministic and in the arithmetic asked for");
    assert_null(prepared);
    layer_close(&layer);
}

/* Neither another proposal nor another way: what is taken would depend on what else is there. */
static void test_out_of_memory_ends_the_search(void **state)
{
    static const struct host_proposal proposals[] = {
        {.answer = WANTED, .plan = STATUS_OUT_OF_MEMORY}, {.answer = WANTED}};
    static const enum precision precisions[] = {PRECISION_FP32, PRECISION_BF16};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct prepared *prepared = NULL;
        propose(proposals, 2);
        struct layer layer = layer_open(precisions[i]);
        assert_int_equal(prepare(&layer, 5, &prepared), STATUS_OUT_OF_MEMORY);
        assert_null(prepared);
        assert_int_equal(host_gpu()->n_asked, 1);
        host_gpu()->proposals[0].plan = STATUS_OK; /* that there was none is not remembered */
        ok(prepare(&layer, 5, &prepared));
        release(&layer, prepared);
        layer_close(&layer);
    }
}

/* ---- compiled ones ---- */

struct shape { /* of 3x3 filters, as large before and after */
    int64_t n_images, side, n_channels, n_filters;
};
/* Their patches have 1.2, 75 and 8.4 million bytes in bf16, in float32 twice as many. */
static const struct shape small = {8, 16, 32, 32}, large = {512, 16, 32, 32};
static const struct shape stems[] = {{128, 32, 3, 16}, {128, 32, 3, 64}};

/* One of the three parts of a convolution. */
static union op_any part_of(struct device *device, enum op_kind kind, const struct shape *shape)
{
    char *far = (char *)((uintptr_t)1 << 40); /* nobody looks at what is there */
    enum dtype map = device_map(device);
    const struct tensor x = {
        far, map, 4, {shape->n_images, shape->side, shape->side, shape->n_channels}};
    const struct tensor y = {far + ((size_t)1 << 38),
                             map,
                             4,
                             {shape->n_images, shape->side, shape->side, shape->n_filters}};
    struct tensor weight = {
        far + ((size_t)1 << 39), map, 4, {shape->n_filters, 3, 3, shape->n_channels}};

    if (kind == OP_conv2d_forward)
        return (union op_any){
            .conv2d_forward = {
                .x = x, .weight = weight, .y = y, .factor = 1, .stride = 1, .padding = 1}};
    if (kind == OP_conv2d_backward_data)
        return (union op_any){
            .conv2d_backward_data = {
                .d_y = y, .weight = weight, .d_x = x, .factor = 1, .stride = 1, .padding = 1}};
    weight.dtype = DTYPE_F32;
    return (union op_any){
        .conv2d_backward_weight = {
            .x = x, .d_y = y, .d_weight = weight, .factor = 1, .stride = 1, .padding = 1}};
}

struct account { /* what one convolution came to */
    const char *implementation;
    int64_t n_asked, n_compiled;
};

/* A new device is asked twice; the second time it remembers. */
static void comes_to(enum precision precision, enum op_kind kind, const struct shape *shape,
                     const struct account *wanted)
{
    struct device *device = substitute_open(precision);
    const union op_any op = part_of(device, kind, shape);
    int64_t n_asked = host_gpu()->n_asked, n_compiled = host_gpu()->n_compiled;
    struct prepared *prepared[2] = {NULL};

    for (int i = 0; i < 2; i++) {
        ok(kernel_prepare(device, kind, &op, &prepared[i]));
        assert_string_equal(prepared[i]->implementation, wanted->implementation);
        assert_int_equal(host_gpu()->n_asked - n_asked, wanted->n_asked);
        assert_int_equal(host_gpu()->n_compiled - n_compiled, wanted->n_compiled);
        assert_int_equal(host_gpu()->n_plans, 1);
    }
    for (int i = 0; i < 2; i++)
        kernel_release(device, kind, prepared[i]);
    device_close(device);
}

static const enum op_kind parts[] = {OP_conv2d_forward, OP_conv2d_backward_data,
                                     OP_conv2d_backward_weight};
enum { N_PARTS = sizeof parts / sizeof *parts };

/* A compiler is waited for by no part of a convolution, in no precision, while something is ready:
 * another proposal, or few patches, whose product is none of a compiler's. */
static void test_compiled_ones_are_avoided(void **state)
{
    static const struct host_proposal one_is_ready[] = {{.answer = COMPILED}, {.answer = WANTED}};
    static const struct host_proposal none_is_ready[] = {{.answer = COMPILED}};
    const struct account ready = {"convolution 1", 1, 0};

    (void)state;
    for (int p = 0; p < N_PRECISIONS; p++)
        for (int i = 0; i < N_PARTS; i++) {
            enum precision precision = (enum precision)p;
            /* besides f32, the weight's gradient is asked for in bf16 */
            int more = precision == PRECISION_BF16 && parts[i] == OP_conv2d_backward_weight;
            const struct account few = {"product of patches", 2 + more, 0};
            const struct account many = {"convolution", 2 + more, 1};
            propose(one_is_ready, 2);
            comes_to(precision, parts[i], &small, &ready);
            comes_to(precision, parts[i], &large, &ready);
            propose(none_is_ready, 1);
            comes_to(precision, parts[i], &small, &few);
            comes_to(precision, parts[i], &stems[0], &few);
            comes_to(precision, parts[i], &stems[1], &few);
            comes_to(precision, parts[i], &large, &many);
        }
}

/* A weight's gradient in bf16 goes through bf16 before it becomes a product of patches. */
static void test_widening_comes_before_patches(void **state)
{
    static const struct host_proposal none_is_ready[] = {{.answer = COMPILED}};
    const struct account widened = {"convolution, widened", 2, 0};
    const struct account compiled = {"convolution, widened", 2, 1};

    (void)state;
    host_gpu()->compiles_widening = true;
    comes_to(PRECISION_BF16, OP_conv2d_backward_weight, &small, &widened);
    comes_to(PRECISION_BF16, OP_conv2d_backward_weight, &large, &widened);
    propose(none_is_ready, 1);
    host_gpu()->lacks_widening = true; /* is not counted as asked */
    comes_to(PRECISION_BF16, OP_conv2d_backward_weight, &large, &compiled);
}

/* ---- how often ---- */

static void test_planned_once(void **state)
{
    struct layer layer = layer_open(PRECISION_FP32);
    struct prepared *prepared[3] = {NULL};

    (void)state;
    ok(prepare(&layer, 5, &prepared[0]));
    ok(prepare(&layer, 5, &prepared[1])); /* while another has it */
    assert_int_equal(host_gpu()->n_asked, 1);
    ok(prepare(&layer, 6, &prepared[2])); /* another shape */
    assert_int_equal(host_gpu()->n_asked, 2);
    for (int i = 0; i < 3; i++)
        release(&layer, prepared[i]);
    ok(prepare(&layer, 5, &prepared[0])); /* after nobody had it */
    assert_int_equal(host_gpu()->n_asked, 2);
    release(&layer, prepared[0]);
    layer_close(&layer);
}

/* Pruned runs bring ever new shapes: plans that nobody uses go, those in use stay. */
static void test_plans_do_not_pile_up(void **state)
{
    enum { N_SHAPES = 2500, MOST = 1100, FAR = 12288 };
    struct layer layer = layer_open(PRECISION_FP32);
    struct prepared *held = NULL;

    (void)state;
    ok(prepare(&layer, 1, &held));
    for (int64_t i = 0; i < N_SHAPES; i++) {
        struct prepared *prepared = NULL;
        const union op_any op = {
            .linear_backward_weight = {
                .x = {layer.memory, DTYPE_F32, 2, {1 + i, 1}},
                .d_y = {layer.memory, DTYPE_F32, 2, {1 + i, 1}},
                .d_weight = {(char *)layer.memory + FAR, DTYPE_F32, 2, {1, 1}}}};
        ok(kernel_prepare(layer.device, OP_linear_backward_weight, &op, &prepared));
        kernel_release(layer.device, OP_linear_backward_weight, prepared);
        assert_true(host_gpu()->n_plans <= MOST);
    }
    struct prepared *again = NULL;
    int64_t n_asked = host_gpu()->n_asked;
    ok(prepare(&layer, 1, &again));
    assert_int_equal(host_gpu()->n_asked, n_asked);
    release(&layer, again);
    release(&layer, held);
    layer_close(&layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_falls_through, substitute_reset),
        cmocka_unit_test_setup(test_none_is_left, substitute_reset),
        cmocka_unit_test_setup(test_out_of_memory_ends_the_search, substitute_reset),
        cmocka_unit_test_setup(test_compiled_ones_are_avoided, substitute_reset),
        cmocka_unit_test_setup(test_widening_comes_before_patches, substitute_reset),
        cmocka_unit_test_setup(test_planned_once, substitute_reset),
        cmocka_unit_test_setup(test_plans_do_not_pile_up, substitute_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
