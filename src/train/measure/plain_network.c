/* Adapters are merged in a second copy of the adapted network, whose own weights must not move. */
#include "train/measure/plain_network.h"

#include <stdlib.h>
#include <string.h>

enum status plain_network_create(const struct network *network, struct plain_network *out)
{
    out->network = *network;
    out->network.spec = network_spec_plain(&network->spec);
    out->network.method = NULL;
    out->network.parameters = NULL;
    return network_create(&out->network);
}

void plain_network_release(struct plain_network *merged)
{
    network_release(&merged->network);
}

static int64_t find(const struct parameters *parameters, const char *name)
{
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (strcmp(parameters_row(parameters, i)->name, name) == 0)
            return i;
    return -1;
}

static enum status copy_one(const struct parameters *from, int64_t i, struct parameters *to,
                            int64_t j)
{
    enum status status = STATUS_OK;
    struct tensor tensor = parameters_tensor(from, i);
    double *values = NULL;

    TRY_ALLOC(values, heap_alloc(tensor_elements(&tensor), sizeof *values));
    TRY(parameters_get(from, i, values));
    TRY(parameters_set(to, j, values));
done:
    free(values);
    return status;
}

/* What both have, by name. */
static enum status copy_values(const struct parameters *from, struct parameters *to)
{
    enum status status = STATUS_OK;

    for (int64_t j = 0; j < parameters_count(to); j++) {
        int64_t i = find(from, parameters_row(to, j)->name);
        if (i >= 0)
            TRY(copy_one(from, i, to, j));
    }
done:
    return status;
}

enum status plain_network_copy(struct plain_network *merged, const struct network *network)
{
    enum status status = STATUS_OK;
    const struct lora_inject *lora = &network->spec.lora;
    struct network twin = *network;

    if (network->spec.adaptation == ADAPTATION_NONE)
        return copy_values(network->parameters, merged->network.parameters);
    twin.parameters = NULL;
    TRY(network_create(&twin));
    TRY(copy_values(network->parameters, twin.parameters));
    TRY(parameters_merge_lora(twin.parameters, lora->alpha / (double)lora->lora_rank));
    TRY(copy_values(twin.parameters, merged->network.parameters));
done:
    network_release(&twin);
    return status;
}
