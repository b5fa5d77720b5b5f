/* Which training images are set aside for validation: a draw within each class, whose share of the
 * draw is its share of the images. It knows nothing of what is forgotten, so every run of a base
 * model and of what unlearns it has the same ones. */
#include "data/split_parts.h"

#include "base/random.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>

struct quota { /* of one class */
    int64_t n_images, n_drawn;
    int64_t remainder; /* what rounding down left, in n-ths of an image */
};

static enum status count_wanted(const struct dataset *dataset, const struct split_request *request,
                                int64_t *out)
{
    double n = (double)dataset->train.n;
    double wanted =
        request->validation < 1 ? floor(request->validation * n + 0.5) : floor(request->validation);
    char asked[32];

    if (wanted >= 1 && wanted < n) {
        *out = (int64_t)wanted;
        return STATUS_OK;
    }
    (void)text_from_double(request->validation, asked);
    if (wanted < 1)
        return fail(STATUS_BAD_CONFIG,
                    "data.validation is %s of %lld training images, which is none", asked,
                    (long long)dataset->train.n);
    return fail(STATUS_BAD_CONFIG,
                "data.validation is %s, which leaves none of the %lld training images to train on",
                asked, (long long)dataset->train.n);
}

/* Largest remainders, in whole numbers: classes of one size differ by at most one image. */
static void set_quotas(struct quota *quotas, int n_classes, int64_t n, int64_t n_wanted)
{
    int64_t n_left = n_wanted;

    for (int c = 0; c < n_classes; c++) {
        quotas[c].n_drawn = quotas[c].n_images * n_wanted / n;
        quotas[c].remainder = quotas[c].n_images * n_wanted % n;
        n_left -= quotas[c].n_drawn;
    }
    for (; n_left > 0; n_left--) {
        int most = 0;
        for (int c = 1; c < n_classes; c++)
            if (quotas[c].remainder > quotas[most].remainder)
                most = c;
        quotas[most].n_drawn++;
        quotas[most].remainder = -1;
    }
}

struct drawing {
    const struct image_table *train;
    uint64_t seed;
    int32_t *images; /* [train->n] of the class at hand */
    uint8_t *parts;
};

static void draw_class(const struct drawing *drawing, int class, int64_t n_drawn)
{
    struct random_key key = {
        .seed = drawing->seed, .purpose = RANDOM_SPLIT, .layer = (uint32_t) class};
    int64_t n = 0;

    for (int64_t i = 0; i < drawing->train->n; i++)
        if (drawing->train->labels[i] == class)
            drawing->images[n++] = (int32_t)i;
    random_shuffle(&key, drawing->images, n);
    for (int64_t i = 0; i < n_drawn; i++)
        drawing->parts[drawing->images[i]] = SPLIT_VALIDATION;
}

enum status split_mark_validation(const struct dataset *dataset,
                                  const struct split_request *request, uint8_t *parts)
{
    enum status status = STATUS_OK;
    struct quota *quotas = NULL;
    int32_t *images = NULL;
    int64_t n_wanted = 0;

    TRY(count_wanted(dataset, request, &n_wanted));
    TRY_ALLOC(quotas, heap_alloc(dataset->n_classes, sizeof *quotas));
    TRY_ALLOC(images, heap_alloc(dataset->train.n, sizeof *images));
    for (int64_t i = 0; i < dataset->train.n; i++)
        quotas[dataset->train.labels[i]].n_images++;
    set_quotas(quotas, dataset->n_classes, dataset->train.n, n_wanted);
    const struct drawing drawing = {&dataset->train, request->split_seed, images, parts};
    for (int c = 0; c < dataset->n_classes; c++)
        draw_class(&drawing, c, quotas[c].n_drawn);
done:
    free(quotas);
    free(images);
    return status;
}
