/* Pass `plan_memory`: every activation and activation gradient gets a place in one arena. Values
 * that are written in place share a block; blocks whose lifetimes overlap must not overlap in
 * memory. Largest blocks are placed first, each at the lowest free offset (Pisarchyk & Lee,
 * arXiv:2001.03288, "greedy by size"). */
#include "graph/passes.h"

#include <stdlib.h>
#include <string.h>

struct memory_block {
    int value;           /* its first value; in-place successors share it */
    int64_t first, last; /* nodes between which the memory is taken */
    size_t bytes, offset;
};

struct memory_planner {
    struct graph *graph;
    int64_t *last_use; /* [n_values] */
    int *block_of;     /* [n_values] −1: lives elsewhere or not yet written */
    struct memory_block *blocks;
    int n_blocks;
};

static bool is_in_arena(const struct value *value)
{
    return value->role == VALUE_ACTIVATION || (value->role == VALUE_GRADIENT && value->param < 0);
}

static size_t value_bytes(const struct value *value)
{
    struct tensor tensor = {.dtype = value->dtype, .n_dims = value->n_dims};

    memcpy(tensor.shape, value->shape, sizeof tensor.shape);
    return memory_padded(tensor_bytes(&tensor));
}

static void find_last_uses(struct memory_planner *planner)
{
    const struct graph *graph = planner->graph;
    const int features = graph->settings.mode == GRAPH_EVAL ? graph->features : -1;
    const int kept[] = {graph->logits, graph->loss, graph->sample_loss, graph->labels, features};

    for (int64_t i = 0; i < graph->n_nodes; i++)
        for (int t = 0; t < OP_MAX_TENSORS; t++)
            if (graph->nodes[i].values[t] >= 0)
                planner->last_use[graph->nodes[i].values[t]] = i;
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
        if (kept[k] >= 0)
            planner->last_use[kept[k]] = graph->n_nodes;
}

/* May tensor t of node i take over the memory of its tensor j? Only when both hold the same type,
 * j's block is not needed afterwards, and no other tensor of the node that must stay apart from t
 * lives there. */
static bool can_take_over(const struct memory_planner *planner, int64_t i, int t, int j)
{
    const struct graph_node *node = &planner->graph->nodes[i];
    const struct op_info *info = op_info(node->kind);
    int source = node->values[j];
    int block = source >= 0 ? planner->block_of[source] : -1;

    const struct value *values = planner->graph->values;

    if (!(info->tensors[t].may_alias >> j & 1) || block < 0 || planner->blocks[block].last > i ||
        values[source].dtype != values[node->values[t]].dtype ||
        planner->blocks[block].bytes != value_bytes(&values[node->values[t]]))
        return false;
    for (int other = 0; other < info->n_tensors; other++)
        if (other != t && !(info->tensors[t].may_alias >> other & 1) && node->values[other] >= 0 &&
            planner->block_of[node->values[other]] == block)
            return false;
    return true;
}

static void place_output(struct memory_planner *planner, int64_t i, int t)
{
    struct graph *graph = planner->graph;
    const struct graph_node *node = &graph->nodes[i];
    int id = node->values[t];

    for (int j = 0; j < op_info(node->kind)->n_tensors; j++)
        if (can_take_over(planner, i, t, j)) {
            graph->values[id].alias = node->values[j];
            planner->block_of[id] = planner->block_of[node->values[j]];
            planner->blocks[planner->block_of[id]].last = planner->last_use[id];
            return;
        }
    planner->block_of[id] = planner->n_blocks;
    planner->blocks[planner->n_blocks++] =
        (struct memory_block){.value = id,
                              .first = i,
                              .last = planner->last_use[id],
                              .bytes = value_bytes(&graph->values[id])};
}

static void form_blocks(struct memory_planner *planner)
{
    const struct graph *graph = planner->graph;

    for (int64_t v = 0; v < graph->n_values; v++) {
        planner->block_of[v] = -1;
        graph->values[v].alias = -1;
    }
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct op_info *info = op_info(graph->nodes[i].kind);
        for (int t = 0; t < info->n_tensors; t++) {
            int id = graph->nodes[i].values[t];
            if (id >= 0 && info->tensors[t].access == ACCESS_WRITTEN &&
                is_in_arena(&graph->values[id]))
                place_output(planner, i, t);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const struct memory_block *left = *(struct memory_block *const *)a,
                              *right = *(struct memory_block *const *)b;

    if (left->bytes != right->bytes)
        return left->bytes > right->bytes ? -1 : 1;
    return left->value < right->value ? -1 : left->value > right->value;
}

static int by_offset(const void *a, const void *b)
{
    const struct memory_block *left = *(struct memory_block *const *)a,
                              *right = *(struct memory_block *const *)b;

    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* The lowest gap that `block` fits between already placed blocks alive at the same time.
 * `rivals` is scratch for as many pointers as there are placed blocks. */
static void place_block(struct memory_block *block, struct memory_block **placed, int n_placed,
                        struct memory_block **rivals)
{
    int n_rivals = 0;
    size_t offset = 0;

    for (int k = 0; k < n_placed; k++)
        if (placed[k]->first <= block->last && block->first <= placed[k]->last)
            rivals[n_rivals++] = placed[k];
    qsort(rivals, (size_t)n_rivals, sizeof(struct memory_block *), by_offset);
    for (int k = 0; k < n_rivals; k++) {
        if (rivals[k]->offset >= offset && rivals[k]->offset - offset >= block->bytes)
            break;
        if (rivals[k]->offset + rivals[k]->bytes > offset)
            offset = rivals[k]->offset + rivals[k]->bytes;
    }
    block->offset = offset;
}

static enum status place_blocks(struct memory_planner *planner, size_t *arena_bytes)
{
    enum status status = STATUS_OK;
    struct memory_block **order = NULL, **rivals = NULL;

    TRY_ALLOC(order, heap_alloc(planner->n_blocks, sizeof(struct memory_block *)));
    TRY_ALLOC(rivals, heap_alloc(planner->n_blocks, sizeof(struct memory_block *)));
    for (int k = 0; k < planner->n_blocks; k++)
        order[k] = &planner->blocks[k];
    qsort(order, (size_t)planner->n_blocks, sizeof(struct memory_block *), by_size);
    *arena_bytes = 0;
    for (int k = 0; k < planner->n_blocks; k++) {
        place_block(order[k], order, k, rivals);
        if (order[k]->offset + order[k]->bytes > *arena_bytes)
            *arena_bytes = order[k]->offset + order[k]->bytes;
    }
done:
    free(order);
    free(rivals);
    return status;
}

enum status pass_plan_memory(struct graph *graph, struct memory_plan *out)
{
    enum status status = STATUS_OK;
    struct memory_planner planner = {.graph = graph};
    struct memory_plan plan = {0};

    TRY(graph_check(graph));
    TRY_ALLOC(planner.last_use, heap_alloc(graph->n_values, sizeof *planner.last_use));
    TRY_ALLOC(planner.block_of, heap_alloc(graph->n_values, sizeof *planner.block_of));
    TRY_ALLOC(planner.blocks, heap_alloc(graph->n_values, sizeof *planner.blocks));
    TRY_ALLOC(plan.offsets, ARENA_ARRAY(graph->arena, graph->n_values, size_t));
    find_last_uses(&planner);
    form_blocks(&planner);
    TRY(place_blocks(&planner, &plan.arena_bytes));
    for (int64_t v = 0; v < graph->n_values; v++)
        plan.offsets[v] =
            planner.block_of[v] >= 0 ? planner.blocks[planner.block_of[v]].offset : SIZE_MAX;
    *out = plan;
done:
    free(planner.last_use);
    free(planner.block_of);
    free(planner.blocks);
    return status;
}
