/* A PEFT adapter folder from what a run left. What PEFT cannot say in adapters and whole modules is
 * pruning, so the base is traced: every row of a final weight must be the base's row, or zero, plus
 * what the adapter adds; rows that became zero make a base of their own. */
#include "store/weights/adapters.h"

#include "base/file.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const char wrapper[] = "base_model.model.", base_file[] = "base_model.safetensors";

struct peft_folder {
    const struct peft_export *export;
    struct arena *arena;               /* owned */
    struct weight_tensor *base, *kept; /* what the adapters stand on; what the adapter file holds */
    int64_t n_base, n_kept;
    const char **adapted, **saved; /* module names */
    int64_t n_adapted, n_saved;
    bool is_pruned;
};

enum row_fate { ROW_SAME, ROW_ZERO, ROW_OTHER };

/* What became of row k of the base, seen through the adapter (NULL: there is none). */
static enum row_fate fate_of_row(const struct weight_tensor *base,
                                 const struct weight_tensor *final, const struct adapter_pair *pair,
                                 int64_t k, double *scratch)
{
    int64_t n = weight_elements(base) / base->shape[0];
    bool is_same = true, is_zero = true;

    memset(scratch, 0, 2 * (size_t)n * sizeof *scratch);
    for (int64_t i = 0; i < n; i++)
        scratch[n + i] = weight_value(base, k * n + i);
    if (pair != NULL) {
        adapter_pair_accumulate(pair, k, scratch);
        adapter_pair_accumulate(pair, k, scratch + n);
    }
    for (int64_t i = 0; i < n; i++) {
        double value = weight_value(final, k * n + i);
        is_zero = is_zero && value == number_rounded(scratch[i], final->dtype);
        is_same = is_same && value == number_rounded(scratch[n + i], final->dtype);
    }
    return is_same ? ROW_SAME : is_zero ? ROW_ZERO : ROW_OTHER;
}

/* The base's tensor with its pruned rows; *fits false when it is neither that nor the base's. */
static enum status trace(struct peft_folder *folder, const struct weight_tensor *base,
                         const struct weight_tensor *final, const struct adapter_pair *pair,
                         struct weight_tensor *out)
{
    enum status status = STATUS_OK;
    int64_t n_rows = base->n_dims > 0 ? base->shape[0] : 1, n = weight_elements(base);
    size_t row_bytes = n_rows > 0 ? (size_t)(n / n_rows) * dtype_bytes(base->dtype) : 0;
    double *scratch = NULL;
    char *values = NULL;

    *out = *base;
    out->name = base->bare;
    if (base->n_dims == 0 || n == 0)
        goto done;
    TRY_ALLOC(scratch, ARENA_ARRAY(folder->arena, 2 * (n / n_rows), double));
    TRY_ALLOC(values, arena_alloc(folder->arena, n, dtype_bytes(base->dtype)));
    memcpy(values, base->values, (size_t)n * dtype_bytes(base->dtype));
    for (int64_t k = 0; k < n_rows; k++) {
        enum row_fate fate = fate_of_row(base, final, pair, k, scratch);
        if (fate == ROW_OTHER || (fate == ROW_ZERO && base->n_dims < 2)) {
            out->values = NULL;
            goto done;
        }
        if (fate == ROW_ZERO) {
            memset(values + (size_t)k * row_bytes, 0, row_bytes);
            folder->is_pruned = true;
        }
    }
    out->values = values;
done:
    return status;
}

static enum status module_of(struct arena *arena, const char *name, const char **out)
{
    enum status status = STATUS_OK;
    const char *dot = strrchr(name, '.');

    TRY_ALLOC(*out, arena_format(arena, "%.*s", dot != NULL ? (int)(dot - name) : 0, name));
done:
    return status;
}

static bool is_listed(const char *const *names, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum status keep(struct peft_folder *folder, const struct weight_tensor *tensor)
{
    enum status status = STATUS_OK;
    struct weight_tensor *kept = &folder->kept[folder->n_kept];

    *kept = *tensor;
    TRY_ALLOC(kept->name, arena_format(folder->arena, "%s%s", wrapper, tensor->bare));
    folder->n_kept++;
done:
    return status;
}

static enum status keep_adapters(struct peft_folder *folder)
{
    enum status status = STATUS_OK;
    const struct adapter_merge *merge = &folder->export->merge;
    struct adapter_pair pair;

    for (int64_t i = 0; i < merge->adapters->n; i++) {
        const struct weight_tensor *tensor = &merge->adapters->tensors[i];
        if (!weight_is_lora(tensor))
            continue;
        TRY(keep(folder, tensor));
        if (!text_ends_with(tensor->bare, ".lora_A.weight"))
            continue;
        TRY(adapter_pair_find(merge, tensor, folder->arena, &pair));
        if (pair.is_third)
            TRY(fail(STATUS_BAD_DATA,
                     "adapters '%s': PEFT has none for a third of a weight, as '%s' is: use the "
                     "merged weights",
                     merge->adapters_path, pair.module));
        folder->adapted[folder->n_adapted++] = pair.module;
    }
    if (folder->n_adapted == 0)
        TRY(fail(STATUS_BAD_DATA, "adapters '%s' hold no LoRA adapters", merge->adapters_path));
done:
    return status;
}

static enum status find_final(const struct peft_folder *folder, const struct weight_tensor *base,
                              const struct weight_tensor **out)
{
    const struct weight_tensor *final = weights_find(folder->export->final, base->bare);

    if (final == NULL || final->n_dims != base->n_dims ||
        memcmp(final->shape, base->shape, (size_t)base->n_dims * sizeof *base->shape) != 0)
        return fail(STATUS_BAD_DATA, "weights '%s': '%s' is not in '%s' in the same shape",
                    folder->export->merge.base_path, base->name, folder->export->final_path);
    *out = final;
    return STATUS_OK;
}

/* One tensor of the base: it carries an adapter, is as it was or pruned, or was trained in full. */
static enum status place(struct peft_folder *folder, const struct weight_tensor *base)
{
    enum status status = STATUS_OK;
    const struct peft_export *export = folder->export;
    const struct weight_tensor *final = NULL, *a = NULL;
    struct adapter_pair pair;
    const char *module = NULL, *name = NULL;

    TRY(module_of(folder->arena, base->bare, &module));
    TRY_ALLOC(name, arena_format(folder->arena, "%s.lora_A.weight", module));
    if (text_ends_with(base->bare, ".weight"))
        a = weights_find(export->merge.adapters, name);
    if (a != NULL)
        TRY(adapter_pair_find(&export->merge, a, folder->arena, &pair));
    TRY(find_final(folder, base, &final));
    struct weight_tensor *traced = &folder->base[folder->n_base];
    TRY(trace(folder, base, final, a != NULL ? &pair : NULL, traced));
    if (traced->values == NULL && a != NULL)
        TRY(fail(STATUS_BAD_DATA,
                 "'%s' of '%s' does not follow from '%s' and the adapters: is that the base that "
                 "they were trained on?",
                 base->bare, export->final_path, export->merge.base_path));
    if (traced->values == NULL) {
        *traced = *base;
        traced->name = base->bare;
        if (!is_listed(folder->saved, folder->n_saved, module))
            folder->saved[folder->n_saved++] = module;
    }
    folder->n_base++;
done:
    return status;
}

/* PEFT takes a module for saved when its name ends in one of modules_to_save: with "bn1" that is
 * every bn1. So the list is closed under that rule. */
static enum status close_saved(struct peft_folder *folder)
{
    enum status status = STATUS_OK;
    const char *module = NULL;

    for (int64_t i = 0; i < folder->n_base; i++) {
        TRY(module_of(folder->arena, folder->base[i].name, &module));
        for (int64_t s = 0; s < folder->n_saved; s++) {
            if (!text_ends_with(module, folder->saved[s]) ||
                is_listed(folder->saved, folder->n_saved, module))
                continue;
            if (is_listed(folder->adapted, folder->n_adapted, module))
                TRY(fail(STATUS_BAD_DATA,
                         "PEFT would take the adapted module '%s' for '%s', which was trained in "
                         "full: merge the adapters instead",
                         module, folder->saved[s]));
            folder->saved[folder->n_saved++] = module;
        }
    }
done:
    return status;
}

/* PEFT asks for every entry of a module it finds in modules_to_save; a count that training here
 * does not keep is the base's, or 0. */
static enum status keep_batch_count(struct peft_folder *folder, const char *module)
{
    enum status status = STATUS_OK;
    static const int64_t none = 0;
    struct weight_tensor count = {.dtype = DTYPE_I64, .values = (void *)&none};
    const struct weight_tensor *found = NULL;

    TRY_ALLOC(count.bare, arena_format(folder->arena, "%s.num_batches_tracked", module));
    if (weights_find(folder->export->final, count.bare) != NULL)
        return STATUS_OK;
    found = weights_find(folder->export->merge.base, count.bare);
    TRY(keep(folder, found != NULL ? found : &count));
done:
    return status;
}

static enum status keep_saved(struct peft_folder *folder)
{
    enum status status = STATUS_OK;
    const struct weights *final = folder->export->final;
    const char *module = NULL;

    for (int64_t i = 0; i < final->n; i++) {
        if (final->tensors[i].bare == NULL)
            continue;
        TRY(module_of(folder->arena, final->tensors[i].bare, &module));
        if (!is_listed(folder->saved, folder->n_saved, module))
            continue;
        TRY(keep(folder, &final->tensors[i]));
        if (text_ends_with(final->tensors[i].bare, ".running_var"))
            TRY(keep_batch_count(folder, module));
    }
done:
    return status;
}

static bool add_names(cJSON *root, const char *key, const char *const *names, int64_t n)
{
    cJSON *array = cJSON_AddArrayToObject(root, key);
    bool is_complete = array != NULL;

    for (int64_t i = 0; i < n && is_complete; i++)
        is_complete = cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
    return is_complete;
}

static bool add_config(cJSON *root, const struct peft_folder *folder)
{
    const struct adapter_merge *merge = &folder->export->merge;
    int64_t rank = 0;

    for (int64_t i = 0; i < folder->n_kept && rank == 0; i++)
        if (text_ends_with(folder->kept[i].name, ".lora_A.weight"))
            rank = folder->kept[i].shape[0];
    return cJSON_AddStringToObject(root, "peft_type", "LORA") != NULL &&
           cJSON_AddNullToObject(root, "task_type") != NULL &&
           cJSON_AddStringToObject(root, "base_model_name_or_path",
                                   folder->is_pruned ? base_file : merge->base_path) != NULL &&
           cJSON_AddTrueToObject(root, "inference_mode") != NULL &&
           cJSON_AddNumberToObject(root, "r", (double)rank) != NULL &&
           cJSON_AddNumberToObject(root, "lora_alpha", merge->config.alpha) != NULL &&
           cJSON_AddNumberToObject(root, "lora_dropout", merge->config.dropout) != NULL &&
           cJSON_AddStringToObject(root, "bias", "none") != NULL &&
           cJSON_AddFalseToObject(root, "fan_in_fan_out") != NULL &&
           cJSON_AddFalseToObject(root, "use_rslora") != NULL &&
           cJSON_AddFalseToObject(root, "use_dora") != NULL &&
           add_names(root, "target_modules", folder->adapted, folder->n_adapted) &&
           add_names(root, "modules_to_save", folder->saved, folder->n_saved);
}

static enum status write_config(const struct peft_folder *folder, const char *path)
{
    enum status status = STATUS_OK;
    cJSON *root = cJSON_CreateObject();
    char *text = root != NULL && add_config(root, folder) ? cJSON_Print(root) : NULL;

    if (text == NULL)
        TRY(fail(STATUS_OUT_OF_MEMORY, "out of memory composing '%s'", path));
    TRY(file_write(path, text, strlen(text)));
done:
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

static enum status write_files(const struct peft_folder *folder, const char *path)
{
    enum status status = STATUS_OK;
    char *base = NULL, *adapter = NULL, *config = NULL;

    TRY_ALLOC(base, path_join(folder->arena, path, base_file));
    TRY_ALLOC(adapter, path_join(folder->arena, path, "adapter_model.safetensors"));
    TRY_ALLOC(config, path_join(folder->arena, path, "adapter_config.json"));
    TRY(folder_create(path));
    if (folder->is_pruned)
        TRY(weights_save(base, folder->base, folder->n_base));
    TRY(weights_save(adapter, folder->kept, folder->n_kept));
    TRY(write_config(folder, config)); /* last: a folder without it is none */
done:
    return status;
}

static enum status allocate(struct peft_folder *folder)
{
    enum status status = STATUS_OK;
    const struct peft_export *export = folder->export;
    int64_t n = export->merge.base->n + export->merge.adapters->n + export->final->n;

    TRY(arena_create(&folder->arena));
    TRY_ALLOC(folder->base, ARENA_ARRAY(folder->arena, n, struct weight_tensor));
    TRY_ALLOC(folder->kept, ARENA_ARRAY(folder->arena, n, struct weight_tensor));
    TRY_ALLOC(folder->adapted, ARENA_ARRAY(folder->arena, n, const char *));
    TRY_ALLOC(folder->saved, ARENA_ARRAY(folder->arena, n, const char *));
done:
    return status;
}

enum status peft_folder_save(const struct peft_export *export, const char *path,
                             struct peft_summary *out)
{
    enum status status = STATUS_OK;
    struct peft_folder folder = {.export = export};
    const struct weights *base = export->merge.base;

    TRY(allocate(&folder));
    TRY(keep_adapters(&folder));
    for (int64_t i = 0; i < base->n; i++)
        if (base->tensors[i].bare != NULL && !weight_is_lora(&base->tensors[i]) &&
            !text_ends_with(base->tensors[i].bare, "num_batches_tracked"))
            TRY(place(&folder, &base->tensors[i]));
    TRY(close_saved(&folder));
    TRY(keep_saved(&folder));
    TRY(write_files(&folder, path));
    *out = (struct peft_summary){folder.n_adapted, folder.n_saved, folder.is_pruned};
done:
    arena_destroy(folder.arena);
    return status;
}
