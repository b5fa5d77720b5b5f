/* Checkpoints as weights files with a few tensors more: "checkpoint.position", ".history.<name>",
 * ".state.<i>", ".best" (which file has the best weights so far), ".crc32". */
#include "train/checkpoint.h"
#include "train/keep/save.h"

#include "base/file.h"
#include "base/log.h"
#include "store/results/run_paths.h"
#include "train/keep/ckpt_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_STATES = 2,
    N_EXTRA = MAX_STATES + 3 + HISTORY_MAX_TENSORS,
    N_POSITION = 5,
    N_BEST = 2,
    KEPT = 2
};

/* ---- tensors on the host ---- */

static enum status download_as_double(struct queue *queue, struct tensor tensor,
                                      struct arena *arena, double **out)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(&tensor);
    void *raw = NULL;
    double *values = NULL;

    TRY_ALLOC(values, ARENA_ARRAY(arena, n, double));
    TRY_ALLOC(raw, arena_alloc(arena, n, dtype_bytes(tensor.dtype)));
    TRY(queue_download(queue, raw, tensor.data, tensor_bytes(&tensor)));
    for (int64_t i = 0; i < n; i++)
        values[i] = number_at(raw, tensor.dtype, i);
    *out = values;
done:
    return status;
}

static struct weight_tensor vector_of(const char *name, double *values, int64_t n)
{
    struct weight_tensor tensor = {.name = name, .dtype = DTYPE_F64, .n_dims = 1};

    tensor.shape[0] = n;
    tensor.values = values;
    return tensor;
}

/* ---- saving ---- */

static enum status add_best(const struct best_reference *best, struct arena *arena,
                            struct weight_tensor *tensors, int64_t *n)
{
    enum status status = STATUS_OK;
    double *values = NULL;

    if (best->epoch == 0)
        return STATUS_OK;
    TRY_ALLOC(values, ARENA_ARRAY(arena, N_BEST, double));
    values[0] = (double)best->epoch;
    values[1] = (double)best->checksum;
    tensors[(*n)++] = vector_of("checkpoint.best", values, N_BEST);
done:
    return status;
}

static enum status add_extras(const struct lane *lane, const struct best_reference *best,
                              struct arena *arena, struct weight_tensor *tensors, int64_t *n)
{
    enum status status = STATUS_OK;
    const struct training_position *position = &lane->position;
    double *values = NULL;

    TRY_ALLOC(values, ARENA_ARRAY(arena, N_POSITION, double));
    values[0] = (double)position->epoch;
    values[1] = (double)position->step_in_epoch;
    values[2] = (double)position->step;
    values[3] = position->loss_sum;
    values[4] = position->seconds;
    tensors[(*n)++] = vector_of("checkpoint.position", values, N_POSITION);
    TRY(history_save(&lane->history, arena, tensors, n));
    for (int i = 0; i < MAX_STATES; i++) {
        struct tensor state = optimizer_state(stepper_optimizer(lane->stepper), i);
        if (state.data == NULL)
            break;
        TRY(download_as_double(lane->network->queue, state, arena, &values));
        const char *name = NULL;
        TRY_ALLOC(name, arena_format(arena, "checkpoint.state.%d", i));
        tensors[(*n)++] = vector_of(name, values, tensor_elements(&state));
    }
    TRY(add_best(best, arena, tensors, n));
    TRY_ALLOC(values, ARENA_ARRAY(arena, 1, double));
    values[0] = (double)tensors_checksum(tensors, *n);
    tensors[(*n)++] = vector_of("checkpoint.crc32", values, 1);
done:
    return status;
}

static void remove_from(const char *folder)
{
    char path[CKPT_PATH_BYTES];

    ckpt_files_keep(folder, "step", 0);
    best_weights_remove_all(folder);
    snprintf(path, sizeof path, "%s/" RUN_CHECKPOINTS_NAME, folder);
    folder_remove_temporaries(path);
    rmdir(path);
    folder_remove_temporaries(folder);
}

void checkpoint_remove_earlier(const struct train_job *job)
{
    for (int64_t i = 0; i < job->n_earlier; i++)
        remove_from(job->earlier[i]);
}

/* An attempt may have died between its weights and its run.h5. */
static void remove_final_weights(const char *folder)
{
    static const char *const names[] = {RUN_WEIGHTS_NAME, RUN_WEIGHTS_NAME ".json",
                                        RUN_ADAPTERS_NAME};
    char path[CKPT_PATH_BYTES];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

void checkpoint_remove_all(const struct train_job *job)
{
    remove_from(job->folder);
    checkpoint_remove_earlier(job);
    for (int64_t i = 0; i < job->n_earlier; i++)
        remove_final_weights(job->earlier[i]);
}

/* best: NULL for the parameters alone. */
static enum status write_file(const struct lane *lane, const struct best_reference *best,
                              const char *path)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const struct parameters *parameters = lane->network->parameters;
    struct weight_tensor *tensors = NULL;
    int64_t n = 0;

    TRY(arena_create(&arena));
    TRY_ALLOC(tensors,
              ARENA_ARRAY(arena, parameters_count(parameters) + N_EXTRA, struct weight_tensor));
    for (; n < parameters_count(parameters); n++)
        TRY(parameter_tensor(parameters, n, arena, &tensors[n]));
    if (best != NULL)
        TRY(add_extras(lane, best, arena, tensors, &n));
    TRY(weights_save_h5(path, tensors, n));
done:
    arena_destroy(arena);
    return status;
}

/* The attempt's own folder is not made again: were it gone, so were all the results. */
static enum status make_folder(const char *folder)
{
    char path[CKPT_PATH_BYTES];

    snprintf(path, sizeof path, "%s/" RUN_CHECKPOINTS_NAME, folder);
    return folder_add(path);
}

enum status checkpoint_save(const struct lane *lane, const char *folder)
{
    enum status status = STATUS_OK;
    struct best_reference best = {0};
    char path[CKPT_PATH_BYTES];

    TRY(make_folder(folder));
    TRY(best_weights_save(lane->best, folder, &best));
    ckpt_file_path(folder, "step", lane->position.step, path);
    TRY(write_file(lane, &best, path));
    ckpt_files_keep(folder, "step", KEPT);
done:
    return status;
}

enum status checkpoint_keep_epoch(const struct lane *lane, const char *folder)
{
    enum status status = STATUS_OK;
    char path[CKPT_PATH_BYTES];

    snprintf(path, sizeof path, "%s/" RUN_CHECKPOINTS_NAME "/epoch-%04lld.h5", folder,
             (long long)lane->position.epoch);
    TRY(make_folder(folder));
    TRY(write_file(lane, NULL, path));
done:
    return status;
}

/* ---- loading ---- */

static enum status wanted_tensor(const struct weights *weights, const char *name,
                                 const struct weight_tensor **out)
{
    *out = weights_find(weights, name);
    if (*out == NULL)
        return fail(STATUS_BAD_DATA, "checkpoint has no '%s'", name);
    return STATUS_OK;
}

static enum status restore_parameters(struct lane *lane, const struct weights *weights,
                                      struct arena *arena)
{
    enum status status = STATUS_OK;
    struct parameters *parameters = lane->network->parameters;

    for (int64_t i = 0; i < parameters_count(parameters); i++) {
        struct tensor tensor = parameters_tensor(parameters, i);
        const struct weight_tensor *stored = NULL;
        double *values = NULL;
        TRY(wanted_tensor(weights, parameters_row(parameters, i)->name, &stored));
        if (weight_elements(stored) != tensor_elements(&tensor))
            TRY(fail(STATUS_BAD_DATA, "checkpoint's '%s' has another size", stored->name));
        TRY_ALLOC(values, ARENA_ARRAY(arena, tensor_elements(&tensor), double));
        for (int64_t e = 0; e < tensor_elements(&tensor); e++)
            values[e] = weight_value(stored, e);
        TRY(parameters_set(parameters, i, values));
    }
done:
    return status;
}

static enum status upload_state(struct queue *queue, struct tensor state,
                                const struct weight_tensor *stored, struct arena *arena)
{
    enum status status = STATUS_OK;
    int64_t n = tensor_elements(&state);
    void *raw = NULL;

    if (weight_elements(stored) != n)
        TRY(fail(STATUS_BAD_DATA, "checkpoint's '%s' has another size", stored->name));
    TRY_ALLOC(raw, arena_alloc(arena, n, dtype_bytes(state.dtype)));
    for (int64_t i = 0; i < n; i++)
        number_put(raw, state.dtype, i, weight_value(stored, i));
    TRY(queue_upload(queue, state.data, raw, tensor_bytes(&state)));
done:
    return status;
}

static enum status restore_history(struct lane *lane, const struct weights *weights)
{
    enum status status = STATUS_OK;
    const struct weight_tensor *position = NULL;
    struct history *history = &lane->history;

    TRY(wanted_tensor(weights, "checkpoint.position", &position));
    TRY(history_restore(history, weights, (int64_t)weight_value(position, 0)));
    lane->selection = (struct selection){0};
    for (int64_t i = 0; i < history->n; i++)
        selection_see(&lane->selection, i + 1,
                      history->rows[i * N_HISTORY + HISTORY_VALIDATION_ACCURACY]);
done:
    return status;
}

/* The best weights that the checkpoint refers to, where the run will be asked for them. */
static enum status restore_best(struct lane *lane, const struct weights *weights,
                                const char *folder)
{
    enum status status = STATUS_OK;
    const struct weight_tensor *stored = NULL;

    if (lane->recipe->select != SELECT_BEST || lane->selection.best_epoch == 0)
        return STATUS_OK;
    TRY(wanted_tensor(weights, "checkpoint.best", &stored));
    if (weight_elements(stored) != N_BEST ||
        weight_value(stored, 0) != (double)lane->selection.best_epoch)
        TRY(fail(STATUS_BAD_DATA, "checkpoint's best weights are not of the best epoch"));
    const struct best_reference reference = {lane->selection.best_epoch,
                                             (uint32_t)weight_value(stored, 1)};
    TRY(best_weights_load(lane->best, folder, &reference, lane->network->parameters));
done:
    return status;
}

static enum status restore(struct lane *lane, const struct weights *weights, struct arena *arena)
{
    enum status status = STATUS_OK;
    const struct weight_tensor *stored = NULL;
    char name[32];

    TRY(wanted_tensor(weights, "checkpoint.position", &stored));
    if (weight_elements(stored) != N_POSITION)
        TRY(fail(STATUS_BAD_DATA, "checkpoint's position has another size"));
    struct training_position position = {
        .epoch = (int64_t)weight_value(stored, 0),
        .step_in_epoch = (int64_t)weight_value(stored, 1),
        .step = (int64_t)weight_value(stored, 2),
        .loss_sum = weight_value(stored, 3),
        .seconds = weight_value(stored, 4),
    };
    TRY(restore_parameters(lane, weights, arena));
    for (int i = 0; optimizer_state(stepper_optimizer(lane->stepper), i).data != NULL; i++) {
        snprintf(name, sizeof name, "checkpoint.state.%d", i);
        TRY(wanted_tensor(weights, name, &stored));
        TRY(upload_state(lane->network->queue, optimizer_state(stepper_optimizer(lane->stepper), i),
                         stored, arena));
    }
    lane->position = position;
done:
    return status;
}

/* The checksum covers the tensors in the order they were saved: parameters, position, history,
 * states, best. */
static enum status verify(const struct lane *lane, const struct weights *weights,
                          struct arena *arena)
{
    enum status status = STATUS_OK;
    const struct parameters *parameters = lane->network->parameters;
    static const char *const extras[] = {"checkpoint.state.0", "checkpoint.state.1",
                                         "checkpoint.best"};
    struct weight_tensor *ordered = NULL;
    const struct weight_tensor *stored = NULL;
    int64_t n = 0, n_parameters = parameters_count(parameters);

    TRY_ALLOC(ordered, ARENA_ARRAY(arena, n_parameters + weights->n, struct weight_tensor));
    for (int64_t i = 0; i < n_parameters; i++) {
        TRY(wanted_tensor(weights, parameters_row(parameters, i)->name, &stored));
        ordered[n++] = *stored;
    }
    TRY(wanted_tensor(weights, "checkpoint.position", &stored));
    ordered[n++] = *stored;
    history_find(weights, ordered, &n);
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        stored = weights_find(weights, extras[i]);
        if (stored != NULL)
            ordered[n++] = *stored;
    }
    TRY(wanted_tensor(weights, "checkpoint.crc32", &stored));
    if ((double)tensors_checksum(ordered, n) != weight_value(stored, 0))
        TRY(fail(STATUS_BAD_DATA, "checkpoint's checksum does not match its content"));
done:
    return status;
}

static enum status load_one(struct lane *lane, const char *folder, const char *path)
{
    enum status status = STATUS_OK;
    struct weights *weights = NULL;
    struct arena *arena = NULL;

    TRY(arena_create(&arena));
    TRY(weights_load(path, &weights));
    TRY(verify(lane, weights, arena));
    TRY(restore_history(lane, weights));
    TRY(restore_best(lane, weights, folder));
    TRY(restore(lane, weights, arena));
done:
    weights_destroy(weights);
    arena_destroy(arena);
    return status;
}

/* A damaged checkpoint is no reason to fail: another one leads to the same result, later. */
static enum status try_one(struct lane *lane, const struct ckpt_place *place, bool *is_loaded)
{
    char path[CKPT_PATH_BYTES];

    ckpt_file_path(place->folder, "step", place->number, path);
    enum status status = load_one(lane, place->folder, path);
    *is_loaded = status == STATUS_OK;
    if (status == STATUS_OK) {
        log_info("continues '%s'", path);
        return STATUS_OK;
    }
    if (status == STATUS_OUT_OF_MEMORY || status == STATUS_DEVICE)
        return status;
    lane->history.n = 0;
    lane->selection = (struct selection){0};
    log_warning("'%s' is not usable, trying the one before: %s", path, status_message());
    return STATUS_OK;
}

enum status checkpoint_load(struct lane *lane)
{
    enum status status = STATUS_OK;
    const struct train_job *job = lane->job;
    struct ckpt_place *places = NULL;
    int64_t n = 0, most = CKPT_MOST_FILES * (job->n_earlier + 1);
    bool is_loaded = false;

    TRY_ALLOC(places, heap_alloc(most, sizeof *places));
    ckpt_places_add(job->folder, places, &n);
    for (int64_t i = 0; i < job->n_earlier; i++)
        ckpt_places_add(job->earlier[i], places, &n);
    ckpt_places_sort(places, n);
    for (int64_t i = 0; i < n && !is_loaded; i++)
        TRY(try_one(lane, &places[i], &is_loaded));
done:
    free(places);
    return status;
}
