/* A hundred runs in one trainer leave nothing behind: no file open, no memory held. */
#include "train/fixture.h"

#include "data/dataset.h"
#include "support/cmocka.h"
#include "train/trainer.h"

#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>

enum { N_RUNS = 100, N_WARM = 10 }; /* after these, every method's primitives are in the caches */

static int count_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

static int64_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}

/* Fewer images than the fixture's, and one thread: a hundred runs in seconds. */
static void make_small(struct fixture *fixture)
{
    struct synth_settings synth = {.n_train = 30, .n_test = 10, .seed = 7};

    snprintf(fixture->data, sizeof fixture->data, "%s/small", fixture->folder);
    assert_int_equal(synth_write(&synth, fixture->data), STATUS_OK);
    trainer_destroy(fixture->trainer);
    assert_int_equal(trainer_create(backend_find("cpu"), 1, &fixture->trainer), STATUS_OK);
}

static void execute(const struct fixture *fixture, int i)
{
    static const char *const methods[] = {"finetune", "prune_finetune", "lora", "prune_lora",
                                          "retrain"};
    struct settings settings =
        fixture_settings(fixture, methods[(size_t)i % (sizeof methods / sizeof *methods)]);
    char name[32];

    settings.train.epochs = settings.base_train.epochs = 1;
    settings.seed = i;
    settings.eval.batch_size = 32;
    settings.checkpoint.every_seconds = 0.01; /* checkpoints are part of what may leak */
    snprintf(name, sizeof name, "run%d", i);
    enum status status = fixture_execute(fixture, &settings, &(struct fixture_run){.name = name});
    if (status != STATUS_OK)
        fail_msg("%s: %s", name, status_message());
}

static void leave_nothing_behind(void **unused)
{
    struct fixture fixture;
    int n_files = 0;
    int64_t n_bytes = 0;

    (void)unused;
    fixture_open(&fixture, "cpu");
    make_small(&fixture);
    for (int i = 0; i < N_RUNS; i++) {
        execute(&fixture, i);
        if (i + 1 == N_WARM) {
            n_files = count_open_files();
            n_bytes = bytes_in_use();
        }
        if (i + 1 > N_WARM && count_open_files() != n_files)
            fail_msg("%d open files after run %d, %d before", count_open_files(), i, n_files);
    }
    int64_t growth = bytes_in_use() - n_bytes;
    print_message("%d runs: %d open files, %" PRId64 " bytes in use, %" PRId64
                  " more than after %d\n",
                  N_RUNS, n_files, bytes_in_use(), growth, N_WARM);
    /* 1 KiB a run: less than any tensor of the network, and no allocator's own bookkeeping. */
    assert_true(growth < (N_RUNS - N_WARM) * 1024);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
