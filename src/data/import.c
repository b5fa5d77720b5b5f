/* Importing pictures: every thread takes the next one, decodes it and puts it at its own place, so
 * neither order nor content depends on who was faster. Broken ones are taken out afterwards. */
#include "data/import.h"

#include "base/file.h"
#include "data/image_files.h"
#include "data/image_folder.h"
#include "data/picture.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROGRESS_NANOSECONDS = 100 * 1000 * 1000, MAX_THREADS = 256 };

struct picture_outcome { /* what became of one picture */
    enum status status;
    char *message; /* heap; NULL when it is fine */
};

struct job {
    const struct image_folder *folder;
    const struct import_settings *settings;
    int64_t image_bytes;
    uint8_t *images;                  /* owned: [n, 3, size, size] */
    struct picture_outcome *outcomes; /* owned: [n] */
    atomic_llong next, done;
    atomic_bool is_over; /* a failure that ends the import was met */
};

static enum status read_one(const struct job *job, int64_t i)
{
    enum status status = STATUS_OK;
    const struct image_entry *entry = &job->folder->entries[i];
    struct picture picture = {0};
    char *bytes = NULL;
    int64_t n = 0;

    if (!entry->is_picture)
        return fail(STATUS_BAD_DATA, "is not a .jpg, .jpeg or .png file");
    TRY(file_read(entry->path, &bytes, &n));
    TRY(picture_decode(bytes, n, &picture));
    TRY(picture_square(&picture, job->settings->size, job->images + i * job->image_bytes));
done:
    picture_release(&picture);
    free(bytes);
    return status;
}

/* Pictures are handed out in order, so the first broken one in order of names is always met: those
 * before it were handed out earlier, and are finished. */
static void *work(void *context)
{
    struct job *job = context;

    while (!atomic_load(&job->is_over)) {
        int64_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->folder->n)
            break;
        job->outcomes[i].status = read_one(job, i);
        if (job->outcomes[i].status != STATUS_OK)
            job->outcomes[i].message = strdup(status_message());
        if (job->outcomes[i].status != STATUS_OK &&
            (job->outcomes[i].status != STATUS_BAD_DATA || !job->settings->skips_broken))
            atomic_store(&job->is_over, true);
        atomic_fetch_add(&job->done, 1);
    }
    return NULL;
}

static void watch(struct job *job)
{
    const struct timespec pause = {.tv_nsec = PROGRESS_NANOSECONDS};

    while (!atomic_load(&job->is_over) && atomic_load(&job->done) < job->folder->n) {
        nanosleep(&pause, NULL);
        job->settings->progress(job->settings->context, atomic_load(&job->done), job->folder->n);
    }
}

static enum status run_threads(struct job *job)
{
    enum status status = STATUS_OK;
    pthread_t threads[MAX_THREADS];
    int wanted = job->settings->n_threads, n = 0;

    wanted = wanted < 1 ? 1 : wanted > MAX_THREADS ? MAX_THREADS : wanted;
    while (n < wanted && pthread_create(&threads[n], NULL, work, job) == 0)
        n++;
    if (n == 0)
        return fail(STATUS_IO, "cannot start a thread");
    if (job->settings->progress != NULL)
        watch(job);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return status;
}

/* The first failure in order of names ends an import, unless it may be skipped. */
static enum status first_failure(const struct job *job)
{
    for (int64_t i = 0; i < job->folder->n; i++) {
        const struct picture_outcome *outcome = &job->outcomes[i];
        const char *what = outcome->message != NULL ? outcome->message : "out of memory";
        if (outcome->status == STATUS_IO) /* names the file itself */
            return fail(STATUS_IO, "%s", what);
        if (outcome->status == STATUS_BAD_DATA && !job->settings->skips_broken)
            return fail(STATUS_BAD_DATA, "'%s' %s (--skip-broken leaves such pictures out)",
                        job->folder->entries[i].path, what);
        if (outcome->status != STATUS_OK && outcome->status != STATUS_BAD_DATA)
            return fail(outcome->status, "'%s': %s", job->folder->entries[i].path, what);
    }
    return STATUS_OK;
}

static enum status note_broken(const struct job *job, struct import_result *result)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(result->broken, ARENA_ARRAY(result->arena, job->folder->n, const char *));
    for (int64_t i = 0; i < job->folder->n; i++) {
        if (job->outcomes[i].status == STATUS_OK)
            continue;
        const char *what = job->outcomes[i].message != NULL ? job->outcomes[i].message : "";
        const char **line = &result->broken[result->n_broken++];
        TRY_ALLOC(*line,
                  arena_format(result->arena, "'%s' %s", job->folder->entries[i].path, what));
    }
done:
    return status;
}

/* Moves the good pictures of a table together and labels them. */
static enum status take_table(const struct job *job, bool is_test, struct image_table *table)
{
    enum status status = STATUS_OK;
    int64_t first = is_test ? job->folder->n_train : 0;
    int64_t last = is_test ? job->folder->n : job->folder->n_train;

    TRY_ALLOC(table->images, heap_alloc(last - first, (size_t)job->image_bytes));
    TRY_ALLOC(table->labels, heap_alloc(last - first, sizeof *table->labels));
    for (int64_t i = first; i < last; i++) {
        if (job->outcomes[i].status != STATUS_OK)
            continue;
        memcpy(table->images + table->n * job->image_bytes, job->images + i * job->image_bytes,
               (size_t)job->image_bytes);
        table->labels[table->n++] = job->folder->entries[i].label;
    }
done:
    return status;
}

static enum status check_classes(const struct dataset *dataset, const char *root)
{
    const struct image_table *tables[] = {&dataset->train, &dataset->test};

    for (int t = 0; t < 2; t++) {
        int64_t at = 0; /* labels ascend */
        for (int k = 0; k < dataset->n_classes; k++) {
            int64_t first = at;
            while (at < tables[t]->n && tables[t]->labels[at] == k)
                at++;
            if (at == first)
                return fail(STATUS_BAD_DATA,
                            "class folder '%s/%s/%s' has no picture that can be read", root,
                            t == 0 ? "train" : "test", dataset->class_names[k]);
        }
    }
    return STATUS_OK;
}

static enum status make_dataset(const struct job *job, const char *root,
                                struct import_result *result)
{
    enum status status = STATUS_OK;
    struct dataset *dataset = NULL;

    TRY_ALLOC(result->dataset, heap_alloc(1, sizeof *dataset));
    dataset = result->dataset;
    TRY(arena_create(&dataset->arena));
    *dataset = (struct dataset){.kind = DATASET_IMAGES,
                                .n_classes = (int)job->folder->n_classes,
                                .height = (int)job->settings->size,
                                .width = (int)job->settings->size,
                                .channels = 3,
                                .class_names = job->folder->classes,
                                .arena = dataset->arena};
    TRY(take_table(job, false, &dataset->train));
    TRY(take_table(job, true, &dataset->test));
    TRY(check_classes(dataset, root));
    TRY(image_files_hash(dataset, dataset->hash));
done:
    return status;
}

static enum status check_settings(const struct import_settings *settings)
{
    if (settings->size < IMAGE_MIN_SIDE || settings->size > IMAGE_MAX_SIDE)
        return fail(STATUS_BAD_CONFIG, "--size must be in [%d, %d] pixels, got %" PRId64,
                    IMAGE_MIN_SIDE, IMAGE_MAX_SIDE, settings->size);
    return STATUS_OK;
}

static void job_release(struct job *job, int64_t n)
{
    for (int64_t i = 0; i < n && job->outcomes != NULL; i++)
        free(job->outcomes[i].message);
    free(job->outcomes);
    free(job->images);
}

enum status import_pictures(const char *root, const struct import_settings *settings,
                            struct import_result *out)
{
    enum status status = STATUS_OK;
    struct import_result result = {0};
    struct image_folder folder = {0};
    struct job job = {.folder = &folder, .settings = settings};

    TRY(check_settings(settings));
    TRY(arena_create(&result.arena));
    TRY(image_folder_list(result.arena, root, &folder));
    job.image_bytes = 3 * settings->size * settings->size;
    TRY_ALLOC(job.images, heap_alloc(folder.n, (size_t)job.image_bytes));
    TRY_ALLOC(job.outcomes, heap_alloc(folder.n, sizeof *job.outcomes));
    TRY(run_threads(&job));
    TRY(first_failure(&job));
    TRY(note_broken(&job, &result));
    TRY(make_dataset(&job, root, &result));
    *out = result;
    result = (struct import_result){0}; /* handed over */
done:
    job_release(&job, folder.n);
    import_release(&result);
    return status;
}

void import_release(struct import_result *result)
{
    dataset_destroy(result->dataset);
    arena_destroy(result->arena);
    *result = (struct import_result){0};
}

enum status import_write(const struct import_result *result, const char *folder, const char *source)
{
    return image_files_write(result->dataset, folder, source);
}
