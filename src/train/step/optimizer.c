/* SGD, Adam and AdamW on the flat vectors of struct parameters, behind the clipping of their
 * gradients. */
#include "train/step/optimizer.h"

#include <stdlib.h>
#include <string.h>

struct optimizer {
    struct queue *queue;   /* borrowed */
    struct device *device; /* of queue */
    enum op_kind kind;
    union op_any op;
    struct prepared *prepared; /* owned */
    void *state[2];            /* owned, device */
    void *rates;               /* owned, device: f64 [2] */
    void *workspace;           /* owned, device */
    void *decays;              /* owned, device: u8 [n]; NULL: all decays, or nothing */
    struct clip {              /* of gradients; prepared NULL: none */
        union op_any op;
        struct prepared *prepared; /* owned */
        void *workspace, *scale;   /* owned, device */
    } clip;
    struct tensor like; /* shape of every state vector */
};

static struct tensor decays_of(const struct optimizer *optimizer)
{
    struct tensor decays = optimizer->like;

    decays.dtype = DTYPE_U8;
    decays.data = optimizer->decays;
    return decays;
}

static struct tensor scale_of(const struct optimizer *optimizer)
{
    return (struct tensor){optimizer->clip.scale, DTYPE_F64, 1, {1}};
}

/* Does it decay under decay_on: weights? attention's in_proj_weight does. */
static bool is_weight(const struct param *row)
{
    static const char suffix[] = "weight";
    size_t n = strlen(row->name), n_suffix = sizeof suffix - 1;

    return row->n_dims >= 2 && n >= n_suffix && strcmp(row->name + n - n_suffix, suffix) == 0;
}

/* 1 at the elements of every weight. */
static enum status decays_create(struct optimizer *optimizer, const struct parameters *parameters)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(&optimizer->like);
    const char *flat = parameters_flat_gradients(parameters).data;
    uint8_t *decays = NULL;

    TRY_ALLOC(decays, heap_alloc(n, sizeof *decays));
    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct tensor gradient = parameters_gradient(parameters, i);
        if (gradient.data == NULL || !is_weight(parameters_row(parameters, i)))
            continue;
        size_t first = (size_t)((const char *)gradient.data - flat) / dtype_bytes(gradient.dtype);
        memset(decays + first, 1, (size_t)tensor_elements(&gradient));
    }
    TRY(device_alloc(optimizer->device, (size_t)n, &optimizer->decays));
    TRY(queue_upload(optimizer->queue, optimizer->decays, decays, (size_t)n));
done:
    free(decays);
    return status;
}

static enum status clip_create(struct optimizer *optimizer, const struct parameters *parameters,
                               double limit)
{
    enum status status = STATUS_OK;
    struct clip *clip = &optimizer->clip;
    struct clip_scale *op = &clip->op.clip_scale;

    TRY(device_alloc(optimizer->device, sizeof(double), &clip->scale));
    op->gradient = parameters_flat_gradients(parameters);
    op->mask = parameters_flat_mask(parameters);
    op->scale = scale_of(optimizer);
    op->limit = limit;
    TRY(kernel_prepare(optimizer->device, OP_clip_scale, &clip->op, &clip->prepared));
    TRY(device_alloc(optimizer->device, clip->prepared->workspace_bytes, &clip->workspace));
    clip->op.workspace = (struct span){clip->workspace, clip->prepared->workspace_bytes};
done:
    return status;
}

static void clip_release(struct optimizer *optimizer)
{
    struct clip *clip = &optimizer->clip;

    kernel_release(optimizer->device, OP_clip_scale, clip->prepared);
    device_free(optimizer->device, clip->workspace);
    device_free(optimizer->device, clip->scale);
}

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
    op->decays = decays_of(optimizer);
    op->scale = scale_of(optimizer);
    op->is_nesterov = recipe->nesterov;
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
    op->decays = decays_of(optimizer);
    op->scale = scale_of(optimizer);
    op->is_decoupled = recipe->optimizer == OPTIMIZER_ADAMW;
}

static enum status state_create(struct optimizer *optimizer, int n)
{
    enum status status = STATUS_OK;
    size_t bytes = tensor_bytes(&optimizer->like);

    for (int i = 0; i < n; i++) {
        TRY(device_alloc(optimizer->device, bytes, &optimizer->state[i]));
        TRY(queue_zero(optimizer->queue, optimizer->state[i], bytes));
    }
    TRY(device_alloc(optimizer->device, 2 * sizeof(double), &optimizer->rates));
done:
    return status;
}

enum status optimizer_create(const struct recipe *recipe, struct parameters *parameters,
                             struct queue *queue, struct optimizer **out)
{
    enum status status = STATUS_OK;
    struct optimizer *optimizer = NULL;
    bool is_sgd = recipe->optimizer == OPTIMIZER_SGD;

    TRY_ALLOC(optimizer, heap_alloc(1, sizeof *optimizer));
    optimizer->queue = queue;
    optimizer->device = queue_device(queue);
    optimizer->like = parameters_flat_values(parameters);
    TRY(state_create(optimizer, is_sgd ? 1 : 2));
    if (recipe->weight_decay > 0 && recipe->decay_on == DECAY_WEIGHTS)
        TRY(decays_create(optimizer, parameters));
    if (recipe->clip_norm > 0)
        TRY(clip_create(optimizer, parameters, recipe->clip_norm));
    if (is_sgd)
        fill_sgd(optimizer, recipe, parameters);
    else
        fill_adam(optimizer, recipe, parameters);
    TRY(kernel_prepare(optimizer->device, optimizer->kind, &optimizer->op, &optimizer->prepared));
    TRY(device_alloc(optimizer->device, optimizer->prepared->workspace_bytes,
                     &optimizer->workspace));
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
    clip_release(optimizer);
    device_free(optimizer->device, optimizer->decays);
    device_free(optimizer->device, optimizer->state[0]);
    device_free(optimizer->device, optimizer->state[1]);
    device_free(optimizer->device, optimizer->rates);
    device_free(optimizer->device, optimizer->workspace);
    free(optimizer);
}

enum status optimizer_set_rates(struct optimizer *optimizer, double lr, int64_t step)
{
    double rates[2] = {lr, (double)step};

    return queue_upload(optimizer->queue, optimizer->rates, rates, sizeof rates);
}

enum status optimizer_enqueue(struct optimizer *optimizer)
{
    enum status status = STATUS_OK;
    struct clip *clip = &optimizer->clip;

    if (clip->prepared != NULL)
        TRY(kernel_run(optimizer->queue, OP_clip_scale, clip->prepared, &clip->op));
    TRY(kernel_run(optimizer->queue, optimizer->kind, optimizer->prepared, &optimizer->op));
done:
    return status;
}

struct queue *optimizer_queue(const struct optimizer *optimizer)
{
    return optimizer->queue;
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
