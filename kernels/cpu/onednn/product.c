/* Plans of matrix products. */
#include "kernels/cpu/onednn/plan.h"

/* Not the library's first choice, brgemm: it takes 3 to 13 % longer on Zen 4. Of many rows a
 * transposed right factor is turned around first: as much work as 20 rows, for 6 %. */
enum { LEAST_TURNED_ROWS = 1024 };

struct product_request {
    struct glue *glue;
    const struct matmul_shape *shape;
};

static enum status make(void *context, void **out)
{
    enum status status = STATUS_OK;
    struct glue *glue = ((const struct product_request *)context)->glue;
    const struct matmul_shape *shape = ((const struct product_request *)context)->shape;
    struct plan *plan = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    struct candidates *candidates = NULL;
    layout_ref left = NULL, right = NULL, turned = NULL, bias = NULL, product = NULL;
    dnnl_dims_t left_shape = {shape->m, shape->k}, right_shape = {shape->k, shape->n};
    dnnl_dims_t bias_shape = {1, shape->n}, product_shape = {shape->m, shape->n};

    glue_use_threads(glue);
    TRY(layout_create(2, left_shape, shape->is_left_transposed ? dnnl_ba : dnnl_ab, &left));
    TRY(layout_create(2, right_shape, shape->is_right_transposed ? dnnl_ba : dnnl_ab, &right));
    TRY(layout_create(2, right_shape, dnnl_ab, &turned));
    TRY(layout_create(2, bias_shape, dnnl_ab, &bias));
    TRY(layout_create(2, product_shape, dnnl_ab, &product));
    const struct product_parts parts = {left, shape->m < LEAST_TURNED_ROWS ? right : turned,
                                        shape->has_bias ? bias : NULL, product};
    TRY(product_candidates(glue->engine, glue->attributes, &parts, &candidates));
    TRY(plan_choose(candidates, "gemm:jit", &descriptor));
    const struct operand_spec specs[N_SLOTS] = {
        [SLOT_SOURCE] = {DNNL_ARG_SRC, false, dnnl_query_src_md, 0, left},
        [SLOT_WEIGHT] = {DNNL_ARG_WEIGHTS, false, dnnl_query_weights_md, 0, right},
        [SLOT_BIAS] = {shape->has_bias ? DNNL_ARG_BIAS : 0, false, dnnl_query_weights_md, 1, bias},
        [SLOT_DESTINATION] = {DNNL_ARG_DST, true, dnnl_query_dst_md, 0, product},
    };
    TRY(plan_create(glue, specs, descriptor, &plan));
    *out = plan;
done:
    candidates_destroy(candidates);
    layout_destroy(left);
    layout_destroy(right);
    layout_destroy(turned);
    layout_destroy(bias);
    layout_destroy(product);
    DESTROY(primitive_desc, descriptor);
    return status;
}

enum status plan_matmul(struct glue *glue, const struct matmul_shape *shape, struct prepared **out)
{
    struct product_request request = {glue, shape};
    const struct plan_key key = {{PLAN_OF_PRODUCT, shape->m, shape->n, shape->k,
                                  shape->is_left_transposed, shape->is_right_transposed,
                                  shape->has_bias}};

    return plan_prepare(glue, &key, &(struct plan_maker){make, &request}, NULL, out);
}
