/* Shards: every run in exactly one, with its reference, evenly, the same whatever the order; and
 * runs found by the words users have for them. */
#include "sweep/plan/shard_runs.h"

#include "loading.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE                                                                                       \
    "config:\n"                                                                                    \
    "  model: {arch: resnet20, weights: w.th}\n"                                                   \
    "  data: {path: absent, mean: published, std: published}\n"                                    \
    "parameters:\n"

static const char with_references[] = BASE "  unlearn.method: [retrain, finetune, lora]\n"
                                           "  forget.class: {range: [0, 4]}\n"
                                           "seeds: 3\n";
static const char without[] = BASE "  unlearn.method: [finetune]\n"
                                   "  forget.class: {range: [0, 9]}\n"
                                   "  train.epochs: [1, 10]\n";

static struct sweep *deal(const struct sweep *whole, int index, int count)
{
    struct sweep *part = NULL;

    assert_int_equal(sweep_deal(whole, (struct shard){index, count}, &part), STATUS_OK);
    return part;
}

static void expect_partition(const struct sweep *whole, int count, int64_t most_apart)
{
    int64_t *times = calloc((size_t)whole->n_runs, sizeof *times), least = INT64_MAX, most = 0;

    assert_non_null(times);
    for (int index = 1; index <= count; index++) {
        struct sweep *part = deal(whole, index, count);
        assert_ptr_equal(sweep_whole(part), whole);
        for (int64_t i = 0; i < part->n_runs; i++) {
            const struct run *run = &part->runs[i], *original = &whole->runs[sweep_number(part, i)];
            times[sweep_number(part, i)]++;
            assert_string_equal(run->id, original->id);
            if (original->reference == NULL) {
                assert_null(run->reference);
                continue;
            }
            assert_true(run->reference >= part->runs && run->reference < part->runs + part->n_runs);
            assert_string_equal(run->reference->id, original->reference->id);
        }
        for (int64_t i = 0; i < whole->n_points; i++)
            if (part->points[i] >= 0)
                assert_string_equal(part->runs[part->points[i]].id,
                                    whole->runs[whole->points[i]].id);
        least = part->n_runs < least ? part->n_runs : least;
        most = part->n_runs > most ? part->n_runs : most;
        sweep_destroy(part);
    }
    for (int64_t i = 0; i < whole->n_runs; i++)
        assert_int_equal(times[i], 1);
    assert_true(most - least <= most_apart);
    free(times);
}

static void test_partition(void **state)
{
    struct loaded first = load_good(with_references, NULL), second = load_good(without, NULL);

    (void)state;
    assert_int_equal(first.sweep->n_runs, 45);
    for (int count = 1; count <= 50; count++) {
        expect_partition(first.sweep, count, 3); /* a retrained model and its two runs */
        expect_partition(second.sweep, count, 1);
    }
    loaded_release(&first);
    loaded_release(&second);
}

/* Not every second run of the grid: a shard would get all the long ones. */
static void test_mixed(void **state)
{
    struct loaded loaded = load_good(without, NULL);
    struct sweep *part = deal(loaded.sweep, 1, 2);
    int64_t n_long = 0;

    (void)state;
    for (int64_t i = 0; i < part->n_runs; i++)
        n_long += part->runs[i].settings.train.epochs == 10;
    assert_true(n_long > 0 && n_long < part->n_runs);
    sweep_destroy(part);
    loaded_release(&loaded);
}

static void test_whole(void **state)
{
    struct loaded loaded = load_good(without, NULL);

    (void)state;
    assert_ptr_equal(sweep_whole(loaded.sweep), loaded.sweep);
    assert_int_equal(sweep_number(loaded.sweep, 7), 7);
    loaded_release(&loaded);
}

/* ---- words ---- */

static void expect_choice(const struct sweep *sweep, const char *list, const char *wanted)
{
    bool *is_chosen = calloc((size_t)sweep->n_runs, sizeof *is_chosen);
    char got[64] = "";

    assert_non_null(is_chosen);
    assert_int_equal(sweep_choose(sweep, list, is_chosen), STATUS_OK);
    for (int64_t i = 0; i < sweep->n_runs && i < 60; i++)
        got[i] = is_chosen[i] ? 'x' : '.';
    assert_string_equal(got, wanted);
    free(is_chosen);
}

static void expect_refusal(const struct sweep *sweep, const char *list, const char *words)
{
    bool *is_chosen = calloc((size_t)sweep->n_runs, sizeof *is_chosen);

    assert_non_null(is_chosen);
    assert_int_equal(sweep_choose(sweep, list, is_chosen), STATUS_BAD_CONFIG);
    if (strstr(status_message(), words) == NULL)
        fail_msg("'%s' says %s", list, status_message());
    free(is_chosen);
}

static void test_choose(void **state)
{
    struct loaded loaded = load_good(BASE "  unlearn.method: [finetune, lora]\n"
                                          "  forget.class: [3, 4]\n",
                                     NULL);
    const struct sweep *sweep = loaded.sweep;
    char list[64], beginning[RUN_ID_BYTES];

    (void)state;
    expect_choice(sweep, "0001-finetune-c4-seed0", ".x..");
    expect_choice(sweep, "0001-,0003-lora", ".x.x");
    expect_choice(sweep, sweep->runs[2].id, "..x.");
    memcpy(beginning, sweep->runs[0].id, 8);
    beginning[8] = '\0';
    expect_choice(sweep, beginning, "x...");
    snprintf(list, sizeof list, "%s,%s", beginning, sweep->runs[3].id);
    expect_choice(sweep, list, "x..x");
    expect_refusal(sweep, "000", "--only '000' matches 4 runs: 0000-finetune-c3-seed0 (");
    expect_refusal(sweep, "0001-finetune-c5-seed0",
                   "'0001-finetune-c5-seed0' matches no run of this sweep; the nearest are "
                   "0001-finetune-c4-seed0, 0000-finetune-c3-seed0, ");
    expect_refusal(sweep, "0001-,", "--only expects ids or names of runs, separated by commas");
    loaded_release(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
