/* A stream has a graph for its full batches and one for its last, smaller one. */
#include "train/step/stepper.h"

#include "train/step/augment.h"
#include "train/step/relabel.h"
#include "train/step/step_end.h"

#include <stdlib.h>

struct batch_stage { /* runs batches of one size */
    int64_t batch_size;
    struct stage stage;
    struct step_end *end;
};

struct stream_part { /* what a stream of the phase needs */
    struct stream stream;
    struct relabel *relabel;       /* NULL where the target is the images' labels */
    int64_t n_full;                /* full batches of an epoch */
    struct batch_stage full, last; /* batch_size 0: there is none */
};

struct stepper {
    struct stepper_settings settings;
    struct stream_part parts[MOST_STREAMS];
    struct optimizer *optimizer;
    struct tally *tally;
    struct augmenter *augmenter;
    int32_t *batch; /* [batch_size] of a phase in halves */
};

/* ---- what a phase consists of ---- */

static bool is_in_halves(const struct stepper *stepper)
{
    return stepper->settings.phase->order == STREAMS_IN_HALVES;
}

static int n_parts(const struct stepper *stepper)
{
    return stepper->settings.phase->n_streams;
}

static enum status part_create(struct stepper *stepper, int i)
{
    enum status status = STATUS_OK;
    const struct stepper_settings *settings = &stepper->settings;
    const struct phase *phase = settings->phase;
    struct stream_part *part = &stepper->parts[i];
    int64_t batch_size = settings->recipe->batch_size, n = 0;
    const int32_t *rows = phase_stream_rows(phase, i, settings->split, &n);
    struct random_key key = settings->key;

    key.layer = settings->layers[i];
    TRY(stream_create(rows, n, &key, &part->stream));
    if (is_in_halves(stepper)) {
        part->full.batch_size = i == 0 ? batch_size : 0;
        return STATUS_OK;
    }
    part->n_full = n / batch_size;
    part->full.batch_size = part->n_full > 0 ? batch_size : 0;
    part->last.batch_size = settings->recipe->drop_last ? 0 : n % batch_size;
    if (phase->streams[i].objective.target == TARGET_RANDOM)
        TRY(relabel_create(settings->network, &part->relabel));
done:
    return status;
}

enum status stepper_create(const struct stepper_settings *settings, struct stepper **out)
{
    enum status status = STATUS_OK;
    const struct network *network = settings->network;
    struct stepper *stepper = NULL;

    TRY_ALLOC(stepper, heap_alloc(1, sizeof *stepper));
    stepper->settings = *settings;
    for (int i = 0; i < settings->phase->n_streams; i++)
        TRY(part_create(stepper, i));
    TRY_ALLOC(stepper->batch, heap_alloc(settings->recipe->batch_size, sizeof *stepper->batch));
    TRY(augmenter_create(network, settings->recipe, &stepper->augmenter));
    TRY(optimizer_create(settings->recipe, network->parameters, network->queue,
                         &stepper->optimizer));
    TRY(tally_create(network->queue, &stepper->tally));
    *out = stepper;
    stepper = NULL;
done:
    stepper_destroy(stepper);
    return status;
}

void stepper_destroy(struct stepper *stepper)
{
    if (stepper == NULL)
        return;
    stepper_close(stepper);
    for (int i = 0; i < n_parts(stepper); i++) {
        relabel_destroy(stepper->parts[i].relabel);
        stream_release(&stepper->parts[i].stream);
    }
    optimizer_destroy(stepper->optimizer);
    tally_destroy(stepper->tally);
    augmenter_destroy(stepper->augmenter);
    free(stepper->batch);
    free(stepper);
}

struct optimizer *stepper_optimizer(const struct stepper *stepper)
{
    return stepper->optimizer;
}

struct tally *stepper_tally(const struct stepper *stepper)
{
    return stepper->tally;
}

int64_t stepper_images_per_epoch(const struct stepper *stepper)
{
    int64_t n = 0;

    for (int i = 0; i < n_parts(stepper); i++)
        n += stepper->parts[i].n_full * stepper->parts[i].full.batch_size +
             stepper->parts[i].last.batch_size;
    return n;
}

static int64_t steps_of(const struct stream_part *part)
{
    return part->n_full + (part->last.batch_size > 0);
}

/* ---- executors ---- */

static enum status stage_open(struct stepper *stepper, int i, struct span arena,
                              struct batch_stage *out)
{
    enum status status = STATUS_OK;
    const struct stepper_settings *settings = &stepper->settings;
    const struct stream_part *part = &stepper->parts[i];
    const struct stage_request request = {
        .mode = GRAPH_TRAIN,
        .batch_size = out->batch_size,
        .arena = arena,
        .loss_weight = settings->phase->streams[i].objective.weight,
        .labels = part->relabel != NULL ? relabel_table(part->relabel) : NULL,
    };

    TRY(network_stage(settings->network, &request, &out->stage));
    TRY(step_end_create(out->stage.executor, out->stage.graph, stepper->optimizer, stepper->tally,
                        &out->end));
done:
    return status;
}

/* All run in the first full batch's arena, where there is one: never two at once. */
enum status stepper_open(struct stepper *stepper)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < n_parts(stepper); i++)
        if (stepper->parts[i].full.batch_size > 0)
            TRY(stage_open(stepper, i, stepper_arena(stepper), &stepper->parts[i].full));
    for (int i = 0; i < n_parts(stepper); i++)
        if (stepper->parts[i].last.batch_size > 0)
            TRY(stage_open(stepper, i, stepper_arena(stepper), &stepper->parts[i].last));
done:
    return status;
}

/* The executor first: a recording must not outlive what it runs. */
static void stage_close(struct batch_stage *stage)
{
    stage_release(&stage->stage);
    step_end_destroy(stage->end);
    stage->end = NULL;
}

void stepper_close(struct stepper *stepper)
{
    for (int i = 0; i < n_parts(stepper); i++)
        stage_close(&stepper->parts[i].last);
    for (int i = n_parts(stepper) - 1; i >= 0; i--)
        stage_close(&stepper->parts[i].full);
}

struct span stepper_arena(const struct stepper *stepper)
{
    for (int i = 0; i < n_parts(stepper); i++)
        if (stepper->parts[i].full.stage.executor != NULL)
            return executor_arena(stepper->parts[i].full.stage.executor);
    return (struct span){0};
}

/* ---- steps ---- */

enum status stepper_begin_epoch(struct stepper *stepper, int64_t epoch)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < n_parts(stepper); i++) {
        struct stream_part *part = &stepper->parts[i];
        stream_shuffle(&part->stream, (uint32_t)epoch);
        if (part->relabel != NULL)
            TRY(relabel_draw(part->relabel, &part->stream, (uint32_t)epoch));
    }
done:
    return status;
}

struct step_batch { /* what a step runs, and on which images */
    const struct batch_stage *stage;
    const int32_t *images;
};

static struct step_batch batch_in_halves(struct stepper *stepper)
{
    struct stream_part *parts = stepper->parts;
    int64_t n = parts[0].full.batch_size;
    bool has_second = n_parts(stepper) > 1 && parts[1].stream.n > 0;
    int64_t n_first = has_second ? (n + 1) / 2 : n;

    for (int64_t i = 0; i < n; i++)
        stepper->batch[i] = stream_take(i < n_first ? &parts[0].stream : &parts[1].stream);
    return (struct step_batch){&parts[0].full, stepper->batch};
}

static struct step_batch batch_in_sequence(const struct stepper *stepper, int64_t in_epoch)
{
    const struct stream_part *part = stepper->parts;

    while (in_epoch >= steps_of(part))
        in_epoch -= steps_of(part++);
    return (struct step_batch){in_epoch < part->n_full ? &part->full : &part->last,
                               part->stream.order +
                                   in_epoch * stepper->settings.recipe->batch_size};
}

static enum status upload(struct stepper *stepper, const struct step_batch *batch,
                          const struct step_place *place)
{
    enum status status = STATUS_OK;
    const struct stage *stage = &batch->stage->stage;
    const struct batch_place of_images = {place->epoch, place->in_epoch, batch->images,
                                          batch->stage->batch_size};
    int32_t epoch = (int32_t)place->epoch;

    TRY(executor_upload(stage->executor, stage->graph->indices, batch->images));
    if (stage->graph->epoch >= 0)
        TRY(executor_upload(stage->executor, stage->graph->epoch, &epoch));
    TRY(augmenter_upload(stepper->augmenter, stage, &of_images));
done:
    return status;
}

enum status stepper_step(struct stepper *stepper, const struct step_place *place)
{
    enum status status = STATUS_OK;
    const struct step_batch batch = is_in_halves(stepper)
                                        ? batch_in_halves(stepper)
                                        : batch_in_sequence(stepper, place->in_epoch);

    TRY(upload(stepper, &batch, place));
    TRY(optimizer_set_rates(stepper->optimizer, place->lr, place->step + 1));
    TRY(executor_run(batch.stage->stage.executor));
    TRY(tally_step(stepper->tally));
done:
    return status;
}
