/* State vectors and rates on the device; one kernel per step. */
#include "golden/stepper.h"

#include "support/cmocka.h"
#include "support/toy.h"

#include <stdlib.h>

struct golden_stepper {
    struct device *device;
    enum op_kind kind;
    union op_any op;
    struct prepared *prepared;
    void *states[2], *rates, *workspace;
    double lr, n_steps;
};

static struct tensor state_like(struct golden_stepper *stepper, struct tensor flat, int i)
{
    ok(device_alloc(stepper->device, tensor_bytes(&flat), &stepper->states[i]));
    ok(queue_zero(device_queue(stepper->device), stepper->states[i], tensor_bytes(&flat)));
    flat.data = stepper->states[i];
    return flat;
}

struct golden_stepper *golden_stepper_create(const struct golden_network *network,
                                             const struct golden_stepper_settings *settings)
{
    struct golden_stepper *stepper = calloc(1, sizeof *stepper);
    struct tensor values = parameters_flat_values(network->parameters);
    struct tensor gradients = parameters_flat_gradients(network->parameters);
    struct tensor mask = parameters_flat_mask(network->parameters);
    struct tensor rates = {.dtype = DTYPE_F64, .n_dims = 1, .shape = {2}};

    assert_non_null(stepper);
    stepper->device = network->device;
    stepper->kind = settings->kind;
    stepper->lr = settings->lr;
    ok(device_alloc(stepper->device, 2 * sizeof(double), &stepper->rates));
    rates.data = stepper->rates;
    if (settings->kind == OP_sgd_step)
        stepper->op.sgd_step = (struct sgd_step){.gradient = gradients,
                                                 .mask = mask,
                                                 .rates = rates,
                                                 .parameter = values,
                                                 .velocity = state_like(stepper, values, 0),
                                                 .momentum = settings->momentum,
                                                 .decay = settings->decay};
    else
        stepper->op.adam_step = (struct adam_step){.gradient = gradients,
                                                   .mask = mask,
                                                   .rates = rates,
                                                   .parameter = values,
                                                   .first_moment = state_like(stepper, values, 0),
                                                   .second_moment = state_like(stepper, values, 1),
                                                   .beta1 = 0.9,
                                                   .beta2 = 0.999,
                                                   .epsilon = 1e-8,
                                                   .decay = settings->decay,
                                                   .is_decoupled = settings->is_decoupled};
    ok(kernel_prepare(stepper->device, stepper->kind, &stepper->op, &stepper->prepared));
    if (stepper->prepared->workspace_bytes > 0)
        ok(device_alloc(stepper->device, stepper->prepared->workspace_bytes, &stepper->workspace));
    stepper->op.workspace = (struct span){stepper->workspace, stepper->prepared->workspace_bytes};
    return stepper;
}

void golden_stepper_step(struct golden_stepper *stepper)
{
    double rates[2] = {stepper->lr, ++stepper->n_steps};

    ok(queue_upload(device_queue(stepper->device), stepper->rates, rates, sizeof rates));
    ok(kernel_run(device_queue(stepper->device), stepper->kind, stepper->prepared, &stepper->op));
    ok(queue_synchronize(device_queue(stepper->device)));
}

void golden_stepper_destroy(struct golden_stepper *stepper)
{
    kernel_release(stepper->device, stepper->kind, stepper->prepared);
    device_free(stepper->device, stepper->states[0]);
    device_free(stepper->device, stepper->states[1]);
    device_free(stepper->device, stepper->rates);
    device_free(stepper->device, stepper->workspace);
    free(stepper);
}
