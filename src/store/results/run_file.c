/* One attempt's run.h5:
 *   /                 format, id, name, state, message, attempt, host, device, eval_batch_size,
 *                     numerics, threads, started, settings
 *   /result           one attribute per value; `units` and `long_name` are JSON objects by name
 *   /history          one float64 data set per series
 *   /samples/train, /samples/test   loss, margin (float32), label (int32), part (uint8)
 *   /classes/train, /classes/test   confusion [classes, classes] (int64), accuracy [classes]
 *   /forget           image, probability [n, classes] (float32), profile [classes]: not in files of
 *                     runs that forget nothing
 * The last two are neither in files of runs that were not evaluated nor in those older than the
 * group. */
#include "store/results/run_file.h"

#include "store/hdf5_file.h"
#include "store/results/column_notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "prunelora-run";
enum { FORMAT_VERSION = 1 };

/* ---- writing ---- */

static enum status put_heading(hid_t file, const struct run_file *run)
{
    enum status status = STATUS_OK;

    TRY(hdf5_put_text(file, "id", run->id));
    TRY(hdf5_put_text(file, "name", run->name));
    TRY(hdf5_put_text(file, "state", run->state));
    TRY(hdf5_put_text(file, "message", run->message));
    TRY(hdf5_put_integer(file, "attempt", run->attempt));
    TRY(hdf5_put_text(file, "host", run->host));
    if (run->device != NULL)
        TRY(hdf5_put_text(file, "device", run->device));
    if (run->eval_batch_size > 0)
        TRY(hdf5_put_integer(file, "eval_batch_size", run->eval_batch_size));
    TRY(hdf5_put_integer(file, "numerics", run->numerics));
    TRY(hdf5_put_integer(file, "threads", run->n_threads));
    TRY(hdf5_put_text(file, "started", run->started));
    TRY(hdf5_put_text(file, "settings", run->settings_json));
done:
    return status;
}

static enum status put_result(hid_t file, const struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct column_notes notes = {0};

    TRY(column_notes_create(&notes));
    TRY(hdf5_create_group(file, "result", &group));
    for (int64_t i = 0; i < run->n_values; i++) {
        const struct run_value *value = &run->values[i];
        TRY(hdf5_put_number(group, value->name, value->value));
        TRY(column_notes_add(&notes, value->name, value->units, value->long_name));
    }
    TRY(column_notes_write(&notes, group));
done:
    column_notes_release(&notes);
    hdf5_close(group);
    return status;
}

static enum status put_history(hid_t file, const struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;

    TRY(hdf5_create_group(file, "history", &group));
    for (int64_t i = 0; i < run->n_history; i++) {
        const struct run_series *series = &run->history[i];
        const struct hdf5_array array = {series->name,
                                         series->units,
                                         series->name,
                                         H5T_NATIVE_DOUBLE,
                                         H5T_IEEE_F64LE,
                                         series->values,
                                         series->n,
                                         0,
                                         true};
        TRY(hdf5_put_array(group, &array));
    }
done:
    hdf5_close(group);
    return status;
}

static enum status put_samples(hid_t parent, const struct run_samples *samples)
{
    const struct hdf5_array arrays[] = {
        {"loss", "nats", "cross-entropy of each image", H5T_NATIVE_DOUBLE, H5T_IEEE_F32LE,
         samples->loss, samples->n, 0, false},
        {"margin", "1", "logit of the label less the largest other", H5T_NATIVE_DOUBLE,
         H5T_IEEE_F32LE, samples->margin, samples->n, 0, false},
        {"label", "1", "class of each image", H5T_NATIVE_INT32, H5T_STD_I32LE, samples->labels,
         samples->n, 0, false},
        {"part", "1", "0 retain, 1 forget, 2 validation", H5T_NATIVE_UINT8, H5T_STD_U8LE,
         samples->part, samples->n, 0, false},
    };

    return hdf5_put_arrays(parent, samples->name, arrays, sizeof arrays / sizeof arrays[0]);
}

static enum status put_forget(hid_t file, const struct run_forget *forget)
{
    const struct hdf5_array arrays[] = {
        {"image", "1", "row of the training table of each forgotten image", H5T_NATIVE_INT32,
         H5T_STD_I32LE, forget->images, forget->n, 0, false},
        {"probability", "1", "softmax of each forgotten image", H5T_NATIVE_FLOAT, H5T_IEEE_F32LE,
         forget->probability, forget->n, forget->n_classes, false},
        {"profile", "1", "share of the forgotten images each class is chosen for",
         H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE, forget->profile, forget->n_classes, 0, false},
    };

    if (forget->n == 0)
        return STATUS_OK;
    return hdf5_put_arrays(file, "forget", arrays, sizeof arrays / sizeof arrays[0]);
}

static enum status put_classes(hid_t parent, const struct run_classes *classes)
{
    const int64_t n = classes->n_classes;
    const struct hdf5_array arrays[] = {
        {"confusion", "images",
         "images by their class (row) and the class chosen for them (column)", H5T_NATIVE_INT64,
         H5T_STD_I64LE, classes->counts, n, n, false},
        {"accuracy", "1", "share of each class's images for which it is chosen", H5T_NATIVE_DOUBLE,
         H5T_IEEE_F64LE, classes->accuracy, n, 0, false},
    };

    return hdf5_put_arrays(parent, classes->name, arrays, sizeof arrays / sizeof arrays[0]);
}

static enum status put_all_classes(hid_t file, const struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;

    if (run->n_classes == 0)
        return STATUS_OK;
    TRY(hdf5_create_group(file, "classes", &group));
    for (int64_t i = 0; i < run->n_classes; i++)
        TRY(put_classes(group, &run->classes[i]));
done:
    hdf5_close(group);
    return status;
}

static enum status compose(hid_t file, const struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t samples = H5I_INVALID_HID;

    TRY(put_heading(file, run));
    TRY(put_result(file, run));
    TRY(put_history(file, run));
    TRY(hdf5_create_group(file, "samples", &samples));
    for (int64_t i = 0; i < run->n_samples; i++)
        TRY(put_samples(samples, &run->samples[i]));
    TRY(put_all_classes(file, run));
    TRY(put_forget(file, &run->forget));
done:
    hdf5_close(samples);
    return status;
}

enum status run_file_write(const char *path, const struct run_file *run)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_compose(format_name, FORMAT_VERSION, &file);

    return status == STATUS_OK ? hdf5_finish(file, compose(file, run), path) : status;
}

/* ---- reading ---- */

/* Files older than the attribute have none: 0. */
static enum status get_optional(hid_t file, const char *name, int64_t *out)
{
    *out = 0;
    return H5Aexists(file, name) > 0 ? hdf5_get_integer(file, name, out) : STATUS_OK;
}

static enum status get_heading(hid_t file, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;

    TRY(hdf5_get_text(file, "id", arena, &run->id));
    TRY(hdf5_get_text(file, "name", arena, &run->name));
    TRY(hdf5_get_text(file, "state", arena, &run->state));
    TRY(hdf5_get_text(file, "message", arena, &run->message));
    TRY(hdf5_get_integer(file, "attempt", &run->attempt));
    TRY(get_optional(file, "eval_batch_size", &run->eval_batch_size));
    TRY(get_optional(file, "numerics", &run->numerics));
    TRY(get_optional(file, "threads", &run->n_threads));
    if (H5Aexists(file, "device") > 0)
        TRY(hdf5_get_text(file, "device", arena, &run->device));
    TRY(hdf5_get_text(file, "host", arena, &run->host));
    TRY(hdf5_get_text(file, "started", arena, &run->started));
    TRY(hdf5_get_text(file, "settings", arena, &run->settings_json));
done:
    return status;
}

struct names { /* what an iteration over attributes or links collects */
    struct arena *arena;
    const char **items; /* owned, heap */
    int64_t n, capacity;
    enum status status;
};

static herr_t note_name(struct names *names, const char *name)
{
    names->status = heap_grow(&names->items, &names->capacity, names->n + 1, sizeof *names->items);
    if (names->status == STATUS_OK &&
        (names->items[names->n++] = arena_strdup(names->arena, name)) == NULL)
        names->status = STATUS_OUT_OF_MEMORY;
    return names->status == STATUS_OK ? 0 : 1;
}

static herr_t note_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    (void)object;
    (void)info;
    if (strcmp(name, "units") == 0 || strcmp(name, "long_name") == 0)
        return 0;
    return note_name(context, name);
}

static herr_t note_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    (void)group;
    (void)info;
    return note_name(context, name);
}

static enum status get_result(hid_t file, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct names names = {.arena = arena};
    struct column_notes notes = {0};

    TRY(hdf5_check(group = H5Gopen2(file, "result", H5P_DEFAULT)));
    TRY(hdf5_check(
        H5Aiterate2(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, note_attribute, &names)));
    TRY(names.status);
    TRY(column_notes_read(&notes, group));
    TRY_ALLOC(run->values, ARENA_ARRAY(arena, names.n, struct run_value));
    run->n_values = names.n;
    for (int64_t i = 0; i < names.n; i++) {
        struct run_value *value = &run->values[i];
        value->name = names.items[i];
        TRY(hdf5_get_number(group, value->name, &value->value));
        TRY(column_notes_find(&notes, value->name, arena, &value->units, &value->long_name));
    }
done:
    column_notes_release(&notes);
    free(names.items);
    hdf5_close(group);
    return status;
}

static enum status get_units(hid_t group, const char *name, struct arena *arena, const char **out)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5I_INVALID_HID;

    TRY(hdf5_check(dataset = H5Dopen2(group, name, H5P_DEFAULT)));
    TRY(hdf5_get_text(dataset, "units", arena, out));
done:
    hdf5_close(dataset);
    return status;
}

static enum status get_history(hid_t file, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct names names = {.arena = arena};

    TRY(hdf5_check(group = H5Gopen2(file, "history", H5P_DEFAULT)));
    TRY(hdf5_check(H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, note_link, &names)));
    TRY(names.status);
    TRY_ALLOC(run->history, ARENA_ARRAY(arena, names.n, struct run_series));
    run->n_history = names.n;
    for (int64_t i = 0; i < names.n; i++) {
        struct run_series *series = &run->history[i];
        struct hdf5_values values = {0};
        series->name = names.items[i];
        TRY(get_units(group, series->name, arena, &series->units));
        TRY(hdf5_get_array(group, series->name, H5T_NATIVE_DOUBLE, arena, &values));
        series->values = values.values;
        series->n = values.n;
    }
done:
    free(names.items);
    hdf5_close(group);
    return status;
}

static enum status get_samples(hid_t parent, const char *name, struct arena *arena,
                               struct run_samples *samples)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct hdf5_values loss = {0}, margin = {0}, labels = {0}, part = {0};

    TRY(hdf5_check(group = H5Gopen2(parent, name, H5P_DEFAULT)));
    TRY(hdf5_get_array(group, "loss", H5T_NATIVE_DOUBLE, arena, &loss));
    TRY(hdf5_get_array(group, "margin", H5T_NATIVE_DOUBLE, arena, &margin));
    TRY(hdf5_get_array(group, "label", H5T_NATIVE_INT32, arena, &labels));
    TRY(hdf5_get_array(group, "part", H5T_NATIVE_UINT8, arena, &part));
    if (margin.n != loss.n || labels.n != loss.n || part.n != loss.n)
        TRY(fail(STATUS_BAD_DATA, "samples '%s' have columns of different lengths", name));
    *samples = (struct run_samples){.name = name,
                                    .n = loss.n,
                                    .loss = loss.values,
                                    .margin = margin.values,
                                    .labels = labels.values,
                                    .part = part.values};
done:
    hdf5_close(group);
    return status;
}

static enum status get_all_samples(hid_t file, struct arena *arena, struct run_file *run)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct names names = {.arena = arena};
    const int64_t most = sizeof run->samples / sizeof run->samples[0];

    TRY(hdf5_check(group = H5Gopen2(file, "samples", H5P_DEFAULT)));
    TRY(hdf5_check(H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, note_link, &names)));
    TRY(names.status);
    if (names.n > most)
        TRY(fail(STATUS_BAD_DATA, "has %lld groups of samples, expected at most %lld",
                 (long long)names.n, (long long)most));
    for (int64_t i = 0; i < names.n; i++)
        TRY(get_samples(group, names.items[i], arena, &run->samples[i]));
    run->n_samples = names.n;
done:
    free(names.items);
    hdf5_close(group);
    return status;
}

static enum status get_run(hid_t file, bool with_samples, struct arena *arena, struct run_file *out)
{
    enum status status = STATUS_OK;
    struct run_file run = {0};

    TRY(get_heading(file, arena, &run));
    TRY(get_result(file, arena, &run));
    TRY(get_history(file, arena, &run));
    if (with_samples)
        TRY(get_all_samples(file, arena, &run));
    *out = run;
done:
    return status;
}

enum status run_file_read(const char *path, bool with_samples, struct arena *arena,
                          struct run_file *out)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_open(path, format_name, FORMAT_VERSION, &file);

    if (status != STATUS_OK)
        return status;
    return hdf5_finish_reading(file, get_run(file, with_samples, arena, out), path);
}

static enum status get_forget(hid_t file, struct arena *arena, struct run_forget *out)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct hdf5_values images = {0}, probability = {0}, profile = {0};

    if (H5Lexists(file, "forget", H5P_DEFAULT) <= 0)
        return fail(STATUS_BAD_DATA, "has no group 'forget': its run forgot nothing, or an older "
                                     "version wrote it");
    TRY(hdf5_check(group = H5Gopen2(file, "forget", H5P_DEFAULT)));
    TRY(hdf5_get_array(group, "image", H5T_NATIVE_INT32, arena, &images));
    TRY(hdf5_get_table(group, "probability", H5T_NATIVE_FLOAT, arena, &probability));
    TRY(hdf5_get_array(group, "profile", H5T_NATIVE_DOUBLE, arena, &profile));
    if (probability.n != images.n || probability.n_columns != profile.n)
        TRY(fail(STATUS_BAD_DATA,
                 "has %lld forgotten images and a profile of %lld classes, but probabilities of "
                 "%lld × %lld",
                 (long long)images.n, (long long)profile.n, (long long)probability.n,
                 (long long)probability.n_columns));
    *out = (struct run_forget){.n = images.n,
                               .n_classes = profile.n,
                               .images = images.values,
                               .probability = probability.values,
                               .profile = profile.values};
done:
    hdf5_close(group);
    return status;
}

enum status run_file_read_forget(const char *path, struct arena *arena, struct run_forget *out)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_open(path, format_name, FORMAT_VERSION, &file);

    if (status != STATUS_OK)
        return status;
    return hdf5_finish_reading(file, get_forget(file, arena, out), path);
}

enum status run_file_read_device(const char *path, struct arena *arena, const char **out)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_open(path, format_name, FORMAT_VERSION, &file);

    if (status != STATUS_OK)
        return status;
    return hdf5_finish_reading(file, hdf5_get_text(file, "device", arena, out), path);
}

double run_file_value(const struct run_file *run, const char *name)
{
    for (int64_t i = 0; i < run->n_values; i++)
        if (strcmp(run->values[i].name, name) == 0)
            return run->values[i].value;
    return NAN;
}
