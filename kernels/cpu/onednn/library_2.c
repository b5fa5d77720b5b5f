/* oneDNN 2: layouts are structs, operations are described first and then walked by an iterator. */
#include "kernels/cpu/onednn/library.h"

#include "base/arena.h"

#include <stdlib.h>

#if DNNL_VERSION_MAJOR != 2
#error "this file is written for oneDNN 2"
#endif

/* What an operation is: the iterator keeps pointing at it. */
union operation {
    dnnl_convolution_desc_t convolution;
    dnnl_matmul_desc_t product;
};

struct candidates {
    union operation operation;
    dnnl_primitive_desc_t forward; /* what backward parts ask for; NULL: none */
    dnnl_primitive_desc_iterator_t iterator;
};

enum status layout_create(int n_dims, const dnnl_dim_t *shape, dnnl_format_tag_t tag,
                          layout_ref *out)
{
    enum status status = STATUS_OK;
    dnnl_memory_desc_t *layout = NULL;

    TRY_ALLOC(layout, heap_alloc(1, sizeof *layout));
    TRY(dnnl_check(dnnl_memory_desc_init_by_tag(layout, n_dims, shape, dnnl_f32, tag)));
    *out = layout;
    layout = NULL;
done:
    free(layout);
    return status;
}

void layout_destroy(layout_ref layout)
{
    free((void *)(uintptr_t)layout);
}

void candidates_destroy(struct candidates *candidates)
{
    if (candidates == NULL)
        return;
    DESTROY(primitive_desc_iterator, candidates->iterator);
    DESTROY(primitive_desc, candidates->forward);
    free(candidates);
}

/* Owns `forward` from here on, whatever is returned. */
static enum status candidates_create(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                     const union operation *operation,
                                     dnnl_primitive_desc_t forward, struct candidates **out)
{
    enum status status = STATUS_OK;
    struct candidates *candidates = NULL;

    TRY_ALLOC(candidates, heap_alloc(1, sizeof *candidates));
    candidates->operation = *operation;
    candidates->forward = forward;
    forward = NULL;
    TRY(dnnl_check(dnnl_primitive_desc_iterator_create(
        &candidates->iterator, &candidates->operation, attributes, engine, candidates->forward)));
    *out = candidates;
    candidates = NULL;
done:
    DESTROY(primitive_desc, forward);
    candidates_destroy(candidates);
    return status;
}

enum status convolution_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                                   const struct convolution_parts *parts, struct candidates **out)
{
    enum status status = STATUS_OK;
    union operation forward, backward;
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_dims_t strides = {parts->stride, parts->stride};
    dnnl_dims_t padding = {parts->padding, parts->padding};

    TRY(dnnl_check(dnnl_convolution_forward_desc_init(
        &forward.convolution, dnnl_forward_training, dnnl_convolution_direct, parts->source,
        parts->weight, NULL, parts->destination, strides, padding, padding)));
    if (parts->part == dnnl_forward_training)
        return candidates_create(engine, attributes, &forward, NULL, out);
    if (parts->part == dnnl_backward_data)
        TRY(dnnl_check(dnnl_convolution_backward_data_desc_init(
            &backward.convolution, dnnl_convolution_direct, parts->source, parts->weight,
            parts->destination, strides, padding, padding)));
    else
        TRY(dnnl_check(dnnl_convolution_backward_weights_desc_init(
            &backward.convolution, dnnl_convolution_direct, parts->source, parts->weight, NULL,
            parts->destination, strides, padding, padding)));
    TRY(dnnl_check(dnnl_primitive_desc_create(&descriptor, &forward, NULL, engine, NULL)));
    TRY(candidates_create(engine, attributes, &backward, descriptor, out));
done:
    return status;
}

enum status product_candidates(dnnl_engine_t engine, dnnl_primitive_attr_t attributes,
                               const struct product_parts *parts, struct candidates **out)
{
    enum status status = STATUS_OK;
    union operation operation;

    TRY(dnnl_check(dnnl_matmul_desc_init(&operation.product, parts->left, parts->right, parts->bias,
                                         parts->product)));
    TRY(candidates_create(engine, attributes, &operation, NULL, out));
done:
    return status;
}

enum status candidates_fetch(const struct candidates *candidates, dnnl_primitive_desc_t *out)
{
    *out = dnnl_primitive_desc_iterator_fetch(candidates->iterator);
    return *out != NULL ? STATUS_OK
                        : fail(STATUS_OUT_OF_MEMORY, "oneDNN has no memory for a description");
}

enum status candidates_next(struct candidates *candidates, bool *has_more)
{
    dnnl_status_t step = dnnl_primitive_desc_iterator_next(candidates->iterator);

    *has_more = step == dnnl_success;
    return step == dnnl_iterator_ends ? STATUS_OK
                                      : dnnl_check_at(step, "dnnl_primitive_desc_iterator_next");
}
