/* Primitives of oneDNN as plans: their reorders made, their memory bound at each run. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 48 };

/* One argument of the primitive. Where the primitive prefers another layout than ours, `inner` is
 * what it works on and `reorder` copies between the two. */
struct operand {
    int arg; /* DNNL_ARG_*; 0: not used */
    bool is_output;
    dnnl_memory_t user, inner, reorder_scratchpad;
    dnnl_primitive_t reorder;
    size_t inner_offset; /* in the workspace, unless packed */
    void *packed;        /* the frozen weights in the inner layout */
};

struct plan {
    struct prepared base;
    char name[NAME_BYTES];
    dnnl_primitive_t primitive;
    dnnl_memory_t scratchpad;
    size_t scratchpad_offset; /* in the workspace; shared by the reorders' scratchpads */
    struct operand operands[N_SLOTS];
};

void plan_release(struct prepared *prepared)
{
    struct plan *plan = (struct plan *)prepared;
    if (plan == NULL)
        return;
    for (int i = 0; i < N_SLOTS; i++) {
        struct operand *operand = &plan->operands[i];
        DESTROY(primitive, operand->reorder);
        DESTROY(memory, operand->user);
        DESTROY(memory, operand->inner);
        DESTROY(memory, operand->reorder_scratchpad);
        free(operand->packed);
    }
    DESTROY(primitive, plan->primitive);
    DESTROY(memory, plan->scratchpad);
    free(plan);
}

/* ---- running ---- */

static enum status reorder_run(const struct glue_queue *queue, const struct operand *operand)
{
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_FROM, operand->is_output ? operand->inner : operand->user},
        {DNNL_ARG_TO, operand->is_output ? operand->user : operand->inner},
        {DNNL_ARG_SCRATCHPAD, operand->reorder_scratchpad},
    };
    return dnnl_check(dnnl_primitive_execute(operand->reorder, queue->stream, 3, args));
}

/* Points the operand at this call's memory and brings an input into the inner layout. */
static enum status operand_bind(const struct glue_queue *queue, const struct operand *operand,
                                void *memory, char *workspace, const struct plan *plan)
{
    enum status status = STATUS_OK;

    if (operand->arg == 0 || operand->packed != NULL)
        return STATUS_OK;
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->user, memory)));
    if (operand->inner == NULL)
        return STATUS_OK;
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->inner, workspace + operand->inner_offset)));
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->reorder_scratchpad,
                                               workspace + plan->scratchpad_offset)));
    if (!operand->is_output)
        TRY(reorder_run(queue, operand));
done:
    return status;
}

enum status plan_run(struct glue_queue *queue, const struct prepared *prepared,
                     const struct plan_memory *memory, struct span workspace)
{
    enum status status = STATUS_OK;
    const struct plan *plan = (const struct plan *)prepared;
    void *users[N_SLOTS] = {memory->source, memory->weight, memory->bias, memory->destination};
    dnnl_exec_arg_t args[N_SLOTS + 1];
    int n_args = 0;

    glue_use_threads(queue->glue);
    for (int i = 0; i < N_SLOTS; i++) {
        const struct operand *operand = &plan->operands[i];
        TRY(operand_bind(queue, operand, users[i], workspace.data, plan));
        if (operand->arg == 0)
            continue;
        args[n_args].arg = operand->arg;
        args[n_args++].memory = operand->inner != NULL ? operand->inner : operand->user;
    }
    char *at = workspace.data == NULL ? NULL : (char *)workspace.data + plan->scratchpad_offset;
    TRY(dnnl_check(dnnl_memory_set_data_handle(plan->scratchpad, at)));
    args[n_args].arg = DNNL_ARG_SCRATCHPAD;
    args[n_args++].memory = plan->scratchpad;
    TRY(dnnl_check(dnnl_primitive_execute(plan->primitive, queue->stream, n_args, args)));
    for (int i = 0; i < N_SLOTS; i++) {
        const struct operand *operand = &plan->operands[i];
        if (operand->is_output && operand->inner != NULL)
            TRY(reorder_run(queue, operand));
    }
done:
    return status;
}

/* ---- planning ---- */

static enum status memory_create(struct glue *glue, layout_ref layout, dnnl_memory_t *out)
{
    return dnnl_check(dnnl_memory_create(out, layout, glue->engine, DNNL_MEMORY_NONE));
}

/* Makes the reorder between `user` and `inner`; *scratchpad_bytes grows to what it needs. */
static enum status reorder_create(struct glue *glue, struct operand *operand, layout_ref user,
                                  layout_ref inner, size_t *scratchpad_bytes)
{
    enum status status = STATUS_OK;
    dnnl_primitive_desc_t descriptor = NULL;
    layout_ref from = operand->is_output ? inner : user;
    layout_ref to = operand->is_output ? user : inner;

    TRY(memory_create(glue, inner, &operand->inner));
    TRY(dnnl_check(dnnl_reorder_primitive_desc_create(&descriptor, from, glue->engine, to,
                                                      glue->engine, glue->attributes)));
    TRY(dnnl_check(dnnl_primitive_create(&operand->reorder, descriptor)));
    layout_ref scratchpad = dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    TRY(memory_create(glue, scratchpad, &operand->reorder_scratchpad));
    size_t bytes = dnnl_memory_desc_get_size(scratchpad);
    if (bytes > *scratchpad_bytes)
        *scratchpad_bytes = bytes;
done:
    DESTROY(primitive_desc, descriptor);
    return status;
}

/* Fills in a plan from the chosen implementation. */
static enum status plan_fill(struct glue *glue, const struct operand_spec *specs,
                             dnnl_primitive_desc_t descriptor, struct plan *plan)
{
    enum status status = STATUS_OK;
    const char *name = NULL;
    size_t offset = 0;

    TRY(dnnl_check(dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &name)));
    snprintf(plan->name, sizeof plan->name, "%s", name);
    plan->base.implementation = plan->name;
    TRY(dnnl_check(dnnl_primitive_create(&plan->primitive, descriptor)));
    layout_ref scratchpad = dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    TRY(memory_create(glue, scratchpad, &plan->scratchpad));
    size_t scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);
    for (int i = 0; i < N_SLOTS; i++) {
        struct operand *operand = &plan->operands[i];
        operand->arg = specs[i].arg;
        operand->is_output = specs[i].is_output;
        if (operand->arg == 0)
            continue;
        TRY(memory_create(glue, specs[i].user, &operand->user));
        layout_ref inner =
            dnnl_primitive_desc_query_md(descriptor, specs[i].query, specs[i].query_index);
        if (dnnl_memory_desc_equal(inner, specs[i].user))
            continue;
        operand->inner_offset = offset;
        offset += memory_padded(dnnl_memory_desc_get_size(inner));
        TRY(reorder_create(glue, operand, specs[i].user, inner, &scratchpad_bytes));
    }
    plan->scratchpad_offset = offset;
    plan->base.workspace_bytes = offset + memory_padded(scratchpad_bytes);
done:
    return status;
}

/* Does the reorder of frozen weights once, into memory the plan keeps. */
static enum status plan_pack(struct glue *glue, struct plan *plan, const void *weight)
{
    enum status status = STATUS_OK;
    struct operand *operand = &plan->operands[SLOT_WEIGHT];
    layout_ref inner = NULL;
    void *packed = NULL, *scratchpad = NULL;
    struct glue_queue *queue = NULL;

    if (operand->inner == NULL)
        return STATUS_OK;
    TRY(dnnl_check(dnnl_memory_get_memory_desc(operand->inner, &inner)));
    size_t bytes = memory_padded(dnnl_memory_desc_get_size(inner));
    packed = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    scratchpad = aligned_alloc(MEMORY_ALIGNMENT, plan->base.workspace_bytes + MEMORY_ALIGNMENT);
    if (packed == NULL || scratchpad == NULL) {
        status = fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights", bytes);
        goto done;
    }
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->user, (void *)(uintptr_t)weight)));
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->inner, packed)));
    TRY(dnnl_check(dnnl_memory_set_data_handle(operand->reorder_scratchpad, scratchpad)));
    TRY(glue_queue_create(glue, &queue));
    TRY(reorder_run(queue, operand));
    TRY(dnnl_check(dnnl_stream_wait(queue->stream)));
    operand->packed = packed;
    packed = NULL;
done:
    glue_queue_destroy(queue);
    free(packed);
    free(scratchpad);
    return status;
}

enum status plan_create(struct glue *glue, const struct operand_spec *specs,
                        dnnl_primitive_desc_t descriptor, const void *frozen_weight,
                        struct prepared **out)
{
    enum status status = STATUS_OK;
    struct plan *plan = NULL;

    TRY_ALLOC(plan, heap_alloc(1, sizeof *plan));
    TRY(plan_fill(glue, specs, descriptor, plan));
    if (frozen_weight != NULL)
        TRY(plan_pack(glue, plan, frozen_weight));
    *out = &plan->base;
    plan = NULL;
done:
    plan_release((struct prepared *)plan);
    return status;
}
