/* SGD, Adam and AdamW on the flat vectors of struct parameters. */
#include "train/optimizer.h"

#include <stdlib.h>

struct optimizer {
    struct device *device; /* borrowed */
    enum op_kind kind;
    union op_any op;
    struct prepared *prepared; /* owned */
    void *state[2];            /* owned, device */
    void *rates;               /* owned, device: f64 [2] */
    void *workspace;           /* owned, device */
    struct tensor like;        /* shape of every state vector */
};

static void fill_sgd(struct optimizer *optimizer, const struct recipe *recipe,
                     struct parameters *parameters)
{
    struct sgd_step *op = &optimizer->op.sgd_step;

    optimizer->kind = OP_sgd_step;
    op->gradient = parameters_flat_gradients(parameters);
    op->mask = parameters_flat_mask(parameters);
    op->parameter = parameters_flat_values(parameters);
    op->velocity = optimizer->like;
    op->velocity.data = optimizer->state[0];
    op->rates = optimizer_rates(optimizer);
    op->momentum = recipe->momentum;
    op->decay = recipe->weight_decay;
}

static void fill_adam(struct optimizer *optimizer, const struct recipe *recipe,
                      struct parameters *parameters)
{
    struct adam_step *op = &optimizer->op.adam_step;

    optimizer->kind = OP_adam_step;
    op->gradient = parameters_flat_gradients(parameters);
    op->mask = parameters_flat_mask(parameters);
    op->parameter = parameters_flat_values(parameters);
    op->first_moment = op->second_moment = optimizer->like;
    op->first_moment.data = optimizer->state[0];
    op->second_moment.data = optimizer->state[1];
    op->rates = optimizer_rates(optimizer);
    op->beta1 = 0.9;
    op->beta2 = 0.999;
    op->epsilon = 1e-8;
    op->decay = recipe->weight_decay;
    op->is_decoupled = recipe->optimizer == OPTIMIZER_ADAMW;
}

static enum status state_create(struct optimizer *optimizer, int n)
{
    enum status status = STATUS_OK;
    size_t bytes = tensor_bytes(&optimizer->like);

    for (int i = 0; i < n; i++) {
        TRY(device_alloc(optimizer->device, bytes, &optimizer->state[i]));
        TRY(device_zero(optimizer->device, optimizer->state[i], bytes));
    }
    TRY(device_alloc(optimizer->device, 2 * sizeof(double), &optimizer->rates));
done:
    return status;
}

enum status optimizer_create(const struct recipe *recipe, struct parameters *parameters,
                             struct device *device, struct optimizer **out)
{
    enum status status = STATUS_OK;
    struct optimizer *optimizer = NULL;
    bool is_sgd = recipe->optimizer == OPTIMIZER_SGD;

    TRY_ALLOC(optimizer, heap_alloc(1, sizeof *optimizer));
    optimizer->device = device;
    optimizer->like = parameters_flat_values(parameters);
    TRY(state_create(optimizer, is_sgd ? 1 : 2));
    if (is_sgd)
        fill_sgd(optimizer, recipe, parameters);
    else
        fill_adam(optimizer, recipe, parameters);
    TRY(kernel_prepare(device, optimizer->kind, &optimizer->op, &optimizer->prepared));
    TRY(device_alloc(device, optimizer->prepared->workspace_bytes, &optimizer->workspace));
    optimizer->op.workspace =
        (struct span){optimizer->workspace, optimizer->prepared->workspace_bytes};
    *out = optimizer;
    optimizer = NULL;
done:
    optimizer_destroy(optimizer);
    return status;
}

void optimizer_destroy(struct optimizer *optimizer)
{
    if (optimizer == NULL)
        return;
    kernel_release(optimizer->device, optimizer->kind, optimizer->prepared);
    device_free(optimizer->device, optimizer->state[0]);
    device_free(optimizer->device, optimizer->state[1]);
    device_free(optimizer->device, optimizer->rates);
    device_free(optimizer->device, optimizer->workspace);
    free(optimizer);
}

enum status optimizer_set_rates(struct optimizer *optimizer, double lr, int64_t step)
{
    double rates[2] = {lr, (double)step};

    return device_upload(optimizer->device, optimizer->rates, rates, sizeof rates);
}

enum status optimizer_enqueue(struct optimizer *optimizer)
{
    return kernel_run(optimizer->device, optimizer->kind, optimizer->prepared, &optimizer->op);
}

enum status optimizer_step(struct optimizer *optimizer, double lr, int64_t step)
{
    enum status status = STATUS_OK;

    TRY(optimizer_set_rates(optimizer, lr, step));
    TRY(optimizer_enqueue(optimizer));
done:
    return status;
}

struct device *optimizer_device(const struct optimizer *optimizer)
{
    return optimizer->device;
}

struct tensor optimizer_rates(const struct optimizer *optimizer)
{
    return (struct tensor){optimizer->rates, DTYPE_F64, 1, {2}};
}

struct tensor optimizer_state(const struct optimizer *optimizer, int i)
{
    struct tensor state = optimizer->like;

    state.data = i < 2 ? optimizer->state[i] : NULL;
    return state;
}
