/* Primitives of oneDNN as plans: with the reorders that their preferred layouts need. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (int i = 0; i < N_SLOTS; i++)
        DESTROY(primitive, plan->operands[i].reorder);
    DESTROY(primitive, plan->primitive);
    free(plan);
}

/* What a primitive made of `descriptor` says of its layouts, which live as long as it does. */
static enum status primitive_create(const_dnnl_primitive_desc_t descriptor,
                                    dnnl_primitive_t *primitive, const_dnnl_primitive_desc_t *out)
{
    enum status status = STATUS_OK;

    TRY(dnnl_check(dnnl_primitive_create(primitive, descriptor)));
    TRY(dnnl_check(dnnl_primitive_get_primitive_desc(*primitive, out)));
done:
    return status;
}

/* NULL where the primitive wants no scratch memory; *bytes grows to what it wants. */
static layout_ref scratchpad_of(const_dnnl_primitive_desc_t description, size_t *bytes)
{
    layout_ref layout = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    size_t wanted = dnnl_memory_desc_get_size(layout);

    if (wanted > *bytes)
        *bytes = wanted;
    return wanted > 0 ? layout : NULL;
}

/* Makes the reorder between `user` and `inner`; *scratchpad_bytes grows to what it needs. */
static enum status reorder_create(struct glue *glue, layout_ref user, layout_ref inner,
                                  struct operand *operand, size_t *scratchpad_bytes)
{
    enum status status = STATUS_OK;
    dnnl_primitive_desc_t descriptor = NULL;
    const_dnnl_primitive_desc_t description = NULL;
    layout_ref from = operand->is_output ? inner : user;
    layout_ref to = operand->is_output ? user : inner;

    TRY(dnnl_check(dnnl_reorder_primitive_desc_create(&descriptor, from, glue->engine, to,
                                                      glue->engine, glue->attributes)));
    TRY(primitive_create(descriptor, &operand->reorder, &description));
    from = dnnl_primitive_desc_query_md(description, dnnl_query_src_md, 0);
    to = dnnl_primitive_desc_query_md(description, dnnl_query_dst_md, 0);
    operand->user = operand->is_output ? to : from;
    operand->inner = operand->is_output ? from : to;
    operand->reorder_scratchpad = scratchpad_of(description, scratchpad_bytes);
done:
    DESTROY(primitive_desc, descriptor);
    return status;
}

/* Where the primitive prefers another layout than the caller has, it works in the workspace. */
static enum status operands_create(struct glue *glue, const struct operand_spec *specs,
                                   const_dnnl_primitive_desc_t description, struct plan *plan,
                                   size_t *scratchpad_bytes)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < N_SLOTS; i++) {
        struct operand *operand = &plan->operands[i];
        if (specs[i].arg == 0)
            continue;
        operand->arg = specs[i].arg;
        operand->is_output = specs[i].is_output;
        operand->user =
            dnnl_primitive_desc_query_md(description, specs[i].query, specs[i].query_index);
        if (dnnl_memory_desc_equal(operand->user, specs[i].user))
            continue;
        operand->inner_offset = plan->scratchpad_offset;
        plan->scratchpad_offset += memory_padded(dnnl_memory_desc_get_size(operand->user));
        TRY(reorder_create(glue, specs[i].user, operand->user, operand, scratchpad_bytes));
    }
done:
    return status;
}

enum status plan_create(struct glue *glue, const struct operand_spec *specs,
                        const_dnnl_primitive_desc_t descriptor, struct plan **out)
{
    enum status status = STATUS_OK;
    struct plan *plan = NULL;
    const_dnnl_primitive_desc_t description = NULL;
    const char *name = NULL;
    size_t scratchpad_bytes = 0;

    TRY_ALLOC(plan, heap_alloc(1, sizeof *plan));
    plan->number = ++glue->n_planned;
    TRY(primitive_create(descriptor, &plan->primitive, &description));
    TRY(dnnl_check(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name)));
    snprintf(plan->name, sizeof plan->name, "%s", name);
    plan->scratchpad = scratchpad_of(description, &scratchpad_bytes);
    TRY(operands_create(glue, specs, description, plan, &scratchpad_bytes));
    plan->workspace_bytes = plan->scratchpad_offset + memory_padded(scratchpad_bytes);
    *out = plan;
    plan = NULL;
done:
    plan_destroy(plan);
    return status;
}
