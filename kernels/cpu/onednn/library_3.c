/* oneDNN 3: layouts are handles, and a description of an operation steps to its next implementation
 * by itself. */
#include "kernels/cpu/onednn/library.h"

#include "base/arena.h"

#include <stdlib.h>

#if DNNL_VERSION_MAJOR != 3
#error "this file is written for oneDNN 3"
#endif

struct candidates {
    dnnl_primitive_desc_t forward; /* what backward parts ask for; NULL: none */
    dnnl_primitive_desc_t current;
};

enum status layout_create(int n_dims, const dnnl_dim_t *shape, dnnl_format_tag_t tag,
                          layout_ref *out)
{
    enum status status = STATUS_OK;
    dnnl_memory_desc_t layout = NULL;

    TRY(dnnl_check(dnnl_memory_desc_create_with_tag(&layout, n_dims, shape, dnnl_f32, tag)));
    *out = layout;
done:
    return status;
}

void layout_destroy(layout_ref layout)
{
    DESTROY(memory_desc, (dnnl_memory_desc_t)(uintptr_t)layout);
}

/* Describes the part into candidates->current, and into ->forward what a backward part asks for. */
static enum status describe(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                            const struct convolution_parts *parts, struct candidates *candidates)
{
    enum status status = STATUS_OK;
    dnnl_dims_t strides = {parts->stride, parts->stride}, dilation = {0, 0};
    dnnl_dims_t padding = {parts->padding, parts->padding};
    bool is_forward = parts->part == dnnl_forward_training;

    TRY(dnnl_check(dnnl_convolution_forward_primitive_desc_create(
        is_forward ? &candidates->current : &candidates->forward, engine, dnnl_forward_training,
        dnnl_convolution_direct, parts->source, parts->weight, NULL, parts->destination, strides,
        dilation, padding, padding, is_forward ? attributes : NULL)));
    if (parts->part == dnnl_backward_data)
        TRY(dnnl_check(dnnl_convolution_backward_data_primitive_desc_create(
            &candidates->current, engine, dnnl_convolution_direct, parts->source, parts->weight,
            parts->destination, strides, dilation, padding, padding, candidates->forward,
            attributes)));
    if (parts->part == dnnl_backward_weights)
        TRY(dnnl_check(dnnl_convolution_backward_weights_primitive_desc_create(
            &candidates->current, engine, dnnl_convolution_direct, parts->source, parts->weight,
            NULL, parts->destination, strides, dilation, padding, padding, candidates->forward,
            attributes)));
done:
    return status;
}

enum status convolution_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                   const struct convolution_parts *parts, struct candidates **out)
{
    enum status status = STATUS_OK;
    struct candidates *candidates = NULL;

    TRY_ALLOC(candidates, heap_alloc(1, sizeof *candidates));
    TRY(describe(engine, attributes, parts, candidates));
    *out = candidates;
    candidates = NULL;
done:
    candidates_destroy(candidates);
    return status;
}

enum status product_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                               const struct product_parts *parts, struct candidates **out)
{
    enum status status = STATUS_OK;
    struct candidates *candidates = NULL;

    TRY_ALLOC(candidates, heap_alloc(1, sizeof *candidates));
    TRY(dnnl_check(dnnl_matmul_primitive_desc_create(&candidates->current, engine, parts->left,
                                                     parts->right, parts->bias, parts->product,
                                                     attributes)));
    *out = candidates;
    candidates = NULL;
done:
    candidates_destroy(candidates);
    return status;
}

enum status candidates_fetch(const struct candidates *candidates, dnnl_primitive_desc_t *out)
{
    return dnnl_check(dnnl_primitive_desc_clone(out, candidates->current));
}

enum status candidates_next(struct candidates *candidates, bool *has_more)
{
    dnnl_status_t step = dnnl_primitive_desc_next_impl(candidates->current);

    *has_more = step == dnnl_success;
    return step == dnnl_last_impl_reached ? STATUS_OK
                                          : dnnl_check_at(step, "dnnl_primitive_desc_next_impl");
}

void candidates_destroy(struct candidates *candidates)
{
    if (candidates == NULL)
        return;
    DESTROY(primitive_desc, candidates->current);
    DESTROY(primitive_desc, candidates->forward);
    free(candidates);
}
