/* A training loop of its own: two endless streams of images, one batch size, no checkpoints; who is
 * interrupted does it again. */
#include "train/measure/relearn.h"

#include "base/random.h"
#include "train/step/optimizer.h"
#include "train/step/step_end.h"
#include "train/step/tally.h"

#include <stdlib.h>
#include <string.h>

enum { FORGET_LAYER = 1001, RETAIN_LAYER }; /* among random numbers for evaluation */

static const double momentum = 0.9;

struct stream { /* images without end, in a new order every time around */
    const int32_t *images;
    int64_t n, next;
    struct random_key key; /* epoch: of the next order */
    int32_t *order;        /* [n] owned */
};

struct school {
    const struct relearn *relearn;
    struct stream forget, retain;
    int64_t batch_size;
    int32_t *batch; /* [batch_size] owned */
    struct stage stage;
    struct optimizer *optimizer;
    struct tally *tally;
    struct step_end *end;
    int64_t step; /* done */
};

enum status forget_accuracy(struct forward *forward, const struct split *split, double *out)
{
    enum status status = STATUS_OK;
    const int32_t *labels = forward->network->data->dataset->train.labels;
    int64_t n_right = 0;

    for (int64_t first = 0; first < split->n_forget; first += forward->batch_size) {
        int64_t left = split->n_forget - first;
        int64_t count = left < forward->batch_size ? left : forward->batch_size;
        TRY(forward_run(forward, split->forget + first, count));
        for (int64_t i = 0; i < count; i++) {
            const double *logits = forward->logits + i * forward->n_classes;
            int64_t chosen = 0;
            for (int64_t c = 1; c < forward->n_classes; c++)
                if (logits[c] > logits[chosen])
                    chosen = c;
            n_right += chosen == labels[split->forget[first + i]];
        }
    }
    *out = (double)n_right / (double)split->n_forget;
done:
    return status;
}

/* ---- streams ---- */

static void shuffle(struct stream *stream)
{
    memcpy(stream->order, stream->images, (size_t)stream->n * sizeof *stream->order);
    random_shuffle(&stream->key, stream->order, stream->n);
    stream->key.epoch++;
    stream->next = 0;
}

static enum status stream_create(struct stream *stream, const int32_t *images, int64_t n,
                                 struct random_key key)
{
    enum status status = STATUS_OK;

    *stream = (struct stream){.images = images, .n = n, .key = key};
    TRY_ALLOC(stream->order, heap_alloc(n, sizeof *stream->order));
    shuffle(stream);
done:
    return status;
}

static int32_t take(struct stream *stream)
{
    if (stream->next == stream->n)
        shuffle(stream);
    return stream->order[stream->next++];
}

/* ---- training ---- */

static enum status school_open(struct school *school)
{
    enum status status = STATUS_OK;
    const struct network *network = &school->relearn->merged->network;
    const struct split *split = school->relearn->split;
    const struct recipe recipe = {.optimizer = OPTIMIZER_SGD, .momentum = momentum};
    struct random_key key = {.seed = (uint64_t)network->settings->eval.seed,
                             .purpose = RANDOM_EVALUATION,
                             .layer = FORGET_LAYER};

    school->batch_size = network->settings->eval.relearn.batch_size;
    TRY_ALLOC(school->batch, heap_alloc(school->batch_size, sizeof *school->batch));
    TRY(stream_create(&school->forget, split->forget, split->n_forget, key));
    key.layer = RETAIN_LAYER;
    TRY(stream_create(&school->retain, split->retain, split->n_retain, key));
    TRY(optimizer_create(&recipe, network->parameters, device_queue(network->device),
                         &school->optimizer));
    TRY(tally_create(device_queue(network->device), &school->tally));
    TRY(network_stage(network, GRAPH_TRAIN, school->batch_size, (struct span){0}, &school->stage));
    TRY(step_end_create(school->stage.executor, school->stage.graph, school->optimizer,
                        school->tally, &school->end));
    TRY(tally_begin(school->tally, 0));
done:
    return status;
}

/* Executors first: a recording must not outlive what it runs. */
static void school_close(struct school *school)
{
    stage_release(&school->stage);
    step_end_destroy(school->end);
    optimizer_destroy(school->optimizer);
    tally_destroy(school->tally);
    free(school->forget.order);
    free(school->retain.order);
    free(school->batch);
}

static enum status train_step(struct school *school)
{
    enum status status = STATUS_OK;
    const struct stage *stage = &school->stage;
    const struct settings *settings = school->relearn->merged->network.settings;
    int64_t n_forget = school->retain.n > 0 ? (school->batch_size + 1) / 2 : school->batch_size;
    const int32_t epoch = 0; /* of dropout, which the plain network has none of */

    for (int64_t i = 0; i < school->batch_size; i++)
        school->batch[i] = take(i < n_forget ? &school->forget : &school->retain);
    TRY(executor_upload(stage->executor, stage->graph->indices, school->batch));
    if (stage->graph->epoch >= 0)
        TRY(executor_upload(stage->executor, stage->graph->epoch, &epoch));
    TRY(optimizer_set_rates(school->optimizer, settings->eval.relearn.lr, school->step + 1));
    TRY(executor_run(stage->executor));
    TRY(tally_step(school->tally));
    school->step++;
done:
    return status;
}

/* Up to the next look, and whether every loss so far was finite. */
static enum status train_some(struct school *school, bool *is_finite)
{
    enum status status = STATUS_OK;
    const struct settings *settings = school->relearn->merged->network.settings;
    int64_t last = school->step + settings->eval.relearn.every;
    double totals[N_STEP_TOTALS] = {0};
    bool is_new = false;

    if (last > settings->eval.relearn.max_steps)
        last = settings->eval.relearn.max_steps;
    while (school->step < last)
        TRY(train_step(school));
    TRY(tally_read(school->tally, true, totals, &is_new));
    *is_finite = totals[TOTAL_BAD_STEP] == 0;
done:
    return status;
}

enum status relearn(const struct relearn *relearn, struct relearned *out)
{
    enum status status = STATUS_OK;
    struct school school = {.relearn = relearn};
    int64_t max_steps = relearn->merged->network.settings->eval.relearn.max_steps;
    double accuracy = 0;
    bool is_reached = false, is_finite = true;

    TRY(school_open(&school));
    while (is_finite) {
        TRY(relearn->between(relearn->context));
        TRY(forget_accuracy(relearn->forward, relearn->split, &accuracy));
        is_reached = accuracy >= relearn->goal;
        if (is_reached || school.step == max_steps)
            break;
        TRY(train_some(&school, &is_finite));
    }
    *out = (struct relearned){is_reached ? school.step : max_steps, is_reached};
done:
    school_close(&school);
    return status;
}
