/* Names of the files of shards, there and back. */
#include "store/results/shard.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <string.h>

static void test_text(void **state)
{
    static const char *const bad[] = {"",       "1",     "0/2", "3/2",     "-1/2",
                                      "1/2 ",   " 1/2",  "1/",  "/2",      "1/02",
                                      "1-of-2", "1/2/3", "a/b", "1/10000", "01/2"};
    struct shard shard = {0};

    (void)state;
    assert_true(shard_from_text("2/4", &shard));
    assert_int_equal(shard.index, 2);
    assert_int_equal(shard.count, 4);
    assert_true(shard_from_text("9999/9999", &shard));
    shard = (struct shard){7, 7};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (shard_from_text(bad[i], &shard))
            fail_msg("'%s' was taken for a shard", bad[i]);
    assert_int_equal(shard.index, 7); /* untouched */
}

static void test_files(void **state)
{
    static const char *const names[] = {
        "results-10-of-12.h5", "results-2-of-12.h5", "results.h5",          "results-0-of-2.h5",
        "results-3-of-2.h5",   "results-1-of-2.h",   "results-1-of-2.h5.x", "resultsX.h5",
        "results-01-of-2.h5",  "status-1-of-2.json", "journal-1-of-2.jsonl"};
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];
    struct arena *arena = NULL;
    struct shard *found = NULL;
    int64_t n = 0;

    (void)state;
    temporary_folder_open(&folder);
    ok(arena_create(&arena));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ok(file_write(temporary_path(&folder, names[i], path), "", 0));
    ok(shards_find(folder.path, shard_results, arena, &found, &n));
    assert_int_equal(n, 3);
    assert_int_equal(found[0].count, 0);
    assert_int_equal(found[1].index, 2);
    assert_int_equal(found[2].index, 10);
    for (int64_t i = 0; i < n; i++)
        assert_true(file_exists(shard_path(arena, folder.path, found[i], shard_results)));
    ok(shards_find("/nowhere", shard_results, arena, &found, &n));
    assert_int_equal(n, 0);
    assert_string_equal(shard_path(arena, "f", (struct shard){1, 2}, shard_lock), "f/lock-1-of-2");
    assert_string_equal(shard_path(arena, "f", (struct shard){0}, shard_lock), "f/lock");
    assert_string_equal(shard_path(arena, "f", (struct shard){1, 2}, shard_journal),
                        "f/journal-1-of-2.jsonl");
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
