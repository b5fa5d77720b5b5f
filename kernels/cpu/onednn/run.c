/* Plans at work. Memory objects are of one run, which costs a quarter of a microsecond each: so a
 * plan stays as it was made, and any number of threads may run it at once. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdlib.h>

struct planned { /* a struct prepared for the rest of the backend */
    struct prepared base;
    const struct plan *plan;
    struct shared_plan *shared; /* holds plan; to be given back */
    void *packed; /* owned: frozen weights in the primitive's layout; NULL: none, or as ours */
};

struct plan_call {
    const struct glue_queue *queue; /* borrowed */
    const struct planned *planned;  /* borrowed */
    char *workspace;                /* borrowed */
    /* owned; NULL where there is none */
    dnnl_memory_t user[N_SLOTS], inner[N_SLOTS], scratchpad;
};

static enum status memory_create(const struct plan_call *call, layout_ref layout, void *data,
                                 dnnl_memory_t *out)
{
    return dnnl_check(dnnl_memory_create(out, layout, call->queue->glue->engine, data));
}

static void *scratch_of(const struct plan_call *call)
{
    return call->workspace + call->planned->plan->scratchpad_offset;
}

static void call_release(struct plan_call *call)
{
    for (int i = 0; i < N_SLOTS; i++) {
        DESTROY(memory, call->user[i]);
        DESTROY(memory, call->inner[i]);
    }
    DESTROY(memory, call->scratchpad);
}

static enum status reorder(const struct plan_call *call, int slot)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &call->planned->plan->operands[slot];
    dnnl_memory_t scratchpad = NULL;
    dnnl_exec_arg_t args[3] = {
        {DNNL_ARG_FROM, operand->is_output ? call->inner[slot] : call->user[slot]},
        {DNNL_ARG_TO, operand->is_output ? call->user[slot] : call->inner[slot]},
    };
    int n_args = 2;

    if (operand->reorder_scratchpad != NULL) {
        TRY(memory_create(call, operand->reorder_scratchpad, scratch_of(call), &scratchpad));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, scratchpad};
    }
    TRY(dnnl_check(dnnl_primitive_execute(operand->reorder, call->queue->stream, n_args, args)));
done:
    DESTROY(memory, scratchpad);
    return status;
}

/* Makes the operand's memory objects and brings an input into the inner layout. */
static enum status bind(struct plan_call *call, int slot, void *memory)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &call->planned->plan->operands[slot];
    bool is_packed = slot == SLOT_WEIGHT && call->planned->packed != NULL;

    if (operand->arg == 0)
        return STATUS_OK;
    if (operand->inner != NULL)
        TRY(memory_create(call, operand->inner,
                          is_packed ? call->planned->packed
                                    : call->workspace + operand->inner_offset,
                          &call->inner[slot]));
    if (is_packed)
        return STATUS_OK;
    TRY(memory_create(call, operand->user, memory, &call->user[slot]));
    if (operand->inner != NULL && !operand->is_output)
        TRY(reorder(call, slot));
done:
    return status;
}

static enum status execute(struct plan_call *call)
{
    enum status status = STATUS_OK;
    const struct plan *plan = call->planned->plan;
    dnnl_exec_arg_t args[N_SLOTS + 1];
    int n_args = 0;

    for (int i = 0; i < N_SLOTS; i++)
        if (plan->operands[i].arg != 0)
            args[n_args++] = (dnnl_exec_arg_t){
                plan->operands[i].arg, call->inner[i] != NULL ? call->inner[i] : call->user[i]};
    if (plan->scratchpad != NULL) {
        TRY(memory_create(call, plan->scratchpad, scratch_of(call), &call->scratchpad));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, call->scratchpad};
    }
    TRY(dnnl_check(dnnl_primitive_execute(plan->primitive, call->queue->stream, n_args, args)));
done:
    return status;
}

enum status plan_run(struct glue_queue *queue, const struct prepared *prepared,
                     const struct plan_memory *memory, struct span workspace)
{
    enum status status = STATUS_OK;
    const struct planned *planned = (const struct planned *)prepared;
    struct plan_call call = {.queue = queue, .planned = planned, .workspace = workspace.data};
    void *users[N_SLOTS] = {memory->source, memory->weight, memory->bias, memory->destination};

    glue_use_threads(queue->glue);
    for (int i = 0; i < N_SLOTS; i++)
        TRY(bind(&call, i, users[i]));
    TRY(execute(&call));
    for (int i = 0; i < N_SLOTS; i++)
        if (planned->plan->operands[i].is_output && call.inner[i] != NULL)
            TRY(reorder(&call, i));
done:
    call_release(&call);
    return status;
}

/* ---- preparing ---- */

/* Does the reorder of frozen weights once, into memory that is kept. */
static enum status pack(struct glue *glue, struct planned *planned, const void *weight)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &planned->plan->operands[SLOT_WEIGHT];
    struct glue_queue *queue = NULL;
    struct plan_call call = {.planned = planned};
    void *packed = NULL;

    if (operand->inner == NULL)
        return STATUS_OK;
    TRY(glue_queue_create(glue, &queue));
    call.queue = queue;
    size_t bytes = memory_padded(dnnl_memory_desc_get_size(operand->inner));
    packed = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    call.workspace = aligned_alloc(MEMORY_ALIGNMENT, planned->plan->workspace_bytes);
    if (packed == NULL || call.workspace == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights", bytes));
    TRY(memory_create(&call, operand->user, (void *)(uintptr_t)weight, &call.user[SLOT_WEIGHT]));
    TRY(memory_create(&call, operand->inner, packed, &call.inner[SLOT_WEIGHT]));
    TRY(reorder(&call, SLOT_WEIGHT));
    TRY(dnnl_check(dnnl_stream_wait(queue->stream)));
    planned->packed = packed;
    packed = NULL;
done:
    call_release(&call);
    glue_queue_destroy(queue);
    free(call.workspace);
    free(packed);
    return status;
}

enum status plan_prepare(struct glue *glue, const struct plan_key *key,
                         const struct plan_maker *maker, const void *frozen_weight,
                         struct prepared **out)
{
    enum status status = STATUS_OK;
    struct planned *planned = NULL;

    TRY_ALLOC(planned, heap_alloc(1, sizeof *planned));
    TRY(plan_cache_get(glue->plans, key, maker, &planned->shared));
    planned->plan = planned->shared->plan;
    planned->base.workspace_bytes = planned->plan->workspace_bytes;
    planned->base.implementation = planned->plan->name;
    if (frozen_weight != NULL)
        TRY(pack(glue, planned, frozen_weight));
    *out = &planned->base;
    planned = NULL;
done:
    plan_release((struct prepared *)planned);
    return status;
}

void plan_release(struct prepared *prepared)
{
    struct planned *planned = (struct planned *)prepared;

    if (planned == NULL)
        return;
    plan_cache_give_back(planned->shared);
    free(planned->packed);
    free(planned);
}
