/* Plans at work. A plan stays as it was made; where a run's memory is say objects of the queue it
 * runs on: so any number of threads may run one plan at once, each on a queue of its own. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdlib.h>

struct planned { /* a struct prepared for the rest of the backend */
    struct prepared base;
    const struct plan *plan;
    struct shared_plan *shared; /* holds plan; to be given back */
    void *packed; /* owned: frozen weights in the primitive's layout; NULL: none, or as ours */
};

struct plan_call { /* borrowed, all of it */
    const struct glue_queue *queue;
    const struct planned *planned;
    const struct plan_memories *memories;
    char *workspace;
};

static enum status point(dnnl_memory_t memory, void *data)
{
    return dnnl_check(dnnl_memory_set_data_handle(memory, data));
}

static void *scratch_of(const struct plan_call *call)
{
    return call->workspace + call->planned->plan->scratchpad_offset;
}

static enum status reorder(const struct plan_call *call, int slot)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &call->planned->plan->operands[slot];
    const struct plan_memories *memories = call->memories;
    dnnl_memory_t user = memories->user[slot], inner = memories->inner[slot];
    dnnl_exec_arg_t args[3] = {
        {DNNL_ARG_FROM, operand->is_output ? inner : user},
        {DNNL_ARG_TO, operand->is_output ? user : inner},
    };
    int n_args = 2;

    if (memories->reorder_scratchpad[slot] != NULL) {
        TRY(point(memories->reorder_scratchpad[slot], scratch_of(call)));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, memories->reorder_scratchpad[slot]};
    }
    TRY(dnnl_check(dnnl_primitive_execute(operand->reorder, call->queue->stream, n_args, args)));
done:
    return status;
}

/* Says where the operand's memory is and brings an input into the inner layout. */
static enum status bind(const struct plan_call *call, int slot, void *memory)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &call->planned->plan->operands[slot];
    bool is_packed = slot == SLOT_WEIGHT && call->planned->packed != NULL;

    if (operand->arg == 0)
        return STATUS_OK;
    if (operand->inner != NULL)
        TRY(point(call->memories->inner[slot],
                  is_packed ? call->planned->packed : call->workspace + operand->inner_offset));
    if (is_packed)
        return STATUS_OK;
    TRY(point(call->memories->user[slot], memory));
    if (operand->inner != NULL && !operand->is_output)
        TRY(reorder(call, slot));
done:
    return status;
}

static enum status execute(const struct plan_call *call)
{
    enum status status = STATUS_OK;
    const struct plan *plan = call->planned->plan;
    const struct plan_memories *memories = call->memories;
    dnnl_exec_arg_t args[N_SLOTS + 1];
    int n_args = 0;

    for (int i = 0; i < N_SLOTS; i++)
        if (plan->operands[i].arg != 0)
            args[n_args++] = (dnnl_exec_arg_t){plan->operands[i].arg, memories->inner[i] != NULL
                                                                          ? memories->inner[i]
                                                                          : memories->user[i]};
    if (memories->scratchpad != NULL) {
        TRY(point(memories->scratchpad, scratch_of(call)));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, memories->scratchpad};
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
    struct plan_memories *memories = NULL;
    void *users[N_SLOTS] = {memory->source, memory->weight, memory->bias, memory->destination};

    glue_use_threads(queue->glue);
    TRY(plan_memories_get(queue, planned->plan, &memories));
    const struct plan_call call = {queue, planned, memories, workspace.data};
    for (int i = 0; i < N_SLOTS; i++)
        TRY(bind(&call, i, users[i]));
    TRY(execute(&call));
    for (int i = 0; i < N_SLOTS; i++)
        if (planned->plan->operands[i].is_output && memories->inner[i] != NULL)
            TRY(reorder(&call, i));
done:
    return status;
}

/* ---- preparing ---- */

/* Does the reorder of frozen weights once, into memory that is kept. */
static enum status pack(struct glue *glue, struct planned *planned, const void *weight)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &planned->plan->operands[SLOT_WEIGHT];
    struct glue_queue *queue = NULL;
    struct plan_memories *memories = NULL;
    void *packed = NULL, *workspace = NULL;

    if (operand->inner == NULL)
        return STATUS_OK;
    TRY(glue_queue_create(glue, &queue));
    TRY(plan_memories_get(queue, planned->plan, &memories));
    size_t bytes = memory_padded(dnnl_memory_desc_get_size(operand->inner));
    packed = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    workspace = aligned_alloc(MEMORY_ALIGNMENT, planned->plan->workspace_bytes);
    if (packed == NULL || workspace == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights", bytes));
    TRY(point(memories->user[SLOT_WEIGHT], (void *)(uintptr_t)weight));
    TRY(point(memories->inner[SLOT_WEIGHT], packed));
    const struct plan_call call = {queue, planned, memories, workspace};
    TRY(reorder(&call, SLOT_WEIGHT));
    TRY(dnnl_check(dnnl_stream_wait(queue->stream)));
    planned->packed = packed;
    packed = NULL;
done:
    glue_queue_destroy(queue);
    free(workspace);
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
