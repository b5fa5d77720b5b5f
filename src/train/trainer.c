/* The trainer's device and its caches: data and base weights are read once for many runs. */
#include "train/trainer.h"

#include "base/file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum status trainer_create(const struct backend *backend, const struct device_settings *settings,
                           struct trainer **out)
{
    enum status status = STATUS_OK;
    struct trainer *trainer = NULL;

    TRY_ALLOC(trainer, heap_alloc(1, sizeof *trainer));
    TRY(device_open(backend, settings, &trainer->device));
    *out = trainer;
    trainer = NULL;
done:
    trainer_destroy(trainer);
    return status;
}

enum precision settings_precision(const struct settings *settings)
{
    int precision = 0;

    while (strcmp(settings->precision, precision_name((enum precision)precision)) != 0) {
        precision++; /* the settings table allows no other */
        assert(precision < N_PRECISIONS);
    }
    return (enum precision)precision;
}

static void data_destroy(struct device *device, struct resident_data *data)
{
    if (data == NULL)
        return;
    device_free(device, data->images);
    device_free(device, data->labels);
    dataset_destroy(data->dataset);
    free(data->path);
    free(data);
}

/* All, or those that nobody uses. */
static void data_release(struct trainer *trainer, bool are_all)
{
    for (struct resident_data **link = &trainer->data; *link != NULL;) {
        struct resident_data *data = *link;
        if (are_all || data->n_users == 0) {
            *link = data->next;
            data_destroy(trainer->device, data);
        } else {
            link = &data->next;
        }
    }
}

static void base_release(struct trainer *trainer)
{
    weights_destroy(trainer->base.weights);
    free(trainer->base.path);
    trainer->base = (struct base_weights){0};
}

void trainer_destroy(struct trainer *trainer)
{
    if (trainer == NULL)
        return;
    data_release(trainer, true);
    base_release(trainer);
    device_close(trainer->device);
    free(trainer);
}

static enum status copy_path(const char *path, char **out)
{
    *out = strdup(path);
    return *out != NULL ? STATUS_OK : fail(STATUS_OUT_OF_MEMORY, "out of memory for a path");
}

static enum status data_upload(struct device *device, struct resident_data *data)
{
    enum status status = STATUS_OK;
    const struct image_table *train = &data->dataset->train, *test = &data->dataset->test;
    size_t image = (size_t)data->dataset->channels * (size_t)data->dataset->height *
                   (size_t)data->dataset->width;
    size_t train_n = (size_t)train->n, test_n = (size_t)test->n;

    data->n = train->n + test->n;
    TRY(device_alloc(device, (train_n + test_n) * image, &data->images));
    TRY(device_alloc(device, (train_n + test_n) * sizeof(int32_t), &data->labels));
    TRY(queue_upload(device_queue(device), data->images, train->images, train_n * image));
    TRY(queue_upload(device_queue(device), (char *)data->images + train_n * image, test->images,
                     test_n * image));
    TRY(queue_upload(device_queue(device), data->labels, train->labels, train_n * sizeof(int32_t)));
    TRY(queue_upload(device_queue(device), (char *)data->labels + train_n * sizeof(int32_t),
                     test->labels, test_n * sizeof(int32_t)));
    TRY(queue_synchronize(device_queue(device))); /* any queue may read them from here on */
done:
    return status;
}

static enum status data_load(struct trainer *trainer, enum dataset_kind kind, const char *path,
                             struct resident_data **out)
{
    enum status status = STATUS_OK;
    struct resident_data *data = NULL;

    TRY_ALLOC(data, heap_alloc(1, sizeof *data));
    data->kind = kind;
    TRY(copy_path(path, &data->path));
    TRY(dataset_load(kind, path, &data->dataset));
    TRY(data_upload(trainer->device, data));
    *out = data;
    data = NULL;
done:
    data_destroy(trainer->device, data);
    return status;
}

enum status trainer_data(struct trainer *trainer, const struct settings *settings,
                         const struct resident_data **out)
{
    enum status status = STATUS_OK;
    struct resident_data *data = trainer->data;
    enum dataset_kind kind = DATASET_CIFAR10;

    TRY(dataset_kind_find(settings->data.dataset, &kind));
    while (data != NULL && (data->kind != kind || strcmp(data->path, settings->data.path) != 0))
        data = data->next;
    if (data == NULL) {
        data_release(trainer, false);
        TRY(data_load(trainer, kind, settings->data.path, &data));
        data->next = trainer->data;
        trainer->data = data;
    }
    data->n_users++;
    *out = data;
done:
    return status;
}

void trainer_data_leave(struct trainer *trainer, const struct resident_data *data)
{
    for (struct resident_data *row = trainer->data; row != NULL; row = row->next)
        if (row == data)
            row->n_users--;
}

static struct base_weights look_at(const char *path)
{
    struct base_weights found = {.modified = -1};
    struct stat info;

    if (stat(path, &info) == 0) {
        found.modified = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
        found.bytes = info.st_size;
    }
    return found;
}

static bool is_same_file(const struct base_weights *a, const struct base_weights *b)
{
    return a->modified == b->modified && a->bytes == b->bytes;
}

enum status trainer_weights(struct trainer *trainer, const char *path, const struct weights **out)
{
    enum status status = STATUS_OK;
    struct base_weights *base = &trainer->base;
    struct base_weights now = look_at(path);

    if (base->path == NULL || strcmp(base->path, path) != 0 || !is_same_file(base, &now)) {
        base_release(trainer);
        TRY(weights_load(path, &base->weights));
        TRY(hash_file(path, base->hash));
        base->modified = now.modified;
        base->bytes = now.bytes;
        now = look_at(path);
        if (!is_same_file(base, &now))
            TRY(fail(STATUS_CHANGED_INPUT, "weights '%s' changed while they were read", path));
        TRY(copy_path(path, &base->path));
    }
    *out = base->weights;
    return STATUS_OK;
done:
    base_release(trainer);
    return status;
}
