/* Features of a sample are kept on the host; those of the test images are looked at batch by batch.
 */
#include "train/measure/probing.h"

#include "base/random.h"
#include "eval/probe.h"

#include <math.h>
#include <string.h>

enum { SAMPLE_LAYER = 1000 }; /* among random numbers for evaluation: the attacks' are below */

struct probing {
    struct forward *forward; /* borrowed */
    const struct split *split;
    struct arena *arena; /* owned */
    struct linear_probe probe;
};

/* *out: rows of the training table. */
static enum status draw(const struct probing *probing, int32_t **out, int64_t *n)
{
    enum status status = STATUS_OK;
    const struct split *split = probing->split;
    const struct random_key key = {.seed = (uint64_t)probing->forward->network->settings->eval.seed,
                                   .purpose = RANDOM_EVALUATION,
                                   .layer = SAMPLE_LAYER};
    int64_t n_all = split->n_forget + split->n_retain;
    int32_t *images = NULL;

    TRY_ALLOC(images, ARENA_ARRAY(probing->arena, n_all, int32_t));
    memcpy(images, split->forget, (size_t)split->n_forget * sizeof *images);
    memcpy(images + split->n_forget, split->retain, (size_t)split->n_retain * sizeof *images);
    if (n_all > PROBE_MOST_IMAGES)
        random_shuffle(&key, images, n_all);
    *out = images;
    *n = n_all < PROBE_MOST_IMAGES ? n_all : PROBE_MOST_IMAGES;
done:
    return status;
}

static enum status fit(struct probing *probing)
{
    enum status status = STATUS_OK;
    struct forward *forward = probing->forward;
    const struct image_table *table = &forward->network->data->dataset->train;
    struct probe_images images = {.n_features = forward->n_features,
                                  .n_classes = forward->network->data->dataset->n_classes};
    int32_t *rows = NULL, *labels = NULL;
    double *features = NULL;

    TRY(draw(probing, &rows, &images.n));
    TRY_ALLOC(labels, ARENA_ARRAY(probing->arena, images.n, int32_t));
    TRY_ALLOC(features, ARENA_ARRAY(probing->arena, images.n * images.n_features, double));
    for (int64_t first = 0; first < images.n; first += forward->batch_size) {
        int64_t left = images.n - first;
        int64_t count = left < forward->batch_size ? left : forward->batch_size;
        TRY(forward_run(forward, rows + first, count));
        TRY(forward_read_features(forward));
        memcpy(features + first * images.n_features, forward->features,
               (size_t)(count * images.n_features) * sizeof *features);
    }
    for (int64_t i = 0; i < images.n; i++)
        labels[i] = table->labels[rows[i]];
    images.features = features;
    images.labels = labels;
    TRY(probe_fit(&images, probing->arena, &probing->probe));
done:
    return status;
}

/* Share of these rows of the test table that the probe is right about. */
static enum status ask(struct probing *probing, const int32_t *images, int64_t n, double *out)
{
    enum status status = STATUS_OK;
    struct forward *forward = probing->forward;
    const struct dataset *dataset = forward->network->data->dataset;
    int32_t *rows = NULL;
    int64_t n_right = 0;

    TRY_ALLOC(rows, ARENA_ARRAY(probing->arena, n, int32_t));
    for (int64_t i = 0; i < n; i++) /* test images follow the training images */
        rows[i] = (int32_t)dataset->train.n + images[i];
    for (int64_t first = 0; first < n; first += forward->batch_size) {
        int64_t count = n - first < forward->batch_size ? n - first : forward->batch_size;
        TRY(forward_run(forward, rows + first, count));
        TRY(forward_read_features(forward));
        for (int64_t i = 0; i < count; i++)
            n_right += probe_choose(&probing->probe, forward->features + i * forward->n_features) ==
                       dataset->test.labels[images[first + i]];
    }
    *out = n > 0 ? (double)n_right / (double)n : NAN;
done:
    return status;
}

enum status probe_network(struct forward *forward, const struct split *split, struct probed *out)
{
    enum status status = STATUS_OK;
    struct probing probing = {.forward = forward, .split = split};
    struct probed probed = {NAN, NAN};

    TRY(arena_create(&probing.arena));
    TRY(fit(&probing));
    TRY(ask(&probing, split->test_forget, split->n_test_forget, &probed.forget));
    TRY(ask(&probing, split->test_retain, split->n_test_retain, &probed.retain));
    *out = probed;
done:
    arena_destroy(probing.arena);
    return status;
}
