/* A step whose end is recorded with it has the bits of one whose parts are run one by one, and is
 * one launch. */
#include "train/step/step_end.h"

#include "kernels/cuda/host/host_gpu.h"
#include "support/toy.h"

#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 6, N_STEPS = 3 }; /* launched, recorded, repeated */

static const struct recipe recipes[] = {
    {.optimizer = OPTIMIZER_SGD, .lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3},
    {.optimizer = OPTIMIZER_ADAMW,
     .lr = 1e-2,
     .weight_decay = 0.1,
     .decay_on = DECAY_WEIGHTS,
     .clip_norm = 0.05},
    {.optimizer = OPTIMIZER_SGD,
     .lr = 0.05,
     .momentum = 0.9,
     .nesterov = true,
     .weight_decay = 0.1,
     .decay_on = DECAY_WEIGHTS,
     .clip_norm = 0.05,
     .cutout = 3,
     .mixup = 0.2,
     .label_smoothing = 0.1},
};

struct training {
    struct toy toy;
    struct optimizer *optimizer;
    struct tally *tally; /* NULL: steps part by part */
    struct step_end *end;
    double loss_sum;
};

static void training_open(struct training *training, const char *backend,
                          const struct recipe *recipe, bool has_end)
{
    struct graph_settings settings = toy_settings(GRAPH_TRAIN, BATCH);
    struct toy *toy = &training->toy;

    memset(training, 0, sizeof *training);
    settings.real = backend_find(backend)->real;
    settings.cutout = (int)recipe->cutout;
    settings.is_mixed = recipe->mixup > 0;
    settings.label_smoothing = recipe->label_smoothing;
    struct graph *graph = toy_forward(&settings);
    toy_device_open(toy, backend_find(backend));
    ok(pass_lora_inject(graph, &toy_lora)); /* dropout wants the epoch */
    ok(pass_autodiff(graph));
    toy_execute(toy, graph);
    ok(optimizer_create(recipe, toy->parameters, device_queue(toy->device), &training->optimizer));
    if (!has_end)
        return;
    ok(tally_create(device_queue(toy->device), &training->tally));
    ok(tally_begin(training->tally, 0));
    ok(step_end_create(toy->executor, graph, training->optimizer, training->tally, &training->end));
}

static void training_close(struct training *training)
{
    struct toy toy = training->toy;

    executor_destroy(toy.executor); /* it may hold a recording of the end */
    toy.executor = NULL;
    step_end_destroy(training->end);
    tally_destroy(training->tally);
    optimizer_destroy(training->optimizer);
    toy_close(&toy);
}

static void step(struct training *training, int64_t number)
{
    struct toy *toy = &training->toy;
    const double lr = number <= 2 ? 0.05 : 0.02;   /* a recorded step takes new rates, */
    const double mix = 1.0 / (double)(number + 1); /* and a new share and new holes */

    const int32_t centre = (int32_t)number;
    int32_t centres[2 * BATCH];

    for (int i = 0; i < 2 * BATCH; i++)
        centres[i] = (centre + i) % TOY_SIZE;
    if (toy->graph->holes >= 0)
        ok(executor_upload(toy->executor, toy->graph->holes, centres));
    if (toy->graph->mix >= 0)
        ok(executor_upload(toy->executor, toy->graph->mix, &mix));
    ok(optimizer_set_rates(training->optimizer, lr, number));
    ok(executor_run(toy->executor));
    if (training->tally != NULL) {
        ok(tally_step(training->tally));
        return;
    }
    ok(optimizer_enqueue(training->optimizer));
    training->loss_sum += toy_number(toy, toy->graph->loss) * BATCH;
}

static void *parameters_of(const struct training *training, size_t *bytes)
{
    struct tensor values = parameters_flat_values(training->toy.parameters);
    void *copy = malloc(tensor_bytes(&values));

    assert_non_null(copy);
    *bytes = tensor_bytes(&values);
    ok(queue_download(device_queue(training->toy.device), copy, values.data, *bytes));
    return copy;
}

static void has_the_bits_of_its_parts(void **state)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct training parts, whole;
        double totals[N_STEP_TOTALS];
        bool is_new = false;
        size_t bytes = 0;
        training_open(&parts, *state, &recipes[i], false);
        training_open(&whole, *state, &recipes[i], true);
        for (int64_t number = 1; number <= N_STEPS; number++) {
            step(&parts, number);
            step(&whole, number);
        }
        ok(tally_read(whole.tally, true, totals, &is_new));
        assert_true(is_new && totals[TOTAL_LOSS] == parts.loss_sum);
        assert_true(totals[TOTAL_ROWS] == N_STEPS * BATCH);
        void *wanted = parameters_of(&parts, &bytes), *found = parameters_of(&whole, &bytes);
        assert_memory_equal(found, wanted, bytes);
        free(wanted);
        free(found);
        training_close(&parts);
        training_close(&whole);
    }
}

/* The first run launches operation by operation, the second records. */
static void is_one_launch(void **state)
{
    struct training training;

    (void)state;
    host_gpu_reset();
    training_open(&training, "cuda_host", &recipes[1], true);
    step(&training, 1);
    int64_t n_waits = host_gpu()->n_wait;
    for (int64_t number = 2; number <= 4; number++) {
        int64_t n_enqueued = host_gpu()->n_enqueued;
        step(&training, number);
        assert_int_equal(host_gpu()->n_launch, number - 1);
        if (number > 2) /* the rates' copy and the launch */
            assert_int_equal(host_gpu()->n_enqueued - n_enqueued, 2);
    }
    assert_int_equal(host_gpu()->n_capture, 1);
    assert_int_equal(host_gpu()->n_wait, n_waits);
    training_close(&training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(has_the_bits_of_its_parts, (void *)(uintptr_t) "ref"),
        cmocka_unit_test_prestate(has_the_bits_of_its_parts, (void *)(uintptr_t) "cpu"),
        cmocka_unit_test_prestate(has_the_bits_of_its_parts, (void *)(uintptr_t) "cuda_host"),
        cmocka_unit_test(is_one_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
