/* What every graph must fulfil, whichever pass made it: nodes name existing values of the right
 * type, a value is written once and before it is read. */
#include "graph/graph.h"

#include <stdlib.h>

static bool is_computed(const struct value *value)
{
    return value->role == VALUE_ACTIVATION || value->role == VALUE_GRADIENT;
}

static bool type_fits(const struct graph *graph, enum tensor_type type, enum dtype dtype)
{
    switch (type) {
    case TYPE_REAL:
        return dtype == graph->settings.real;
    case TYPE_MAP:
        return dtype == graph->settings.map;
    case TYPE_U8:
        return dtype == DTYPE_U8;
    case TYPE_I32:
        return dtype == DTYPE_I32;
    case TYPE_F64:
        return dtype == DTYPE_F64;
    }
    return false;
}

static enum status check_tensor(const struct graph *graph, int64_t i, int t, const bool *is_written)
{
    const struct graph_node *node = &graph->nodes[i];
    const struct op_info *info = op_info(node->kind);
    const struct op_tensor *tensor = &info->tensors[t];
    int id = node->values[t];

    if (id < 0 && tensor->is_optional)
        return STATUS_OK;
    if (id < 0 || id >= graph->n_values)
        return fail(STATUS_BAD_CONFIG, "node %lld (%s '%s') lacks its '%s'", (long long)i,
                    info->name, node->module, tensor->name);
    const struct value *value = &graph->values[id];
    if (!type_fits(graph, tensor->type, value->dtype))
        return fail(STATUS_BAD_CONFIG, "node %lld (%s '%s'): '%s' is value '%s' of type %s",
                    (long long)i, info->name, node->module, tensor->name, value->name,
                    dtype_name(value->dtype));
    if (tensor->access == ACCESS_READ && is_computed(value) && !is_written[id])
        return fail(STATUS_BAD_CONFIG, "node %lld (%s '%s') reads '%s' before it is written",
                    (long long)i, info->name, node->module, value->name);
    if (tensor->access == ACCESS_WRITTEN && (!is_computed(value) || is_written[id]))
        return fail(STATUS_BAD_CONFIG, "node %lld (%s '%s') overwrites '%s'", (long long)i,
                    info->name, node->module, value->name);
    if (tensor->access == ACCESS_UPDATED && value->role != VALUE_BUFFER)
        return fail(STATUS_BAD_CONFIG, "node %lld (%s '%s') updates '%s', which is not a buffer",
                    (long long)i, info->name, node->module, value->name);
    return STATUS_OK;
}

enum status graph_check(const struct graph *graph)
{
    enum status status = STATUS_OK;
    bool *is_written = NULL;

    if (graph->status != STATUS_OK)
        return graph->status;
    TRY_ALLOC(is_written, heap_alloc(graph->n_values, sizeof *is_written));
    for (int64_t i = 0; i < graph->n_nodes; i++) {
        const struct graph_node *node = &graph->nodes[i];
        const struct op_info *info = op_info(node->kind);
        for (int t = 0; t < info->n_tensors; t++)
            TRY(check_tensor(graph, i, t, is_written));
        for (int t = 0; t < info->n_tensors; t++)
            if (node->values[t] >= 0 && info->tensors[t].access == ACCESS_WRITTEN)
                is_written[node->values[t]] = true;
    }
done:
    free(is_written);
    return status;
}
