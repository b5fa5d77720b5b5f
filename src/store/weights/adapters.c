/* Folding adapters into weights: W [K, C·R·S] += factor · B [K, r] · A [r, C·R·S], which is one
 * formula for linear layers and convolutions (Hu et al., arXiv:2106.09685). */
#include "store/weights/adapters.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char suffix_a[] = ".lora_A.weight", suffix_b[] = ".lora_B.weight";

/* ---- one pair ---- */

/* The weight that a module's adapter changes; NULL when there is none. */
static enum status find_weight(const struct weights *base, struct arena *arena,
                               struct adapter_pair *pair)
{
    static const char *const thirds[] = {".in_proj_q", ".in_proj_k", ".in_proj_v"};
    enum status status = STATUS_OK;
    const char *name = NULL;

    TRY_ALLOC(name, arena_format(arena, "%s.weight", pair->module));
    pair->weight = weights_find(base, name);
    for (int i = 0; i < 3 && pair->weight == NULL; i++) {
        if (!text_ends_with(pair->module, thirds[i]))
            continue;
        int length = (int)strlen(pair->module) - 1; /* without the letter */
        TRY_ALLOC(name, arena_format(arena, "%.*sweight", length, pair->module));
        pair->weight = weights_find(base, name);
        if (pair->weight != NULL && pair->weight->n_dims > 0) {
            pair->is_third = true;
            pair->first_row = i * (pair->weight->shape[0] / 3);
        }
    }
done:
    return status;
}

static enum status find_parts(const struct adapter_merge *merge, const struct weight_tensor *a,
                              struct arena *arena, struct adapter_pair *pair)
{
    enum status status = STATUS_OK;
    int length = (int)(strlen(a->bare) - (sizeof suffix_a - 1));
    const char *name = NULL;

    TRY_ALLOC(pair->module, arena_format(arena, "%.*s", length, a->bare));
    TRY_ALLOC(name, arena_format(arena, "%s%s", pair->module, suffix_b));
    pair->a = a;
    pair->b = weights_find(merge->adapters, name);
    if (pair->b == NULL)
        TRY(fail(STATUS_BAD_DATA, "'%s' has no '%s' beside it", a->name, name));
    TRY(find_weight(merge->base, arena, pair));
    if (pair->weight == NULL)
        TRY(fail(STATUS_BAD_DATA, "'%s' adapts '%s.weight', which '%s' does not have", a->name,
                 pair->module, merge->base_path));
done:
    return status;
}

static bool is_matrix(const struct weight_tensor *tensor)
{
    return tensor->n_dims >= 2 && weight_elements(tensor) > 0 && tensor->dtype != DTYPE_I64;
}

static enum status check_pair(const struct adapter_merge *merge, const struct adapter_pair *pair)
{
    int64_t wanted = merge->config.lora_rank;

    if (pair->a->shape[0] != pair->b->shape[1])
        return fail(STATUS_BAD_DATA, "'%s' has rank %lld, but '%s' has %lld", pair->a->name,
                    (long long)pair->a->shape[0], pair->b->name, (long long)pair->b->shape[1]);
    if (wanted > 0 && pair->lora_rank != wanted)
        return fail(STATUS_BAD_DATA,
                    "'%s' has rank %lld, but the adapters' configuration says %lld", pair->a->name,
                    (long long)pair->lora_rank, (long long)wanted);
    if (weight_elements(pair->b) != pair->n_outputs * pair->lora_rank ||
        (pair->is_third && pair->weight->shape[0] != 3 * pair->n_outputs) ||
        weight_elements(pair->weight) / pair->weight->shape[0] != pair->row_elements)
        return fail(STATUS_BAD_DATA,
                    "'%s' and '%s' give %lld outputs of %lld inputs, but '%s' has %lld of %lld",
                    pair->a->name, pair->b->name, (long long)pair->b->shape[0],
                    (long long)pair->row_elements, pair->weight->name, (long long)pair->n_outputs,
                    (long long)(weight_elements(pair->weight) / pair->weight->shape[0]));
    return STATUS_OK;
}

enum status adapter_pair_find(const struct adapter_merge *merge, const struct weight_tensor *a,
                              struct arena *arena, struct adapter_pair *out)
{
    enum status status = STATUS_OK;
    struct adapter_pair pair = {.module = ""};

    TRY(find_parts(merge, a, arena, &pair));
    if (!is_matrix(pair.a) || !is_matrix(pair.b) || !is_matrix(pair.weight))
        TRY(fail(STATUS_BAD_DATA, "'%s', '%s' and '%s' must be matrices or convolutions of numbers",
                 pair.a->name, pair.b->name, pair.weight->name));
    pair.lora_rank = pair.a->shape[0];
    pair.n_outputs = pair.weight->shape[0] / (pair.is_third ? 3 : 1);
    pair.row_elements = weight_elements(pair.a) / pair.lora_rank;
    TRY(check_pair(merge, &pair));
    pair.factor =
        merge->config.alpha /
        (merge->config.is_rank_stabilised ? sqrt((double)pair.lora_rank) : (double)pair.lora_rank);
    *out = pair;
done:
    return status;
}

void adapter_pair_accumulate(const struct adapter_pair *pair, int64_t k, double *row)
{
    for (int64_t r = 0; r < pair->lora_rank; r++) {
        double b = pair->factor * weight_value(pair->b, k * pair->lora_rank + r);
        for (int64_t e = 0; e < pair->row_elements; e++)
            row[e] += b * weight_value(pair->a, r * pair->row_elements + e);
    }
}

/* ---- all of them ---- */

static struct weight_tensor *find_merged(const struct merged_weights *merged, const char *name)
{
    for (int64_t i = 0; i < merged->n; i++)
        if (strcmp(merged->tensors[i].name, name) == 0)
            return &merged->tensors[i];
    return NULL;
}

static bool same_shape(const struct weight_tensor *a, const struct weight_tensor *b)
{
    return a->n_dims == b->n_dims &&
           memcmp(a->shape, b->shape, (size_t)a->n_dims * sizeof *a->shape) == 0;
}

/* A module that was trained in full; num_batches_tracked may be new. */
static enum status replace(const struct adapter_merge *merge, const struct weight_tensor *tensor,
                           struct merged_weights *merged)
{
    struct weight_tensor *target = find_merged(merged, tensor->bare);

    if (target == NULL && !text_ends_with(tensor->bare, ".num_batches_tracked"))
        return fail(STATUS_BAD_DATA, "'%s' has no counterpart in '%s'", tensor->name,
                    merge->base_path);
    if (target != NULL && !same_shape(target, tensor))
        return fail(STATUS_BAD_DATA, "'%s' has another shape than in '%s'", tensor->name,
                    merge->base_path);
    if (target == NULL)
        target = &merged->tensors[merged->n++];
    *target = *tensor;
    target->name = tensor->bare;
    merged->n_replaced++;
    return STATUS_OK;
}

static enum status merge_pair(const struct adapter_pair *pair, struct arena *arena,
                              struct weight_tensor *target)
{
    enum status status = STATUS_OK;
    int64_t n = weight_elements(pair->weight);
    double *values = NULL;
    void *rounded = NULL;

    TRY_ALLOC(values, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(rounded, arena_alloc(arena, n, dtype_bytes(target->dtype)));
    for (int64_t i = 0; i < n; i++)
        values[i] = weight_value(target, i); /* another third may be merged already */
    for (int64_t k = 0; k < pair->n_outputs; k++)
        adapter_pair_accumulate(pair, k, values + (pair->first_row + k) * pair->row_elements);
    for (int64_t i = 0; i < n; i++)
        number_put(rounded, target->dtype, i, values[i]);
    target->values = rounded;
done:
    return status;
}

static enum status take_base(const struct adapter_merge *merge, struct arena *arena,
                             struct merged_weights *merged)
{
    enum status status = STATUS_OK;
    const struct weights *base = merge->base;

    TRY_ALLOC(merged->tensors,
              ARENA_ARRAY(arena, base->n + merge->adapters->n, struct weight_tensor));
    for (int64_t i = 0; i < base->n; i++)
        if (base->tensors[i].bare != NULL && !weight_is_lora(&base->tensors[i])) {
            merged->tensors[merged->n] = base->tensors[i];
            merged->tensors[merged->n++].name = base->tensors[i].bare;
        }
done:
    return status;
}

static enum status merge_all(const struct adapter_merge *merge, struct arena *arena,
                             struct merged_weights *merged)
{
    enum status status = STATUS_OK;
    struct adapter_pair pair;
    int64_t n_factors = 0;

    for (int64_t i = 0; i < merge->adapters->n; i++) {
        const struct weight_tensor *tensor = &merge->adapters->tensors[i];
        bool is_factor = weight_is_lora(tensor);
        n_factors += is_factor;
        if (is_factor && text_ends_with(tensor->bare, suffix_a)) {
            TRY(adapter_pair_find(merge, tensor, arena, &pair));
            TRY(merge_pair(&pair, arena, find_merged(merged, pair.weight->bare)));
            merged->n_adapters++;
        } else if (!is_factor && tensor->bare != NULL && merge->adapters != merge->base) {
            TRY(replace(merge, tensor, merged));
        }
    }
    if (n_factors == 0)
        TRY(fail(STATUS_BAD_DATA, "holds no LoRA adapters (names like 'layer.lora_A.weight')"));
    if (n_factors != 2 * merged->n_adapters)
        TRY(fail(STATUS_BAD_DATA,
                 "holds %lld LoRA tensors in %lld pairs of lora_A.weight and lora_B.weight",
                 (long long)n_factors, (long long)merged->n_adapters));
done:
    return status;
}

enum status adapters_merge(const struct adapter_merge *merge, struct arena *arena,
                           struct merged_weights *out)
{
    enum status status = STATUS_OK;
    struct merged_weights merged = {.n = 0};

    TRY(take_base(merge, arena, &merged));
    status = merge_all(merge, arena, &merged);
    if (status != STATUS_OK)
        return fail_context(status, "adapters '%s'", merge->adapters_path);
    *out = merged;
done:
    return status;
}
