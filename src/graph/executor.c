/* Runs a graph: tensors are bound by the operations' table, so no operation is named here but the
 * convolutions, whose frozen weights may be packed. */
#include "graph/executor.h"

#include <stdlib.h>
#include <string.h>

struct step { /* one node, ready to run */
    union op_any op;
    struct prepared *prepared; /* owned; NULL until every input has memory */
};

struct executor {
    /* owned */
    struct step *steps;
    struct tensor *tensors; /* [n_values] */
    bool *is_own;           /* [n_values] its memory is a device allocation of ours */
    void *own_arena, *inputs;
    void *late_workspace; /* for nodes prepared after the arena was sized */
    size_t late_workspace_bytes;
    struct recording *recording; /* of nodes and tail; NULL until the second run */
    /* borrowed: outlives this */
    struct graph *graph;
    struct queue *queue;
    struct device *device; /* of queue */
    struct parameters *parameters;
    struct span arena;
    struct memory_plan plan;
    size_t arena_bytes;
    struct executor_tail tail;
    bool has_run; /* once, since pointers last changed */
    bool computes_zero_rows;
};

/* ---- memory of values ---- */

static enum status check_table(const struct graph *graph, const struct parameters *parameters)
{
    if (graph->n_params != parameters_count(parameters))
        return fail(STATUS_BAD_CONFIG,
                    "the graph has %lld parameters, but the run's table has %lld",
                    (long long)graph->n_params, (long long)parameters_count(parameters));
    for (int64_t i = 0; i < graph->n_params; i++) {
        const struct param *ours = &graph->params[i], *theirs = parameters_row(parameters, i);
        if (strcmp(ours->name, theirs->name) != 0 || ours->n_dims != theirs->n_dims ||
            memcmp(ours->shape, theirs->shape, sizeof ours->shape) != 0)
            return fail(STATUS_BAD_CONFIG,
                        "parameter %lld is '%s' in the graph, '%s' in the run's table, or their "
                        "shapes differ",
                        (long long)i, ours->name, theirs->name);
    }
    return STATUS_OK;
}

static enum status bind_parameter(struct executor *executor, int64_t v)
{
    const struct value *value = &executor->graph->values[v];
    bool is_factor = executor->graph->params[value->param].is_factor;

    executor->tensors[v].data =
        value->role == VALUE_GRADIENT ? parameters_gradient(executor->parameters, value->param).data
        : is_factor                   ? parameters_factor(executor->parameters, value->param).data
                                      : parameters_tensor(executor->parameters, value->param).data;
    if (executor->tensors[v].data == NULL)
        return fail(STATUS_BAD_CONFIG, "the graph trains '%s', which is frozen in the run's table",
                    executor->graph->params[value->param].name);
    return STATUS_OK;
}

static void bind_arena(struct executor *executor)
{
    for (int64_t v = 0; v < executor->graph->n_values; v++)
        if (executor->plan.offsets[v] != SIZE_MAX)
            executor->tensors[v].data = (char *)executor->arena.data + executor->plan.offsets[v];
}

/* Inputs live outside the arena: another executor may run between their upload and our run. */
static enum status inputs_alloc(struct executor *executor)
{
    enum status status = STATUS_OK;
    const struct graph *graph = executor->graph;
    size_t total = 0;

    for (int64_t v = 0; v < graph->n_values; v++)
        if (graph->values[v].role == VALUE_INPUT)
            total += memory_padded(tensor_bytes(&executor->tensors[v]));
    if (total == 0)
        return STATUS_OK;
    TRY(device_alloc(executor->device, total, &executor->inputs));
    TRY(queue_zero(executor->queue, executor->inputs, total));
    char *next = executor->inputs;
    for (int64_t v = 0; v < graph->n_values; v++)
        if (graph->values[v].role == VALUE_INPUT) {
            executor->tensors[v].data = next;
            next += memory_padded(tensor_bytes(&executor->tensors[v]));
        }
done:
    return status;
}

static enum status bind_values(struct executor *executor)
{
    enum status status = STATUS_OK;
    const struct graph *graph = executor->graph;

    for (int64_t v = 0; v < graph->n_values; v++) {
        const struct value *value = &graph->values[v];
        executor->tensors[v] = (struct tensor){.dtype = value->dtype, .n_dims = value->n_dims};
        memcpy(executor->tensors[v].shape, value->shape, sizeof value->shape);
        if (value->param >= 0)
            TRY(bind_parameter(executor, v));
    }
    TRY(inputs_alloc(executor));
done:
    return status;
}

/* ---- nodes ---- */

/* Fills the tensors of node i's op; false while one of them has no memory yet. */
static bool bind_node(struct executor *executor, int64_t i)
{
    const struct graph_node *node = &executor->graph->nodes[i];
    bool is_bound = true;

    for (int t = 0; t < op_info(node->kind)->n_tensors; t++) {
        struct tensor *tensor = op_tensor(node->kind, &executor->steps[i].op, t);
        if (node->values[t] < 0)
            continue;
        *tensor = executor->tensors[node->values[t]];
        is_bound &= tensor->data != NULL;
    }
    return is_bound;
}

static void mark_frozen(struct executor *executor, int64_t i)
{
    const struct graph_node *node = &executor->graph->nodes[i];
    union op_any *op = &executor->steps[i].op;

    if (node->kind != OP_conv2d_forward && node->kind != OP_conv2d_backward_data)
        return;
    int param = executor->graph->values[node->values[1]].param;
    bool is_frozen = !parameters_row(executor->parameters, param)->is_trainable;
    if (node->kind == OP_conv2d_forward) {
        op->conv2d_forward.is_weight_frozen = is_frozen;
        op->conv2d_forward.computes_zero_rows = executor->computes_zero_rows;
    } else {
        op->conv2d_backward_data.is_weight_frozen = is_frozen;
        op->conv2d_backward_data.computes_zero_rows = executor->computes_zero_rows;
    }
}

static enum status node_prepare(struct executor *executor, int64_t i)
{
    const struct graph_node *node = &executor->graph->nodes[i];
    struct step *step = &executor->steps[i];
    enum status status = kernel_prepare(executor->device, node->kind, &step->op, &step->prepared);

    if (status != STATUS_OK)
        return fail_context(status, "node %lld (%s '%s')", (long long)i, op_info(node->kind)->name,
                            node->module);
    return STATUS_OK;
}

static enum status prepare_bound(struct executor *executor)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < executor->graph->n_nodes; i++)
        if (executor->steps[i].prepared == NULL && bind_node(executor, i))
            TRY(node_prepare(executor, i));
done:
    return status;
}

static void recording_drop(struct executor *executor)
{
    device_recording_release(executor->device, executor->recording);
    executor->recording = NULL;
    executor->has_run = false;
}

/* Nodes that waited for an input table: their workspace was not known when the arena was sized. */
static enum status prepare_late(struct executor *executor)
{
    enum status status = STATUS_OK;
    size_t room = executor->arena_bytes - executor->plan.arena_bytes, most = room;

    recording_drop(executor); /* it holds the pointers of before */
    TRY(prepare_bound(executor));
    for (int64_t i = 0; i < executor->graph->n_nodes; i++) {
        const struct prepared *prepared = executor->steps[i].prepared;
        if (prepared != NULL && prepared->workspace_bytes > most)
            most = prepared->workspace_bytes;
    }
    if (most > room && most > executor->late_workspace_bytes) {
        void *larger = NULL;
        TRY(device_alloc(executor->device, most, &larger));
        device_free(executor->device, executor->late_workspace);
        executor->late_workspace = larger;
        executor->late_workspace_bytes = most;
    }
    struct span late = {executor->late_workspace, executor->late_workspace_bytes};
    struct span shared = {(char *)executor->arena.data + executor->plan.arena_bytes, room};
    for (int64_t i = 0; i < executor->graph->n_nodes; i++) {
        struct step *step = &executor->steps[i];
        if (step->prepared != NULL)
            step->op.workspace = step->prepared->workspace_bytes > room ? late : shared;
    }
done:
    return status;
}

/* ---- the arena ---- */

static enum status arena_reserve(struct executor *executor, const struct span *lent, size_t bytes)
{
    enum status status = STATUS_OK;

    executor->arena_bytes = bytes;
    if (lent->data != NULL) {
        if (lent->bytes < bytes)
            return fail(STATUS_OUT_OF_MEMORY,
                        "the graph needs an arena of %zu bytes, but was lent %zu", bytes,
                        lent->bytes);
        executor->arena = *lent;
    } else {
        device_free(executor->device, executor->own_arena);
        executor->own_arena = NULL;
        TRY(device_alloc(executor->device, bytes > 0 ? bytes : 1, &executor->own_arena));
        executor->arena = (struct span){executor->own_arena, bytes};
    }
    bind_arena(executor);
done:
    return status;
}

/* Workspace sizes are known after prepare, which wants memory to look at: nodes are prepared on an
 * arena without workspace, which then grows; pointers may change between prepare and run. */
static enum status nodes_create(struct executor *executor, const struct span *lent)
{
    enum status status = STATUS_OK;
    size_t workspace = 0;

    TRY(arena_reserve(executor, lent, executor->plan.arena_bytes));
    TRY(parameters_round(executor->parameters, true));
    TRY(queue_synchronize(executor->queue)); /* prepare reads frozen weights, on another queue */
    for (int64_t i = 0; i < executor->graph->n_nodes; i++) {
        executor->steps[i].op = executor->graph->nodes[i].attributes;
        mark_frozen(executor, i);
    }
    TRY(prepare_bound(executor));
    for (int64_t i = 0; i < executor->graph->n_nodes; i++)
        if (executor->steps[i].prepared != NULL &&
            executor->steps[i].prepared->workspace_bytes > workspace)
            workspace = executor->steps[i].prepared->workspace_bytes;
    if (workspace > 0)
        TRY(arena_reserve(executor, lent, executor->plan.arena_bytes + memory_padded(workspace)));
    for (int64_t i = 0; i < executor->graph->n_nodes; i++)
        (void)bind_node(executor, i);
    TRY(prepare_late(executor));
done:
    return status;
}

enum status executor_create(struct graph *graph, const struct executor_settings *settings,
                            struct executor **out)
{
    enum status status = STATUS_OK;
    struct executor *executor = NULL;

    TRY(graph_check(graph));
    TRY(check_table(graph, settings->parameters));
    TRY_ALLOC(executor, heap_alloc(1, sizeof *executor));
    executor->graph = graph;
    executor->queue = settings->queue;
    executor->device = queue_device(settings->queue);
    executor->parameters = settings->parameters;
    executor->computes_zero_rows = settings->computes_zero_rows;
    TRY_ALLOC(executor->steps, heap_alloc(graph->n_nodes, sizeof *executor->steps));
    TRY_ALLOC(executor->tensors, heap_alloc(graph->n_values, sizeof *executor->tensors));
    TRY_ALLOC(executor->is_own, heap_alloc(graph->n_values, sizeof *executor->is_own));
    TRY(pass_plan_memory(graph, &executor->plan));
    TRY(bind_values(executor));
    TRY(nodes_create(executor, &settings->arena));
    *out = executor;
    executor = NULL;
done:
    executor_destroy(executor);
    return status;
}

void executor_destroy(struct executor *executor)
{
    if (executor == NULL)
        return;
    recording_drop(executor);
    for (int64_t i = 0; executor->steps != NULL && i < executor->graph->n_nodes; i++)
        if (executor->steps[i].prepared != NULL)
            kernel_release(executor->device, executor->graph->nodes[i].kind,
                           executor->steps[i].prepared);
    for (int64_t v = 0; executor->is_own != NULL && v < executor->graph->n_values; v++)
        if (executor->is_own[v])
            device_free(executor->device, executor->tensors[v].data);
    device_free(executor->device, executor->own_arena);
    device_free(executor->device, executor->inputs);
    device_free(executor->device, executor->late_workspace);
    free(executor->steps);
    free(executor->tensors);
    free(executor->is_own);
    free(executor);
}

struct span executor_arena(const struct executor *executor)
{
    return executor->arena;
}

struct tensor executor_tensor(const struct executor *executor, int value)
{
    return executor->tensors[value];
}

static enum status check_input(const struct executor *executor, int value)
{
    if (value < 0 || value >= executor->graph->n_values)
        return fail(STATUS_BAD_CONFIG, "the graph has no value %d", value);
    enum value_role role = executor->graph->values[value].role;
    if (role != VALUE_INPUT && role != VALUE_TABLE)
        return fail(STATUS_BAD_CONFIG, "'%s' is not an input of the graph",
                    executor->graph->values[value].name);
    return STATUS_OK;
}

enum status executor_bind(struct executor *executor, int value, void *memory)
{
    enum status status = STATUS_OK;

    TRY(check_input(executor, value));
    if (executor->is_own[value])
        device_free(executor->device, executor->tensors[value].data);
    executor->is_own[value] = false;
    executor->tensors[value].data = memory;
    for (int64_t i = 0; i < executor->graph->n_nodes; i++)
        (void)bind_node(executor, i);
    TRY(prepare_late(executor));
done:
    return status;
}

enum status executor_upload(struct executor *executor, int value, const void *from)
{
    enum status status = STATUS_OK;
    void *memory = NULL;

    TRY(check_input(executor, value));
    struct tensor *tensor = &executor->tensors[value];
    if (tensor->data == NULL) {
        TRY(device_alloc(executor->device, tensor_bytes(tensor), &memory));
        TRY(queue_upload(executor->queue, memory, from, tensor_bytes(tensor)));
        TRY(executor_bind(executor, value, memory));
        executor->is_own[value] = true;
        memory = NULL;
    } else {
        TRY(queue_upload(executor->queue, tensor->data, from, tensor_bytes(tensor)));
    }
done:
    device_free(executor->device, memory);
    return status;
}

enum status executor_download(struct executor *executor, int value, void *to)
{
    const struct tensor *tensor = &executor->tensors[value];

    return queue_download(executor->queue, to, tensor->data, tensor_bytes(tensor));
}

enum status executor_run_node(struct executor *executor, int64_t i)
{
    const struct graph_node *node = &executor->graph->nodes[i];
    struct step *step = &executor->steps[i];

    if (step->prepared == NULL)
        return fail(STATUS_BAD_CONFIG, "node %lld (%s) has an input without memory: bind it",
                    (long long)i, op_info(node->kind)->name);
    enum status status = kernel_run(executor->queue, node->kind, step->prepared, &step->op);
    if (status != STATUS_OK)
        return fail_context(status, "node %lld (%s '%s')", (long long)i, op_info(node->kind)->name,
                            node->module);
    return STATUS_OK;
}

static enum status run_nodes(struct executor *executor)
{
    enum status status = STATUS_OK;

    TRY(parameters_round(executor->parameters, false));
    for (int64_t i = 0; i < executor->graph->n_nodes; i++)
        TRY(executor_run_node(executor, i));
    if (executor->tail.enqueue != NULL)
        TRY(executor->tail.enqueue(executor->tail.context));
done:
    return status;
}

void executor_follow(struct executor *executor, const struct executor_tail *tail)
{
    recording_drop(executor);
    executor->tail = *tail;
}

static enum status record(struct executor *executor)
{
    enum status status = STATUS_OK;

    TRY(queue_capture_begin(executor->queue));
    status = run_nodes(executor);
    if (status != STATUS_OK) {
        queue_capture_abandon(executor->queue);
        return status;
    }
    TRY(queue_capture_end(executor->queue, &executor->recording));
done:
    return status;
}

/* The first run is an ordinary one: libraries load their code when it is first used, which a
 * recording does not allow. */
enum status executor_run(struct executor *executor)
{
    enum status status = STATUS_OK;

    if (!device_can_capture(executor->device) || !executor->has_run) {
        TRY(run_nodes(executor));
        executor->has_run = true;
        return STATUS_OK;
    }
    if (executor->recording == NULL)
        TRY(record(executor));
    TRY(queue_replay(executor->queue, executor->recording));
done:
    return status;
}

const char *executor_implementation(const struct executor *executor, int64_t node)
{
    const struct prepared *prepared = executor->steps[node].prepared;

    return prepared != NULL && prepared->implementation != NULL ? prepared->implementation : "";
}
