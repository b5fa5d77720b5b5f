/* Pass `prune`, on values: whole output channels of every convolution, smallest L2 norm first
 * (torch.nn.utils.prune.ln_structured with n = 2, dim = 0). What the mask then
 * holds is a setting. */
#include "graph/parameters.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    double norm; /* squared: the order is the same */
    int64_t index;
};

struct pruning {
    struct parameters *parameters;
    const struct prune_settings *settings;
    /* scratch as large as the largest convolution */
    double *values;
    struct channel *channels;
    uint8_t *is_pruned;
};

static bool is_adapter(const struct param *row)
{
    return text_ends_with(row->module, ".lora_A") || text_ends_with(row->module, ".lora_B");
}

static int by_norm(const void *a, const void *b)
{
    const struct channel *left = a, *right = b;

    if (left->norm != right->norm)
        return left->norm < right->norm ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

static enum status rank_channels(struct pruning *pruning, const struct param *row,
                                 int64_t row_elements)
{
    for (int64_t k = 0; k < row->shape[0]; k++) {
        double sum = 0;
        for (int64_t e = 0; e < row_elements; e++) {
            double value = pruning->values[k * row_elements + e];
            sum += value * value;
        }
        if (!isfinite(sum))
            return fail(STATUS_BAD_DATA, "cannot prune '%s': channel %lld is not finite", row->name,
                        (long long)k);
        pruning->channels[k] = (struct channel){.norm = sum, .index = k};
    }
    qsort(pruning->channels, (size_t)row->shape[0], sizeof *pruning->channels, by_norm);
    return STATUS_OK;
}

/* Sets the rows marked in is_pruned to zero; `values` holds parameter i in PyTorch's layout, where
 * a row of dim 0 is contiguous as well. */
static enum status zero_rows(struct pruning *pruning, int64_t i, int64_t row_elements)
{
    int64_t n_rows = parameters_row(pruning->parameters, i)->shape[0];

    for (int64_t k = 0; k < n_rows; k++)
        for (int64_t e = 0; pruning->is_pruned[k] && e < row_elements; e++)
            pruning->values[k * row_elements + e] = 0;
    return parameters_set(pruning->parameters, i, pruning->values);
}

static int64_t elements_per_row(const struct parameters *parameters, int64_t i)
{
    struct tensor tensor = parameters_tensor(parameters, i);

    return tensor_elements(&tensor) / tensor.shape[0];
}

/* The same rows of the module's lora_B: zero now, and held. */
static enum status hold_adapter(struct pruning *pruning, const struct param *row)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = pruning->parameters;

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        const char *module = parameters_row(parameters, i)->module;
        size_t length = strlen(row->module);
        if (strncmp(module, row->module, length) != 0 || strcmp(module + length, ".lora_B") != 0)
            continue;
        TRY(parameters_get(parameters, i, pruning->values));
        TRY(zero_rows(pruning, i, elements_per_row(parameters, i)));
        TRY(parameters_mask_rows(parameters, i, pruning->is_pruned));
    }
done:
    return status;
}

static enum status prune_one(struct pruning *pruning, int64_t i)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = pruning->parameters;
    const struct param *row = parameters_row(parameters, i);
    int64_t row_elements = elements_per_row(parameters, i);
    /* nearbyint rounds half to even, as Python's round */
    int64_t n_pruned = (int64_t)nearbyint(pruning->settings->sparsity * (double)row->shape[0]);

    TRY(parameters_get(parameters, i, pruning->values));
    TRY(rank_channels(pruning, row, row_elements));
    memset(pruning->is_pruned, 0, (size_t)row->shape[0]);
    for (int64_t k = 0; k < n_pruned; k++)
        pruning->is_pruned[pruning->channels[k].index] = 1;
    TRY(zero_rows(pruning, i, row_elements));
    if (pruning->settings->mask != PRUNE_BAKED)
        TRY(parameters_mask_rows(parameters, i, pruning->is_pruned));
    if (pruning->settings->mask == PRUNE_HELD_MERGED)
        TRY(hold_adapter(pruning, row));
done:
    return status;
}

static enum status scratch_alloc(struct pruning *pruning)
{
    enum status status = STATUS_OK;
    int64_t most_values = 0, most_rows = 0;

    for (int64_t i = 0; i < parameters_count(pruning->parameters); i++) {
        struct tensor tensor = parameters_tensor(pruning->parameters, i);
        int64_t n = tensor_elements(&tensor);
        most_values = n > most_values ? n : most_values;
        most_rows = tensor.shape[0] > most_rows ? tensor.shape[0] : most_rows;
    }
    TRY_ALLOC(pruning->values, heap_alloc(most_values, sizeof *pruning->values));
    TRY_ALLOC(pruning->channels, heap_alloc(most_rows, sizeof *pruning->channels));
    TRY_ALLOC(pruning->is_pruned, heap_alloc(most_rows, 1));
done:
    return status;
}

enum status parameters_prune(struct parameters *parameters, const struct prune_settings *settings)
{
    enum status status = STATUS_OK;
    struct pruning pruning = {.parameters = parameters, .settings = settings};

    if (!(settings->sparsity >= 0 && settings->sparsity < 1))
        TRY(fail(STATUS_BAD_CONFIG, "prune.sparsity must be in [0, 1), got %g",
                 settings->sparsity));
    TRY(scratch_alloc(&pruning));
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (parameters_row(parameters, i)->is_conv && !is_adapter(parameters_row(parameters, i)))
            TRY(prune_one(&pruning, i));
done:
    free(pruning.values);
    free(pruning.channels);
    free(pruning.is_pruned);
    return status;
}
