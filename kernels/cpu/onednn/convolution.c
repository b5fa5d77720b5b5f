/* Plans of convolutions. */
#include "kernels/cpu/onednn/plan.h"

/* Which implementation measured best where it is not oneDNN's first (a part of its name), or NULL.
 * Measured on two AVX-512 cores, batches of 64 and 128; by rule and not by timing, because another
 * implementation means other bits. */
static const char *preferred_name(const struct conv_shape *shape)
{
    bool is_pointwise = shape->r == 1 && shape->s == 1;

    if (shape->part == CONV_FORWARD && !is_pointwise) {
        bool is_stem = shape->c <= 4, is_last_map = shape->h <= 4;
        bool widens_16 = shape->c == 16 && shape->k == 32; /* strided: 2.4 → 1.5 ms */
        bool is_rank_1 = shape->k == 1;                    /* 7.3 → 3.9 ms */
        return is_stem || is_last_map || widens_16 || is_rank_1 || shape->c == 32 ? "jit:" : NULL;
    }
    if (shape->part == CONV_BACKWARD_WEIGHT) {
        if (is_pointwise) /* wide outputs on large maps: 14 → 11 ms */
            return shape->p >= 16 && shape->k >= 128 && shape->c >= 64 ? "gemm:jit" : NULL;
        return shape->k <= 8 ? "jit:avx2" : NULL; /* half of 16 lanes idle: 3.0 → 1.6 ms */
    }
    return NULL;
}

struct conv_layouts {
    layout_ref source, weight, any_weight, destination;
};

static void conv_layouts_release(struct conv_layouts *layouts)
{
    layout_destroy(layouts->source);
    layout_destroy(layouts->weight);
    layout_destroy(layouts->any_weight);
    layout_destroy(layouts->destination);
}

/* Caller releases, whatever is returned. */
static enum status conv_layouts_init(struct conv_layouts *layouts, const struct conv_shape *shape)
{
    enum status status = STATUS_OK;
    dnnl_dims_t source = {shape->n, shape->c, shape->h, shape->w};
    dnnl_dims_t weight = {shape->k, shape->c, shape->r, shape->s};
    dnnl_dims_t destination = {shape->n, shape->k, shape->p, shape->q};

    TRY(layout_create(4, source, dnnl_nhwc, &layouts->source));
    TRY(layout_create(4, weight, dnnl_ohwi, &layouts->weight));
    TRY(layout_create(4, weight, dnnl_format_tag_any, &layouts->any_weight));
    TRY(layout_create(4, destination, dnnl_nhwc, &layouts->destination));
done:
    return status;
}

static enum status conv_choose(struct glue *glue, const struct conv_shape *shape,
                               const struct conv_layouts *layouts, dnnl_primitive_desc_t *out)
{
    enum status status = STATUS_OK;
    static const dnnl_prop_kind_t kinds[] = {
        [CONV_FORWARD] = dnnl_forward_training,
        [CONV_BACKWARD_DATA] = dnnl_backward_data,
        [CONV_BACKWARD_WEIGHT] = dnnl_backward_weights,
    };
    const struct convolution_parts parts = {
        .part = kinds[shape->part],
        .source = layouts->source,
        .weight = layouts->any_weight,
        .destination = layouts->destination,
        .stride = shape->stride,
        .padding = shape->padding,
    };
    struct candidates *candidates = NULL;

    TRY(convolution_candidates(glue->engine, glue->attributes, &parts, &candidates));
    TRY(plan_choose(candidates, preferred_name(shape), out));
done:
    candidates_destroy(candidates);
    return status;
}

struct conv_request {
    struct glue *glue;
    const struct conv_shape *shape;
};

static enum status make(void *context, void **out)
{
    enum status status = STATUS_OK;
    struct glue *glue = ((const struct conv_request *)context)->glue;
    const struct conv_shape *shape = ((const struct conv_request *)context)->shape;
    struct plan *plan = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    struct conv_layouts layouts = {0};
    bool writes_source = shape->part == CONV_BACKWARD_DATA;
    bool writes_weight = shape->part == CONV_BACKWARD_WEIGHT;
    bool is_forward = shape->part == CONV_FORWARD;

    glue_use_threads(glue);
    TRY(conv_layouts_init(&layouts, shape));
    TRY(conv_choose(glue, shape, &layouts, &descriptor));
    const struct operand_spec specs[N_SLOTS] = {
        [SLOT_SOURCE] = {writes_source ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, writes_source,
                         writes_source ? dnnl_query_diff_src_md : dnnl_query_src_md, 0,
                         layouts.source},
        [SLOT_WEIGHT] = {writes_weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, writes_weight,
                         writes_weight ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0,
                         layouts.weight},
        [SLOT_DESTINATION] = {is_forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, is_forward,
                              is_forward ? dnnl_query_dst_md : dnnl_query_diff_dst_md, 0,
                              layouts.destination},
    };
    TRY(plan_create(glue, specs, descriptor, &plan));
    *out = plan;
done:
    conv_layouts_release(&layouts);
    DESTROY(primitive_desc, descriptor);
    return status;
}

enum status plan_conv2d(struct glue *glue, const struct conv_shape *shape,
                        const void *frozen_weight, struct prepared **out)
{
    struct conv_request request = {glue, shape};
    const struct plan_key key = {{PLAN_OF_CONVOLUTION, shape->part, shape->n, shape->h, shape->w,
                                  shape->c, shape->k, shape->r, shape->s, shape->p, shape->q,
                                  shape->stride, shape->padding}};

    return plan_prepare(glue, &key, &(struct plan_maker){make, &request}, frozen_weight, out);
}
