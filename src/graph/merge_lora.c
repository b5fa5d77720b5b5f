/* Adapters folded into their base weights: W += alpha/rank · B·A, in float64, rounded once. */
#include "graph/parameters.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

struct adapter {
    int64_t weight, a, b;     /* rows of the table */
    int64_t first, n_outputs; /* of the weight's rows */
    int64_t lora_rank, row_elements;
};

static int64_t find(const struct parameters *parameters, const char *module, const char *suffix)
{
    char name[NAME_BYTES];

    snprintf(name, sizeof name, "%s%s", module, suffix);
    for (int64_t i = 0; i < parameters_count(parameters); i++)
        if (strcmp(parameters_row(parameters, i)->name, name) == 0)
            return i;
    return -1;
}

/* PyTorch's layouts make it one matrix product: W [K, C·R·S] += B [K, r] · A [r, C·R·S]. */
static void accumulate(const struct adapter *adapter, double factor, double *const values[3])
{
    for (int64_t k = 0; k < adapter->n_outputs; k++)
        for (int64_t r = 0; r < adapter->lora_rank; r++) {
            double b = factor * values[2][k * adapter->lora_rank + r];
            for (int64_t e = 0; e < adapter->row_elements; e++)
                values[0][(adapter->first + k) * adapter->row_elements + e] +=
                    b * values[1][r * adapter->row_elements + e];
        }
}

static enum status merge_one(struct parameters *parameters, const struct adapter *adapter,
                             double factor)
{
    enum status status = STATUS_OK;
    const int64_t rows[3] = {adapter->weight, adapter->a, adapter->b};
    double *values[3] = {NULL, NULL, NULL};

    for (int k = 0; k < 3; k++) {
        struct tensor tensor = parameters_tensor(parameters, rows[k]);
        TRY_ALLOC(values[k], heap_alloc(tensor_elements(&tensor), sizeof(double)));
        TRY(parameters_get(parameters, rows[k], values[k]));
    }
    accumulate(adapter, factor, values);
    TRY(parameters_set(parameters, adapter->weight, values[0]));
    memset(values[2], 0, (size_t)(adapter->n_outputs * adapter->lora_rank) * sizeof(double));
    TRY(parameters_set(parameters, adapter->b, values[2]));
done:
    for (int k = 0; k < 3; k++)
        free(values[k]);
    return status;
}

/* The adapter called `module`, for rows first … first + n_outputs − 1 of parameter i; none is fine.
 */
static enum status merge_module(struct parameters *parameters, const char *module,
                                struct adapter adapter, double factor)
{
    adapter.a = find(parameters, module, ".lora_A.weight");
    adapter.b = find(parameters, module, ".lora_B.weight");
    if (adapter.a < 0 || adapter.b < 0)
        return STATUS_OK;
    struct tensor a = parameters_tensor(parameters, adapter.a);
    adapter.lora_rank = a.shape[0];
    adapter.row_elements = tensor_elements(&a) / a.shape[0];
    return merge_one(parameters, &adapter, factor);
}

/* Attention's adapters to q, k and v. */
static enum status merge_parts(struct parameters *parameters, const struct param *row,
                               struct adapter adapter, double factor)
{
    enum status status = STATUS_OK;
    char module[PARAM_NAME_BYTES];

    adapter.n_outputs /= QKV_PARTS;
    for (int part = 0; part < QKV_PARTS; part++) {
        qkv_part_module(row->module, part, module);
        adapter.first = part * adapter.n_outputs;
        TRY(merge_module(parameters, module, adapter, factor));
    }
done:
    return status;
}

enum status parameters_merge_lora(struct parameters *parameters, double alpha_over_rank)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        const struct param *row = parameters_row(parameters, i);
        struct adapter adapter = {.weight = i, .n_outputs = row->shape[0]};
        if (row->is_qkv && text_ends_with(row->name, "weight"))
            TRY(merge_parts(parameters, row, adapter, alpha_over_rank));
        else if (text_ends_with(row->name, ".weight"))
            TRY(merge_module(parameters, row->module, adapter, alpha_over_rank));
    }
done:
    return status;
}
