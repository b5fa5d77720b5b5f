/* Copies of all parameters as a file holds them. */
#include "train/keep/best_weights.h"

#include "base/file.h"
#include "train/keep/ckpt_files.h"
#include "train/keep/save.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 2 };

struct best_weights {
    struct arena *arena; /* owned: what follows, but the folder */
    struct weight_tensor *tensors;
    int64_t n, epoch; /* epoch 0: nothing is kept */
    char *folder;     /* owned: where they were written; NULL: nowhere yet */
};

enum status best_weights_create(struct best_weights **out)
{
    enum status status = STATUS_OK;
    struct best_weights *best = NULL;

    TRY_ALLOC(best, heap_alloc(1, sizeof *best));
    TRY(arena_create(&best->arena));
    *out = best;
    best = NULL;
done:
    best_weights_destroy(best);
    return status;
}

static void forget(struct best_weights *best)
{
    arena_reset(best->arena);
    free(best->folder);
    best->folder = NULL;
    best->epoch = best->n = 0;
}

void best_weights_destroy(struct best_weights *best)
{
    if (best == NULL)
        return;
    arena_destroy(best->arena);
    free(best->folder);
    free(best);
}

static enum status begin(struct best_weights *best, int64_t n)
{
    enum status status = STATUS_OK;

    forget(best);
    TRY_ALLOC(best->tensors, ARENA_ARRAY(best->arena, n, struct weight_tensor));
done:
    return status;
}

enum status best_weights_keep(struct best_weights *best, const struct parameters *parameters,
                              int64_t epoch)
{
    enum status status = STATUS_OK;
    int64_t n = parameters_count(parameters);

    TRY(begin(best, n));
    for (; best->n < n; best->n++)
        TRY(parameter_tensor(parameters, best->n, best->arena, &best->tensors[best->n]));
    best->epoch = epoch;
done:
    return status;
}

int64_t best_weights_epoch(const struct best_weights *best)
{
    return best->epoch;
}

enum status best_weights_restore(const struct best_weights *best, struct parameters *parameters)
{
    enum status status = STATUS_OK;
    double *values = NULL;

    for (int64_t i = 0; i < best->n; i++) {
        int64_t n = weight_elements(&best->tensors[i]);
        free(values);
        TRY_ALLOC(values, heap_alloc(n, sizeof *values));
        for (int64_t e = 0; e < n; e++)
            values[e] = weight_value(&best->tensors[i], e);
        TRY(parameters_set(parameters, i, values));
    }
done:
    free(values);
    return status;
}

/* ---- files ---- */

static bool is_written(const struct best_weights *best, const char *folder)
{
    return best->folder != NULL && strcmp(best->folder, folder) == 0;
}

enum status best_weights_save(struct best_weights *best, const char *folder,
                              struct best_reference *out)
{
    enum status status = STATUS_OK;
    char path[CKPT_PATH_BYTES];

    *out = (struct best_reference){best->epoch, tensors_checksum(best->tensors, best->n)};
    if (best->epoch == 0 || is_written(best, folder))
        return STATUS_OK;
    ckpt_file_path(folder, "best", best->epoch, path);
    TRY(weights_save_h5(path, best->tensors, best->n));
    ckpt_files_keep(folder, "best", KEPT);
    free(best->folder);
    TRY_ALLOC(best->folder, strdup(folder));
done:
    return status;
}

/* A copy of the tensor that the parameter wants. */
static enum status take(struct best_weights *best, const struct weights *weights,
                        const struct param *param)
{
    enum status status = STATUS_OK;
    const struct weight_tensor *stored = weights_find(weights, param->name);

    if (stored == NULL)
        return fail(STATUS_BAD_DATA, "it has no '%s'", param->name);
    struct weight_tensor *copy = &best->tensors[best->n];
    size_t bytes = (size_t)weight_elements(stored) * dtype_bytes(stored->dtype);
    *copy = *stored;
    TRY_ALLOC(copy->name, arena_strdup(best->arena, param->name));
    TRY_ALLOC(copy->values, ARENA_ARRAY(best->arena, (int64_t)bytes, char));
    memcpy(copy->values, stored->values, bytes);
    best->n++;
done:
    return status;
}

static enum status take_all(struct best_weights *best, const struct weights *weights,
                            const struct best_reference *reference,
                            const struct parameters *parameters)
{
    enum status status = STATUS_OK;
    int64_t n = parameters_count(parameters);

    TRY(begin(best, n));
    for (int64_t i = 0; i < n; i++)
        TRY(take(best, weights, parameters_row(parameters, i)));
    if (tensors_checksum(best->tensors, n) != reference->checksum)
        TRY(fail(STATUS_BAD_DATA, "its checksum is not the one that the checkpoint has"));
    best->epoch = reference->epoch;
done:
    return status;
}

enum status best_weights_load(struct best_weights *best, const char *folder,
                              const struct best_reference *reference,
                              const struct parameters *parameters)
{
    enum status status = STATUS_OK;
    struct weights *weights = NULL;
    char path[CKPT_PATH_BYTES];

    ckpt_file_path(folder, "best", reference->epoch, path);
    TRY(weights_load(path, &weights));
    status = take_all(best, weights, reference, parameters);
    if (status != STATUS_OK) {
        forget(best);
        status = fail_context(status, "best weights '%s'", path);
        goto done;
    }
    TRY_ALLOC(best->folder, strdup(folder));
done:
    weights_destroy(weights);
    return status;
}

void best_weights_remove_all(const char *folder)
{
    ckpt_files_keep(folder, "best", 0);
}
