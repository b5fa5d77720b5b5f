/* Writes a generated data set in CIFAR-10's files, with the note that says what it is. The note is
 * also how a folder is known to be ours to overwrite. */
#include "data/synth_image.h"

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_BYTES = 1 + CIFAR_IMAGE_BYTES, N_BATCHES = 5 };

static const char note_title[] = "Generated images in CIFAR-10's binary format";
static const char note_name[] = "README.txt";

static enum status check_settings(const struct synth_settings *settings)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"training", settings->n_train}, {"test", settings->n_test}};

    for (int i = 0; i < 2; i++) {
        if (counts[i].value < SYNTH_MIN_IMAGES || counts[i].value > SYNTH_MAX_IMAGES)
            return fail(STATUS_BAD_CONFIG,
                        "the number of %s images must be in [%d, %d], got %" PRId64, counts[i].name,
                        SYNTH_MIN_IMAGES, SYNTH_MAX_IMAGES, counts[i].value);
    }
    return STATUS_OK;
}

/* Somebody's real CIFAR-10 must survive a wrong --out, and runs that read a generated set must not
 * become others behind their owner's back. */
static enum status check_folder(struct arena *arena, const char *folder, bool replaces)
{
    enum status status = STATUS_OK;
    char *batch = NULL, *note = NULL, *content = NULL, *last = NULL;
    int64_t n_bytes = 0;

    TRY_ALLOC(batch, path_join(arena, folder, "data_batch_1.bin"));
    TRY_ALLOC(note, path_join(arena, folder, note_name));
    TRY_ALLOC(last, path_join(arena, folder, dataset_file(DATASET_CIFAR10, N_BATCHES)));
    if (!file_exists(batch))
        return STATUS_OK;
    if (file_exists(note))
        TRY(file_read(note, &content, &n_bytes));
    if (content == NULL || !text_starts_with(content, note_title))
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' holds a data set that was not generated here: choose another folder",
                 folder));
    if (file_exists(last) && !replaces)
        TRY(fail(STATUS_BAD_CONFIG,
                 "'%s' holds a generated data set: choose another folder, or replace it with "
                 "--force",
                 folder));
done:
    free(content);
    return status;
}

static enum status write_text(struct arena *arena, const char *folder, const char *name,
                              const struct text *content)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    TRY_ALLOC(path, path_join(arena, folder, name));
    status = file_write(path, text_value(content), (size_t)content->length);
done:
    return status;
}

static enum status write_note(struct arena *arena, const struct synth_settings *settings,
                              const char *folder)
{
    enum status status = STATUS_OK;
    struct text note = {0};

    text_append(&note,
                "%s.\n\nMade by: prunelora data synth --train %" PRId64 " --test %" PRId64
                " --seed %" PRIu64 "\nThe same command gives the same bytes on every machine.\n\n"
                "An image's class is the shape and the stripes (upright or level) of its large\n"
                "object; place, size, colours, noise and the small objects mean nothing.\n\n"
                "Licence: none needed. The images are made of random numbers and depict nothing;\n"
                "whoever made them may use them for anything (CC0 1.0).\n",
                note_title, settings->n_train, settings->n_test, settings->seed);
    TRY(text_finish(&note));
    TRY(write_text(arena, folder, note_name, &note));
done:
    text_release(&note);
    return status;
}

static enum status write_class_names(struct arena *arena, const char *folder)
{
    enum status status = STATUS_OK;
    struct text names = {0};

    for (int i = 0; i < SYNTH_N_CLASSES; i++)
        text_append(&names, "%s\n", synth_class_names[i]);
    TRY(text_finish(&names));
    TRY(write_text(arena, folder, cifar_format(DATASET_CIFAR10)->names_file, &names));
done:
    text_release(&names);
    return status;
}

/* As many of each class as of any other, in random order. */
static enum status draw_labels(struct arena *arena, uint64_t seed, int table, int64_t n,
                               int32_t **out)
{
    enum status status = STATUS_OK;
    struct random_key key = {.seed = seed,
                             .purpose = RANDOM_SYNTHESIS,
                             .layer = (uint32_t)table,
                             .epoch = 2}; /* 0 and 1 are scenes and noise */
    int32_t *labels = NULL;

    TRY_ALLOC(labels, ARENA_ARRAY(arena, n, int32_t));
    for (int64_t i = 0; i < n; i++)
        labels[i] = (int32_t)(i % SYNTH_N_CLASSES);
    random_shuffle(&key, labels, n);
    *out = labels;
done:
    return status;
}

struct batch {
    const char *path;
    struct synth_place first; /* of its first image */
    const int32_t *labels;    /* from its first image on */
    int64_t n;
};

static enum status write_batch(const struct batch *batch)
{
    enum status status = STATUS_OK;
    uint8_t *records = NULL;
    struct synth_place place = batch->first;

    TRY_ALLOC(records, heap_alloc(batch->n, RECORD_BYTES));
    for (int64_t i = 0; i < batch->n; i++, place.image++) {
        uint8_t *record = records + i * RECORD_BYTES;
        record[0] = (uint8_t)batch->labels[i];
        synth_image_draw(&place, batch->labels[i], record + 1);
    }
    status = file_write(batch->path, records, (size_t)(batch->n * RECORD_BYTES));
done:
    free(records);
    return status;
}

/* A table in its files: the training images in five of nearly equal length, the test images in one.
 */
static enum status write_table(struct arena *arena, const struct synth_settings *settings,
                               const char *folder, int table)
{
    enum status status = STATUS_OK;
    int64_t n = table == 0 ? settings->n_train : settings->n_test;
    int n_files = table == 0 ? N_BATCHES : 1, first_file = table == 0 ? 0 : N_BATCHES;
    int32_t *labels = NULL;

    TRY(draw_labels(arena, settings->seed, table, n, &labels));
    for (int i = 0; i < n_files; i++) {
        int64_t first = n * i / n_files, end = n * (i + 1) / n_files;
        struct batch batch = {.first = {settings->seed, table, (uint32_t)first},
                              .labels = labels + first,
                              .n = end - first};
        TRY_ALLOC(batch.path,
                  path_join(arena, folder, dataset_file(DATASET_CIFAR10, first_file + i)));
        TRY(write_batch(&batch));
    }
done:
    return status;
}

/* An interrupted rewrite must not pass for a whole set: without its test batch it does not load. */
static enum status remove_test_batch(struct arena *arena, const char *folder)
{
    enum status status = STATUS_OK;
    char *path = NULL;

    TRY_ALLOC(path, path_join(arena, folder, dataset_file(DATASET_CIFAR10, N_BATCHES)));
    unlink(path);
done:
    return status;
}

enum status synth_write(const struct synth_settings *settings, const char *folder)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;

    TRY(check_settings(settings));
    TRY(arena_create(&arena));
    TRY(check_folder(arena, folder, settings->replaces));
    TRY(folder_create(folder));
    TRY(remove_test_batch(arena, folder));
    TRY(write_note(arena, settings, folder));
    TRY(write_class_names(arena, folder));
    TRY(write_table(arena, settings, folder, 0));
    TRY(write_table(arena, settings, folder, 1));
done:
    arena_destroy(arena);
    return status;
}
