/* Learning rates and step counts. */
#include "unlearn/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

struct schedule recipe_schedule(const struct recipe *recipe, int64_t n_images)
{
    int64_t n_full = n_images / recipe->batch_size, n_last = n_images % recipe->batch_size;
    struct schedule schedule = {.per_epoch = n_full + (n_last > 0 && !recipe->drop_last)};

    schedule.n_steps = schedule.per_epoch * recipe->epochs;
    if (recipe->drop_last)
        schedule.n_steps = llrint((double)(n_images * recipe->epochs) / (double)recipe->batch_size);
    return schedule;
}

struct schedule phase_schedule(const struct phase *phase, const struct recipe *recipe,
                               const struct row_counts *counts)
{
    struct schedule schedule = {0};

    for (int i = 0; i < phase->n_streams; i++) {
        struct schedule of_stream = recipe_schedule(recipe, phase_stream_images(phase, i, counts));
        schedule.per_epoch += of_stream.per_epoch;
        schedule.n_steps += of_stream.n_steps;
    }
    return schedule;
}

/* From `start` to `end` as `share` goes from 0 to 1. */
static double anneal(double start, double end, double share)
{
    return end + (start - end) / 2 * (cos(pi * share) + 1);
}

/* `done` of `n` units, which PyTorch numbers from 0 to n − 1: it rises until pct_start·n − 1. */
static double one_cycle_lr(const struct recipe *recipe, double done, double n)
{
    double first = recipe->lr / recipe->div_factor, last = first / recipe->final_div_factor;
    double top = recipe->pct_start * n - 1;

    if (done < top)
        return anneal(first, recipe->lr, done / top);
    return anneal(recipe->lr, last, fmin(1, (done - top) / (n - 1 - top)));
}

static double step_lr(const struct recipe *recipe, int64_t epoch)
{
    double lr = recipe->lr;

    for (int64_t i = 0; i < recipe->n_milestones; i++)
        if (epoch >= recipe->milestones[i])
            lr *= recipe->gamma;
    return lr;
}

double recipe_lr(const struct recipe *recipe, const struct schedule *schedule, int64_t step)
{
    int64_t epoch = step / schedule->per_epoch;
    bool is_by_step = recipe->schedule_unit == SCHEDULE_PER_STEP;
    int64_t n = is_by_step ? schedule->n_steps : recipe->epochs * schedule->per_epoch;
    int64_t at = is_by_step ? step : epoch * schedule->per_epoch;

    if (step < recipe->warmup)
        return recipe->lr * (double)step / (double)recipe->warmup;
    n -= recipe->warmup;
    at = at > recipe->warmup ? at - recipe->warmup : 0;
    switch (recipe->schedule) {
    case SCHEDULE_COSINE:
        return 0.5 * recipe->lr * (1.0 + cos(pi * ((double)at / (double)n)));
    case SCHEDULE_ONE_CYCLE: {
        double unit = is_by_step ? 1 : (double)schedule->per_epoch;
        return one_cycle_lr(recipe, (double)at / unit, (double)n / unit);
    }
    case SCHEDULE_STEP:
        return step_lr(recipe, epoch);
    case SCHEDULE_CONSTANT:
        break;
    }
    return recipe->lr;
}

static enum status check_warmup(const struct recipe_use *use)
{
    const struct recipe *recipe = use->recipe;
    int64_t n_steps = 0, n_images = 0;

    for (int i = 0; i < use->n_streams; i++) {
        n_steps += recipe_schedule(recipe, use->n_images[i]).per_epoch * recipe->epochs;
        n_images += use->n_images[i];
    }
    if (recipe->warmup < n_steps)
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG,
                "warm-up is not shorter than training: '%s.warmup' is %lld steps, and %lld epochs "
                "of %lld images in batches of %lld are %lld steps; set %s.warmup to less, or "
                "%s.epochs to more",
                use->section, (long long)recipe->warmup, (long long)recipe->epochs,
                (long long)n_images, (long long)recipe->batch_size, (long long)n_steps,
                use->section, use->section);
}

static enum status check_batches(const struct recipe_use *use, int64_t n_images)
{
    if (!use->recipe->drop_last || n_images >= use->recipe->batch_size)
        return STATUS_OK;
    return fail(STATUS_BAD_CONFIG,
                "%lld images do not fill a batch of %lld, and '%s.drop_last' leaves out smaller "
                "ones; set %s.batch_size to less, or %s.drop_last to false",
                (long long)n_images, (long long)use->recipe->batch_size, use->section, use->section,
                use->section);
}

static enum status check_length(const struct recipe_use *use, const char **setting)
{
    enum status status = STATUS_OK;

    if (use->n_streams == 0 || use->recipe->epochs == 0)
        return STATUS_OK;
    *setting = "batch_size";
    for (int i = 0; i < use->n_streams; i++)
        TRY(check_batches(use, use->n_images[i]));
    *setting = "warmup";
    if (use->recipe->warmup > 0)
        TRY(check_warmup(use));
done:
    return status;
}

struct recipe_use phase_use(const struct phase *phase, const struct recipe *recipe,
                            const struct row_counts *counts)
{
    struct recipe_use use = {
        .recipe = recipe, .section = phase_section(phase), .n_streams = phase->n_streams};

    for (int i = 0; i < phase->n_streams; i++)
        use.n_images[i] = phase_stream_images(phase, i, counts);
    return use;
}

enum status recipe_check(const struct recipe_use *use, const char **setting)
{
    enum status status = STATUS_OK;
    const struct recipe *recipe = use->recipe;
    int side = use->height < use->width ? use->height : use->width;

    TRY(check_length(use, setting));
    *setting = "nesterov";
    if (recipe->nesterov && recipe->optimizer == OPTIMIZER_SGD && recipe->momentum == 0)
        TRY(fail(STATUS_BAD_CONFIG, "'%s.nesterov' needs '%s.momentum' above 0", use->section,
                 use->section));
    *setting = "cutout";
    if (side > 0 && recipe->cutout > side)
        TRY(fail(STATUS_BAD_CONFIG, "'%s.cutout' is %lld pixels, and images are %d × %d",
                 use->section, (long long)recipe->cutout, use->height, use->width));
done:
    return status;
}
