/* Plans at work. Memory objects are of one run, which costs a quarter of a microsecond each: so a
 * plan stays as it was made, and any number of threads may run it at once. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdlib.h>

struct planned { /* a struct prepared for the rest of the backend */
    struct prepared base;
    struct plan *plan; /* owned */
    void *packed;      /* owned: frozen weights in the primitive's layout; NULL: none, or as ours */
};

struct run {
    const struct glue_queue *queue; /* borrowed */
    const struct planned *planned;  /* borrowed */
    char *workspace;                /* borrowed */
    /* owned; NULL where there is none */
    dnnl_memory_t user[N_SLOTS], inner[N_SLOTS], scratchpad;
};

static enum status memory_create(const struct run *run, layout_ref layout, void *data,
                                 dnnl_memory_t *out)
{
    return dnnl_check(dnnl_memory_create(out, layout, run->queue->glue->engine, data));
}

static void *scratch_of(const struct run *run)
{
    return run->workspace + run->planned->plan->scratchpad_offset;
}

static void run_release(struct run *run)
{
    for (int i = 0; i < N_SLOTS; i++) {
        DESTROY(memory, run->user[i]);
        DESTROY(memory, run->inner[i]);
    }
    DESTROY(memory, run->scratchpad);
}

static enum status reorder(const struct run *run, int slot)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &run->planned->plan->operands[slot];
    dnnl_memory_t scratchpad = NULL;
    dnnl_exec_arg_t args[3] = {
        {DNNL_ARG_FROM, operand->is_output ? run->inner[slot] : run->user[slot]},
        {DNNL_ARG_TO, operand->is_output ? run->user[slot] : run->inner[slot]},
    };
    int n_args = 2;

    if (operand->reorder_scratchpad != NULL) {
        TRY(memory_create(run, operand->reorder_scratchpad, scratch_of(run), &scratchpad));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, scratchpad};
    }
    TRY(dnnl_check(dnnl_primitive_execute(operand->reorder, run->queue->stream, n_args, args)));
done:
    DESTROY(memory, scratchpad);
    return status;
}

/* Makes the operand's memory objects and brings an input into the inner layout. */
static enum status bind(struct run *run, int slot, void *memory)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &run->planned->plan->operands[slot];
    bool is_packed = slot == SLOT_WEIGHT && run->planned->packed != NULL;

    if (operand->arg == 0)
        return STATUS_OK;
    if (operand->inner != NULL)
        TRY(memory_create(run, operand->inner,
                          is_packed ? run->planned->packed : run->workspace + operand->inner_offset,
                          &run->inner[slot]));
    if (is_packed)
        return STATUS_OK;
    TRY(memory_create(run, operand->user, memory, &run->user[slot]));
    if (operand->inner != NULL && !operand->is_output)
        TRY(reorder(run, slot));
done:
    return status;
}

static enum status execute(struct run *run)
{
    enum status status = STATUS_OK;
    const struct plan *plan = run->planned->plan;
    dnnl_exec_arg_t args[N_SLOTS + 1];
    int n_args = 0;

    for (int i = 0; i < N_SLOTS; i++)
        if (plan->operands[i].arg != 0)
            args[n_args++] = (dnnl_exec_arg_t){
                plan->operands[i].arg, run->inner[i] != NULL ? run->inner[i] : run->user[i]};
    if (plan->scratchpad != NULL) {
        TRY(memory_create(run, plan->scratchpad, scratch_of(run), &run->scratchpad));
        args[n_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, run->scratchpad};
    }
    TRY(dnnl_check(dnnl_primitive_execute(plan->primitive, run->queue->stream, n_args, args)));
done:
    return status;
}

enum status plan_run(struct glue_queue *queue, const struct prepared *prepared,
                     const struct plan_memory *memory, struct span workspace)
{
    enum status status = STATUS_OK;
    const struct planned *planned = (const struct planned *)prepared;
    struct run run = {.queue = queue, .planned = planned, .workspace = workspace.data};
    void *users[N_SLOTS] = {memory->source, memory->weight, memory->bias, memory->destination};

    glue_use_threads(queue->glue);
    for (int i = 0; i < N_SLOTS; i++)
        TRY(bind(&run, i, users[i]));
    TRY(execute(&run));
    for (int i = 0; i < N_SLOTS; i++)
        if (planned->plan->operands[i].is_output && run.inner[i] != NULL)
            TRY(reorder(&run, i));
done:
    run_release(&run);
    return status;
}

/* ---- preparing ---- */

/* Does the reorder of frozen weights once, into memory that is kept. */
static enum status pack(struct glue *glue, struct planned *planned, const void *weight)
{
    enum status status = STATUS_OK;
    const struct operand *operand = &planned->plan->operands[SLOT_WEIGHT];
    struct glue_queue *queue = NULL;
    struct run run = {.planned = planned};
    void *packed = NULL;

    if (operand->inner == NULL)
        return STATUS_OK;
    TRY(glue_queue_create(glue, &queue));
    run.queue = queue;
    size_t bytes = memory_padded(dnnl_memory_desc_get_size(operand->inner));
    packed = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    run.workspace = aligned_alloc(MEMORY_ALIGNMENT, planned->plan->workspace_bytes);
    if (packed == NULL || run.workspace == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights", bytes));
    TRY(memory_create(&run, operand->user, (void *)(uintptr_t)weight, &run.user[SLOT_WEIGHT]));
    TRY(memory_create(&run, operand->inner, packed, &run.inner[SLOT_WEIGHT]));
    TRY(reorder(&run, SLOT_WEIGHT));
    TRY(dnnl_check(dnnl_stream_wait(queue->stream)));
    planned->packed = packed;
    packed = NULL;
done:
    run_release(&run);
    glue_queue_destroy(queue);
    free(run.workspace);
    free(packed);
    return status;
}

enum status plan_prepare(struct glue *glue, struct plan *plan, const void *frozen_weight,
                         struct prepared **out)
{
    enum status status = STATUS_OK;
    struct planned *planned = heap_alloc(1, sizeof *planned);

    if (planned == NULL) {
        plan_destroy(plan);
        return STATUS_OUT_OF_MEMORY;
    }
    planned->plan = plan;
    planned->base.workspace_bytes = plan->workspace_bytes;
    planned->base.implementation = plan->name;
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
    plan_destroy(planned->plan);
    free(planned->packed);
    free(planned);
}
