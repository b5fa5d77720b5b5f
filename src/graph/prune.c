/* Pass `prune`, on values: whole output channels of convolutions and linear layers, smallest L2
 * norm first
 * (torch.nn.utils.prune.ln_structured with n = 2, dim = 0). What the mask then
 * holds is a setting. */
#include "graph/parameters.h"

#include "base/text.h"
#include "graph/pattern.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct channel {
    double norm; /* squared: the order is the same */
    int64_t index;
};

struct pruning {
    struct parameters *parameters;
    const struct prune_settings *settings;
    struct pattern *targets; /* owned; NULL: every convolution */
    /* scratch as large as the largest parameter */
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

/* Sets the marked rows to zero; `values` holds parameter i in PyTorch's layout, where a row of dim
 * 0 is contiguous as well. */
static enum status zero_rows(struct pruning *pruning, int64_t i, const uint8_t *is_pruned)
{
    struct tensor tensor = parameters_tensor(pruning->parameters, i);
    int64_t row_elements = tensor_elements(&tensor) / tensor.shape[0];

    for (int64_t k = 0; k < tensor.shape[0]; k++)
        for (int64_t e = 0; is_pruned[k] && e < row_elements; e++)
            pruning->values[k * row_elements + e] = 0;
    return parameters_set(pruning->parameters, i, pruning->values);
}

/* The same rows of a module's lora_B, if it has one: zero now, and held. */
static enum status hold_adapter(struct pruning *pruning, const char *module,
                                const uint8_t *is_pruned)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = pruning->parameters;
    size_t length = strlen(module);

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        const char *name = parameters_row(parameters, i)->module;
        if (strncmp(name, module, length) != 0 || strcmp(name + length, ".lora_B") != 0)
            continue;
        TRY(parameters_get(parameters, i, pruning->values));
        TRY(zero_rows(pruning, i, is_pruned));
        TRY(parameters_mask_rows(parameters, i, is_pruned));
    }
done:
    return status;
}

static enum status hold_adapters(struct pruning *pruning, const struct param *row)
{
    enum status status = STATUS_OK;
    char module[PARAM_NAME_BYTES];

    if (!row->is_qkv)
        return hold_adapter(pruning, row->module, pruning->is_pruned);
    for (int part = 0; part < QKV_PARTS; part++) {
        qkv_part_module(row->module, part, module);
        TRY(hold_adapter(pruning, module, pruning->is_pruned + part * (row->shape[0] / QKV_PARTS)));
    }
done:
    return status;
}

static bool is_target(const struct pruning *pruning, const struct param *row)
{
    if (is_adapter(row) || row->is_buffer || row->n_dims < 2)
        return false;
    return pruning->targets == NULL ? row->is_conv : pattern_matches(pruning->targets, row->module);
}

static enum status prune_one(struct pruning *pruning, int64_t i)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = pruning->parameters;
    const struct param *row = parameters_row(parameters, i);
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t row_elements = tensor_elements(&tensor) / tensor.shape[0];
    /* nearbyint rounds half to even, as Python's round */
    int64_t n_pruned = (int64_t)nearbyint(pruning->settings->sparsity * (double)row->shape[0]);

    TRY(parameters_get(parameters, i, pruning->values));
    TRY(rank_channels(pruning, row, row_elements));
    memset(pruning->is_pruned, 0, (size_t)row->shape[0]);
    for (int64_t k = 0; k < n_pruned; k++)
        pruning->is_pruned[pruning->channels[k].index] = 1;
    TRY(zero_rows(pruning, i, pruning->is_pruned));
    if (pruning->settings->mask != PRUNE_BAKED)
        TRY(parameters_mask_rows(parameters, i, pruning->is_pruned));
    if (pruning->settings->mask == PRUNE_HELD_MERGED)
        TRY(hold_adapters(pruning, row));
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
    int64_t n_targets = 0;

    if (!(settings->sparsity >= 0 && settings->sparsity < 1))
        TRY(fail(STATUS_BAD_CONFIG, "prune.sparsity must be in [0, 1), got %g",
                 settings->sparsity));
    if (settings->targets != NULL)
        TRY(pattern_create(settings->targets, &pruning.targets));
    TRY(scratch_alloc(&pruning));
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (is_target(&pruning, parameters_row(parameters, i))) {
            TRY(prune_one(&pruning, i));
            n_targets++;
        }
    if (n_targets == 0 && settings->targets != NULL)
        TRY(fail(STATUS_BAD_CONFIG, "pattern '%s' matches nothing that can be pruned",
                 settings->targets));
done:
    pattern_destroy(pruning.targets);
    free(pruning.values);
    free(pruning.channels);
    free(pruning.is_pruned);
    return status;
}

static enum status count_zeros(const struct parameters *parameters, int64_t i, double counts[2])
{
    enum status status = STATUS_OK;
    struct tensor tensor = parameters_tensor(parameters, i);
    int64_t n = tensor_elements(&tensor);
    double *values = NULL;

    TRY_ALLOC(values, heap_alloc(n, sizeof *values));
    TRY(parameters_get(parameters, i, values));
    for (int64_t e = 0; e < n; e++)
        counts[0] += values[e] == 0;
    counts[1] += (double)n;
done:
    free(values);
    return status;
}

enum status parameters_sparsity(const struct parameters *parameters, const char *targets,
                                double *out)
{
    enum status status = STATUS_OK;
    struct pruning pruning = {.targets = NULL};
    double counts[2] = {0, 0}; /* zeros, and all */

    if (targets != NULL)
        TRY(pattern_create(targets, &pruning.targets));
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (is_target(&pruning, parameters_row(parameters, i)))
            TRY(count_zeros(parameters, i, counts));
    *out = counts[1] > 0 ? counts[0] / counts[1] : NAN;
done:
    pattern_destroy(pruning.targets);
    return status;
}
