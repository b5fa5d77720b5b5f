/* A trainer that read anything else than the run was planned with trains nothing. */
#include "train/fixture.h"

#include "base/file.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "unlearn/forget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static struct settings settings;
static char weights_hash[HASH_HEX_BYTES], split_hash[HASH_HEX_BYTES];

static int open_fixture(void **state)
{
    struct dataset *dataset = NULL;
    struct split *split = NULL;

    (void)state;
    fixture_open(&fixture, "cpu");
    settings = fixture_settings(&fixture, "finetune");
    const struct split_request request = forget_request(&settings);
    ok(hash_file(fixture.weights, weights_hash));
    ok(dataset_load(DATASET_IMAGES, fixture.data, &dataset));
    ok(split_create(dataset, &request, &split));
    memcpy(split_hash, split->hash, sizeof split_hash);
    split_destroy(split);
    dataset_destroy(dataset);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static enum status execute(const char *name, const char *split, const char *weights)
{
    const struct fixture_run run = {.name = name, .contents = {split, weights}};

    return fixture_execute(&fixture, &settings, &run);
}

static void expect_refused(const char *name, const char *split, const char *weights,
                           const char *said)
{
    char path[160];

    assert_int_equal(execute(name, split, weights), STATUS_CHANGED_INPUT);
    if (strstr(status_message(), said) == NULL)
        fail_msg("'%s' is not in '%s'", said, status_message());
    snprintf(path, sizeof path, "%s/%s/run.h5", fixture.folder, name);
    assert_false(file_exists(path));
}

static void what_was_planned_is_trained(void **state)
{
    (void)state;
    ok(execute("planned", split_hash, weights_hash));
    ok(execute("unplanned", NULL, "")); /* by hand: whatever is there */
}

static void other_contents_are_refused(void **state)
{
    char other[HASH_HEX_BYTES];

    (void)state;
    memset(other, 'e', sizeof other - 1);
    other[sizeof other - 1] = '\0';
    expect_refused("data", other, weights_hash, "' is not what the sweep was planned with");
    expect_refused("weights", split_hash, other, "expected eeeeeeeeeeee): put it back");
}

/* The trainer has the planned weights in memory, and other ones lie at their path by now. */
static void swapped_weights_are_refused(void **state)
{
    char path[160], *bytes = NULL;
    int64_t n = 0;

    (void)state;
    ok(execute("before", split_hash, weights_hash));
    snprintf(path, sizeof path, "%s/before/weights.h5", fixture.folder);
    ok(file_read(path, &bytes, &n));
    ok(file_write(fixture.weights, bytes, (size_t)n));
    free(bytes);
    expect_refused("swapped", split_hash, weights_hash, fixture.weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_planned_is_trained),
        cmocka_unit_test(other_contents_are_refused),
        cmocka_unit_test(swapped_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
