/* Runs side by side in one trainer: each has the bits that it has alone, however different they are
 * in method, length and batch size; one that diverges, is stopped or never begins leaves the others
 * alone; and nothing is left behind. */
#include "train/fixture.h"

#include "kernels/cuda/host/host_gpu.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_TRAIN = 20, N_TEST = 10, MOST = 4 };

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open_sized(&fixture, "cpu", N_TRAIN, N_TEST);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* ---- runs ---- */

struct member {
    const char *method;
    int64_t epochs, batch_size;
    double lr;           /* 0: the fixture's */
    int64_t stop_at;     /* ask to stop after so many steps; 0: never */
    const char *weights; /* NULL: the fixture's */
    enum status wanted;
};

struct watcher {
    int64_t step, stop_at;
};

static void count_steps(void *context, const struct train_progress *progress)
{
    struct watcher *watcher = context;

    watcher->step += strcmp(progress->phase, "train") == 0;
}

static bool wants_stop(void *context)
{
    struct watcher *watcher = context;

    return watcher->stop_at > 0 && watcher->step >= watcher->stop_at;
}

static struct settings settings_of(const struct member *member)
{
    struct settings settings = fixture_settings(&fixture, member->method);

    settings.train.epochs = settings.base_train.epochs = member->epochs;
    settings.train.batch_size = settings.base_train.batch_size = member->batch_size;
    settings.train.augment = AUGMENT_CROP_FLIP;
    if (member->lr > 0)
        settings.train.lr = member->lr;
    if (member->weights != NULL)
        settings.model.weights = member->weights;
    return settings;
}

/* Executes the first n members as one pack, into "<prefix>-<i>". */
static void execute(const struct member *members, int n, const char *prefix,
                    struct train_end ends[MOST])
{
    struct settings settings[MOST];
    struct watcher watchers[MOST];
    struct fixture_paths paths[MOST];
    struct train_job jobs[MOST];
    char names[MOST][32];

    for (int i = 0; i < n; i++) {
        settings[i] = settings_of(&members[i]);
        watchers[i] = (struct watcher){.stop_at = members[i].stop_at};
        snprintf(names[i], sizeof names[i], "%s-%d", prefix, i);
        const struct fixture_run run = {.name = names[i],
                                        .observer = {&watchers[i], count_steps, wants_stop, NULL}};
        jobs[i] = fixture_job(&fixture, &settings[i], &run, &paths[i]);
    }
    ok(trainer_execute_pack(fixture.trainer, jobs, n, ends));
    for (int i = 0; i < n; i++)
        if (ends[i].status != members[i].wanted)
            fail_msg("%s: status %d, wanted %d: %s", names[i], (int)ends[i].status,
                     (int)members[i].wanted, ends[i].message);
}

static void check(const char *backend, const struct member *members, int n)
{
    struct train_end ends[MOST], alone[MOST];
    char together[32], one[32];
    static int64_t n_checks; /* folders are used once */
    char prefix[16], prefix_alone[16];

    fixture_use(&fixture, backend);
    snprintf(prefix, sizeof prefix, "p%lld", (long long)n_checks);
    execute(members, n, prefix, ends);
    for (int i = 0; i < n; i++) {
        snprintf(prefix_alone, sizeof prefix_alone, "a%lld-%d", (long long)n_checks, i);
        execute(&members[i], 1, prefix_alone, &alone[i]);
        assert_string_equal(ends[i].message, alone[i].message);
        snprintf(together, sizeof together, "%s-%d", prefix, i);
        snprintf(one, sizeof one, "%s-0", prefix_alone);
        if (members[i].wanted == STATUS_OK)
            assert_same_result(&fixture, together, one);
    }
    n_checks++;
}

/* ---- tests ---- */

static void different_lanes_have_the_bits_they_have_alone(void **state)
{
    static const struct member members[] = {
        {"finetune", 2, 16, 0, 0, NULL, STATUS_OK},
        {"prune_lora", 3, 10, 0, 0, NULL, STATUS_OK},
        {"random_label", 1, 7, 0, 0, NULL, STATUS_OK},
        {"zero_head", 1, 8, 0, 0, NULL, STATUS_OK},
    };

    check(*state, members, 4);
}

static void a_lane_that_ends_badly_leaves_the_others_alone(void **state)
{
    static const struct member members[] = {
        {"finetune", 3, 12, 1e30, 0, NULL, STATUS_DIVERGED},
        {"lora", 2, 16, 0, 0, NULL, STATUS_OK},
        {"gradient_ascent", 4, 3, 0, 3, NULL, STATUS_CANCELLED},
        {"finetune", 1, 8, 0, 0, "/nowhere/weights.h5", STATUS_IO},
    };

    check(*state, members, 4);
}

static void two_lanes_have_the_bits_they_have_alone(void **state)
{
    static const struct member members[] = {
        {"random_label", 2, 10, 0, 0, NULL, STATUS_OK},
        {"prune_lora", 1, 6, 0, 0, NULL, STATUS_OK},
        {"finetune", 2, 12, 1e30, 0, NULL, STATUS_DIVERGED},
    };

    check(*state, members, 2);
    check(*state, members, 3);
}

/* The data set stays, as it does after a run alone; all else goes. */
static void lanes_leave_nothing_behind(void **state)
{
    static const struct member members[] = {
        {"finetune", 1, 16, 0, 0, NULL, STATUS_OK},
        {"random_label", 1, 10, 0, 0, NULL, STATUS_OK},
        {"finetune", 1, 12, 1e30, 0, NULL, STATUS_DIVERGED},
    };
    struct train_end ends[MOST];

    (void)state;
    fixture_use(&fixture, "cuda_host");
    execute(members, 1, "before", ends);
    size_t before = host_gpu()->used_bytes;
    execute(members, 3, "after", ends);
    assert_int_equal(host_gpu()->used_bytes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"different lanes on cpu", different_lanes_have_the_bits_they_have_alone, NULL, NULL,
         (void *)(uintptr_t) "cpu"},
        {"lanes that end badly on cpu", a_lane_that_ends_badly_leaves_the_others_alone, NULL, NULL,
         (void *)(uintptr_t) "cpu"},
        {"two and three lanes on cuda_host", two_lanes_have_the_bits_they_have_alone, NULL, NULL,
         (void *)(uintptr_t) "cuda_host"},
        cmocka_unit_test(lanes_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
