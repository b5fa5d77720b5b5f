/* More images at a time keep a GPU's processors busy, and spare a CPU launches of its threads; but
 * maps that leave the cache cost more than that saves. */
#include "train/measure/eval_batch.h"

enum {
    GPU_IMAGES = 1024, /* enough rows for every multiprocessor in the smallest maps */
    CPU_IMAGES = 256,  /* resnet50 gains nothing beyond */
    CPU_CACHED = 64,   /* fewer are slower than leaving the cache: tests/bench/steps.c */
    CACHE_BYTES = 24 << 20,
};

static const double mebibyte = 1024.0 * 1024.0;

/* How many images' values fit into so many bytes. They grow in proportion but for padding, so that
 * many images tell what one needs. */
static enum status images_in(const struct network *network, size_t bytes, int64_t *out)
{
    enum status status = STATUS_OK;
    size_t needed = 0;

    TRY(network_arena_bytes(network, CPU_IMAGES, &needed));
    *out = (int64_t)((double)bytes / ((double)needed / CPU_IMAGES));
done:
    return status;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum status worth_while(const struct network *network, int64_t *out)
{
    enum status status = STATUS_OK;
    int64_t n_cached = 0;

    if (device_is_asynchronous(network->device)) {
        *out = GPU_IMAGES;
        return STATUS_OK;
    }
    TRY(images_in(network, CACHE_BYTES, &n_cached));
    *out = n_cached < CPU_CACHED ? CPU_IMAGES : smaller(n_cached, CPU_IMAGES);
done:
    return status;
}

static enum status choose(const struct network *network, int64_t n_images, int64_t *out)
{
    enum status status = STATUS_OK;
    int64_t most = 0;

    TRY(worth_while(network, &most));
    int64_t n_batches = (n_images + most - 1) / most;
    *out = n_batches > 0 ? (n_images + n_batches - 1) / n_batches : 1;
done:
    return status;
}

static enum status check(const struct network *network, int64_t batch_size, size_t available)
{
    enum status status = STATUS_OK;
    int64_t n_fit = 0;
    size_t needed = 0;

    TRY(network_arena_bytes(network, batch_size, &needed));
    if (needed <= available)
        return STATUS_OK;
    TRY(images_in(network, available, &n_fit));
    return fail(STATUS_OUT_OF_MEMORY,
                "eval.batch_size is %lld: %lld images at a time need %.1f MiB with %s, but %.1f "
                "MiB are free; choose at most %lld, or auto",
                (long long)network->settings->eval.batch_size, (long long)batch_size,
                (double)needed / mebibyte, network->spec.architecture->name,
                (double)available / mebibyte, (long long)n_fit);
done:
    return status;
}

enum status eval_batch_choose(const struct network *network, int64_t n_images, int64_t *out)
{
    enum status status = STATUS_OK;
    int64_t chosen = network->settings->eval.batch_size;
    size_t available = 0;

    if (chosen == EVAL_BATCH_AUTO) {
        TRY(choose(network, n_images, &chosen));
    } else {
        chosen = smaller(chosen, n_images);
        TRY(device_available(network->device, &available));
        TRY(check(network, chosen, available));
    }
    *out = chosen;
done:
    return status;
}

enum status eval_batch_fits(const struct network *network, int64_t batch_size, bool *out)
{
    enum status status = STATUS_OK;
    size_t needed = 0, available = 0;

    TRY(network_arena_bytes(network, batch_size, &needed));
    TRY(device_available(network->device, &available));
    *out = needed <= available;
done:
    return status;
}
