/* Library plans of the substitute: the reference backend's loops in float64 on factors rounded as
 * the wanted arithmetic rounds them or read as bf16, the result rounded to f32 and on to bf16. */
#include "kernels/cuda/host/host_plan.h"

#include "base/arena.h"
#include "kernels/bf16_bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Odd enough to show whether it is lent. */
enum { WORKSPACE_BYTES = 640 };

struct plan_run { /* one run of a plan */
    struct gpu_plan plan;
    struct gpu_operands operands;
};

/* To the nearest value with ten bits of mantissa, ties to even. */
static float rounded_to_tf32(float value)
{
    enum { DROPPED = 13 };
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7F800000U) == 0x7F800000U)
        return value;
    bits += (1U << (DROPPED - 1)) - 1 + (bits >> DROPPED & 1);
    bits &= ~0U << DROPPED;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double factor_at(const void *factors, int64_t i, enum gpu_math math)
{
    if (math == GPU_MATH_BF16)
        return (double)bf16_value(((const uint16_t *)factors)[i]);
    float value = ((const float *)factors)[i];
    return (double)(math == GPU_MATH_TF32 ? rounded_to_tf32(value) : value);
}

static double *widened(const void *from, int64_t n, enum gpu_math math)
{
    double *wide = calloc((size_t)n, sizeof *wide);

    if (wide == NULL)
        abort();
    for (int64_t i = 0; from != NULL && i < n; i++)
        wide[i] = factor_at(from, i, math);
    return wide;
}

static void put(void *to, int64_t i, double value, bool is_bf16)
{
    if (is_bf16)
        ((uint16_t *)to)[i] = bf16_bits((float)value);
    else
        ((float *)to)[i] = (float)value;
}

static struct tensor images(double *data, int64_t n, int64_t h, int64_t w, int64_t c)
{
    return (struct tensor){data, DTYPE_F64, 4, {n, h, w, c}};
}

static void convolve(const struct gpu_convolution *g, double *x, double *weight, double *y)
{
    const struct tensor tx = images(x, g->n, g->h, g->w, g->c);
    const struct tensor tw = images(weight, g->k, g->r, g->s, g->c);
    const struct tensor ty = images(y, g->n, g->p, g->q, g->k);
    const struct conv2d_forward forward = {
        .x = tx, .weight = tw, .y = ty, .factor = 1, .stride = g->stride, .padding = g->padding};
    const struct conv2d_backward_data data = {.d_y = ty,
                                              .weight = tw,
                                              .d_x = tx,
                                              .factor = 1,
                                              .stride = g->stride,
                                              .padding = g->padding};
    const struct conv2d_backward_weight backward = {.x = tx,
                                                    .d_y = ty,
                                                    .d_weight = tw,
                                                    .factor = 1,
                                                    .stride = g->stride,
                                                    .padding = g->padding};
    const struct kernel_ops *ref = &backend_ref.kernels;
    enum status status = STATUS_OK;

    if (g->part == GPU_CONVOLUTION_FORWARD)
        status = ref->conv2d_forward.run(NULL, NULL, &forward);
    else if (g->part == GPU_CONVOLUTION_BACKWARD_DATA)
        status = ref->conv2d_backward_data.run(NULL, NULL, &data);
    else
        status = ref->conv2d_backward_weight.run(NULL, NULL, &backward);
    assert(status == STATUS_OK);
}

static void convolution_run(const struct plan_run *run)
{
    const struct gpu_convolution *g = &run->plan.convolution;
    const struct gpu_operands *o = &run->operands;
    int64_t n_x = g->n * g->h * g->w * g->c, n_y = g->n * g->p * g->q * g->k;
    int64_t n_weight = g->k * g->r * g->s * g->c;
    bool is_forward = g->part == GPU_CONVOLUTION_FORWARD;
    bool is_weight = g->part == GPU_CONVOLUTION_BACKWARD_WEIGHT;
    double *left = widened(o->left, is_forward ? n_x : n_y, g->math);
    double *right = widened(o->right, is_weight ? n_x : n_weight, g->math);
    int64_t n_out = is_forward ? n_y : is_weight ? n_weight : n_x;
    double *out = widened(NULL, n_out, g->math);

    if (is_forward)
        convolve(g, left, right, out);
    else if (is_weight)
        convolve(g, right, out, left);
    else
        convolve(g, out, right, left);
    for (int64_t i = 0; i < n_out; i++)
        put(o->out, i, out[i], g->is_out_bf16);
    free(left);
    free(right);
    free(out);
}

static void product_run(const struct plan_run *run)
{
    const struct gpu_product *p = &run->plan.product;
    const struct gpu_operands *o = &run->operands;
    double *left = widened(o->left, p->m * p->k, p->math);
    double *right = widened(o->right, p->k * p->n, p->math);
    const enum gpu_math addends = p->is_out_bf16 ? GPU_MATH_BF16 : GPU_MATH_FP32;
    const float *bias = o->bias;

    for (int64_t m = 0; m < p->m; m++)
        for (int64_t n = 0; n < p->n; n++) {
            double sum = 0.0;
            for (int64_t k = 0; k < p->k; k++)
                sum += left[p->is_left_transposed ? k * p->m + m : m * p->k + k] *
                       right[p->is_right_transposed ? n * p->k + k : k * p->n + n];
            sum = (double)p->factor * sum + (p->has_bias ? (double)bias[n] : 0.0);
            if (p->has_addend)
                sum += factor_at(o->addend, m * p->n + n, addends);
            put(o->out, m * p->n + n, sum, p->is_out_bf16);
        }
    free(left);
    free(right);
}

static void run_now(void *context)
{
    const struct plan_run *run = context;

    memset(run->operands.workspace.data, 0xFF, WORKSPACE_BYTES); /* contents mean nothing */
    if (run->plan.is_product)
        product_run(run);
    else
        convolution_run(run);
}

/* ---- running ---- */

size_t host_plan_workspace_bytes(const struct gpu_plan *plan)
{
    (void)plan;
    return WORKSPACE_BYTES;
}

const char *host_plan_name(const struct gpu_plan *plan)
{
    return plan->name;
}

/* The library relies on what it was told. */
static bool is_aligned(const struct gpu_plan *plan, const struct gpu_operands *operands)
{
    int alignment = plan->is_product ? plan->product.alignment : plan->convolution.alignment;
    uintptr_t bits = (uintptr_t)operands->left | (uintptr_t)operands->right |
                     (uintptr_t)operands->bias | (uintptr_t)operands->addend |
                     (uintptr_t)operands->out;

    return alignment > 0 && bits % (uintptr_t)alignment == 0;
}

enum status host_plan_run(const struct gpu_plan *plan, struct gpu_stream *stream,
                          const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    struct plan_run *run = NULL;

    TRY(host_gpu_enter("plan_run"));
    assert((operands->bias != NULL) == (plan->is_product && plan->product.has_bias));
    assert((operands->addend != NULL) == (plan->is_product && plan->product.has_addend));
    assert(is_aligned(plan, operands));
    assert((uintptr_t)operands->workspace.data % MEMORY_ALIGNMENT == 0);
    TRY(host_memory_check(operands->workspace.data, WORKSPACE_BYTES, false, "plan_run: workspace"));
    TRY_ALLOC(run, heap_alloc(1, sizeof *run));
    *run = (struct plan_run){*plan, *operands};
    gpu_host_enqueue(stream, run_now, run, free);
done:
    return status;
}

void host_plan_destroy(struct gpu_plan *plan)
{
    host_gpu()->n_plans -= plan != NULL;
    free(plan);
}
