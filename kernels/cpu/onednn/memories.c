/* Memory objects of a queue, by plan. A plan may go before them: they hold what they need. */
#include "kernels/cpu/onednn/plan.h"

#include "base/arena.h"

#include <stdlib.h>

/* As many as a device keeps plans: a queue that has met more drops those of plans long gone. */
enum { FEWEST_PLACES = 64, MOST_MEMORIES = 1024 };

static void release(struct plan_memories *memories)
{
    for (int i = 0; i < N_SLOTS; i++) {
        DESTROY(memory, memories->user[i]);
        DESTROY(memory, memories->inner[i]);
        DESTROY(memory, memories->reorder_scratchpad[i]);
    }
    DESTROY(memory, memories->scratchpad);
}

void plan_memories_release_all(struct glue_queue *queue)
{
    for (int64_t i = 0; i < queue->memories_capacity; i++)
        release(&queue->memories[i]);
    free(queue->memories);
    queue->memories = NULL;
    queue->n_memories = queue->memories_capacity = 0;
}

/* The plan's place, or the free one where it belongs. At least half of the places are free. */
static struct plan_memories *place_of(struct plan_memories *places, int64_t capacity,
                                      uint64_t number)
{
    uint64_t i = number * 0x9E3779B97F4A7C15u % (uint64_t)capacity;

    while (places[i].plan != 0 && places[i].plan != number)
        i = (i + 1) % (uint64_t)capacity;
    return &places[i];
}

static enum status grow(struct glue_queue *queue)
{
    enum status status = STATUS_OK;
    struct plan_memories *larger = NULL;
    int64_t capacity = queue->memories_capacity > 0 ? 2 * queue->memories_capacity : FEWEST_PLACES;

    TRY_ALLOC(larger, heap_alloc(capacity, sizeof *larger));
    for (int64_t i = 0; i < queue->memories_capacity; i++)
        if (queue->memories[i].plan != 0)
            *place_of(larger, capacity, queue->memories[i].plan) = queue->memories[i];
    free(queue->memories);
    queue->memories = larger;
    queue->memories_capacity = capacity;
done:
    return status;
}

static enum status memory_create(const struct glue_queue *queue, layout_ref layout,
                                 dnnl_memory_t *out)
{
    if (layout == NULL)
        return STATUS_OK;
    return dnnl_check(dnnl_memory_create(out, layout, queue->glue->engine, DNNL_MEMORY_NONE));
}

static enum status fill(const struct glue_queue *queue, const struct plan *plan,
                        struct plan_memories *memories)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < N_SLOTS; i++) {
        const struct operand *operand = &plan->operands[i];
        TRY(memory_create(queue, operand->user, &memories->user[i]));
        TRY(memory_create(queue, operand->inner, &memories->inner[i]));
        TRY(memory_create(queue, operand->reorder_scratchpad, &memories->reorder_scratchpad[i]));
    }
    TRY(memory_create(queue, plan->scratchpad, &memories->scratchpad));
    memories->plan = plan->number;
done:
    if (status != STATUS_OK) {
        release(memories);
        *memories = (struct plan_memories){0};
    }
    return status;
}

enum status plan_memories_get(struct glue_queue *queue, const struct plan *plan,
                              struct plan_memories **out)
{
    enum status status = STATUS_OK;
    struct plan_memories *place = NULL;

    if (queue->memories_capacity > 0)
        place = place_of(queue->memories, queue->memories_capacity, plan->number);
    if (place == NULL || place->plan == 0) {
        if (queue->n_memories >= MOST_MEMORIES)
            plan_memories_release_all(queue);
        if (2 * (queue->n_memories + 1) > queue->memories_capacity)
            TRY(grow(queue));
        place = place_of(queue->memories, queue->memories_capacity, plan->number);
        TRY(fill(queue, plan, place));
        queue->n_memories++;
    }
    *out = place;
done:
    return status;
}
