/* status.json and the request to stop: there and back, damaged, old. */
#include "dispatch/folder/status_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "dispatch/folder/stop_request.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static const struct rank_status ranks[] = {
    {.is_busy = true,
     .attempt = 2,
     .run_id = "0123456789abcdef",
     .name = "0001-lora",
     .host = "here",
     .since = "2026-01-01T00:00:00.000Z",
     .progress = {.epoch = 1,
                  .n_epochs = 5,
                  .step = 30,
                  .n_steps = 100,
                  .loss = 0.25,
                  .images_per_second = 900,
                  .phase = "train",
                  .cores = 1.5,
                  .n_cores = 2},
     .losses = {.at = {2.5F, 0.25F}, .n = 2}},
    {.host = "there"},
};
static const struct sweep_status running = {
    .state = "running",
    .exit_code = -1,
    .message = "",
    .name = "made",
    .command = "prunelora sweep \"x\".yaml",
    .started = "2026-01-01T00:00:00.000Z",
    .counts = {.n_runs = 10, .n_done = 3, .n_failed = 1, .n_skipped = 2, .n_pending = 6},
    .seconds_left = 12.5,
    .ranks = ranks,
    .n_ranks = 2,
};

static void comes_back(void **unused)
{
    struct temporary_folder folder;
    struct arena *arena = NULL;
    struct sweep_status got;

    (void)unused;
    temporary_folder_open(&folder);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(status_file_write(folder.path, &running), STATUS_OK);
    assert_int_equal(status_file_read(folder.path, arena, &got), STATUS_OK);
    assert_string_equal(got.state, "running");
    assert_string_equal(got.command, running.command);
    assert_int_equal(got.exit_code, -1);
    assert_int_equal(got.counts.n_skipped, 2);
    assert_int_equal(got.counts.n_pending, 6);
    assert_true(got.seconds_left == 12.5);
    assert_int_equal(got.n_ranks, 2);
    assert_true(got.ranks[0].is_busy && !got.ranks[1].is_busy);
    assert_string_equal(got.ranks[0].name, "0001-lora");
    assert_int_equal(got.ranks[0].attempt, 2);
    assert_int_equal(got.ranks[0].progress.step, 30);
    assert_true(got.ranks[0].progress.loss == 0.25);
    assert_true(got.ranks[0].progress.cores == 1.5);
    assert_int_equal(got.ranks[0].progress.n_cores, 2);
    assert_int_equal(got.ranks[0].losses.n, 2);
    assert_true(got.ranks[0].losses.at[0] == 2.5F && got.ranks[0].losses.at[1] == 0.25F);
    assert_int_equal(got.ranks[1].losses.n, 0);
    assert_string_equal(got.ranks[1].host, "there");
    assert_true(run_progress_share(&got.ranks[0].progress) == 0.3);
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

static void ended_sweep_has_an_exit_code(void **unused)
{
    struct temporary_folder folder;
    struct arena *arena = NULL;
    struct sweep_status ended = running, got;
    double age = 0;

    (void)unused;
    ended.state = "stopped";
    ended.exit_code = 75;
    ended.seconds_left = NAN;
    ended.n_ranks = 0;
    temporary_folder_open(&folder);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(status_file_write(folder.path, &ended), STATUS_OK);
    assert_int_equal(status_file_read(folder.path, arena, &got), STATUS_OK);
    assert_int_equal(got.exit_code, 75);
    assert_true(isnan(got.seconds_left));
    assert_false(status_is_running(&got));
    assert_false(status_is_alive(folder.path, &got, &age));
    assert_true(age < 30);
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

static void make_old(const char *path, double seconds)
{
    struct timespec times[2] = {{.tv_sec = (time_t)(clock_wall_seconds() - seconds)}};

    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void silence_means_death(void **unused)
{
    struct temporary_folder folder;
    struct arena *arena = NULL;
    struct sweep_status got;
    char path[TEMPORARY_PATH_BYTES];
    double age = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "status.json", path);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(status_file_write(folder.path, &running), STATUS_OK);
    assert_int_equal(status_file_read(folder.path, arena, &got), STATUS_OK);
    assert_true(status_is_alive(folder.path, &got, &age)); /* this process */
    make_old(path, 30);
    assert_true(status_is_alive(folder.path, &got, &age)); /* a slow file system */
    assert_true(age > 29 && age < 60);
    got.pid = 999999999; /* no process has this number */
    assert_false(status_is_alive(folder.path, &got, &age));
    got.host = "elsewhere"; /* its processes are not seen from here */
    assert_true(status_is_alive(folder.path, &got, &age));
    make_old(path, 100);
    assert_false(status_is_alive(folder.path, &got, &age));
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

/* A file system that takes 1.2 s for a file once made the next one a minute late: "was killed". */
static void slow_disk_is_no_death(void **unused)
{
    (void)unused;
    assert_true(status_file_pause(0.1) == 5);
    assert_true(status_file_pause(1.2) + 10 < STATUS_SILENCE_SECONDS);
    assert_true(status_file_pause(30) + 30 < STATUS_SILENCE_SECONDS);
}

static void foreign_files_are_refused(void **unused)
{
    static const char *const contents[] = {"", "[]", "{}", "{\"state\":3}", "{\"state\":\"run"};
    struct temporary_folder folder;
    struct arena *arena = NULL;
    struct sweep_status got;
    char path[TEMPORARY_PATH_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "status.json", path);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(status_file_read(folder.path, arena, &got), STATUS_IO);
    assert_non_null(strstr(status_message(), "status.json"));
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        assert_int_equal(file_write(path, contents[i], strlen(contents[i])), STATUS_OK);
        assert_int_equal(status_file_read(folder.path, arena, &got), STATUS_BAD_DATA);
        assert_non_null(strstr(status_message(), "is not the status of a sweep"));
    }
    arena_destroy(arena);
    temporary_folder_close(&folder);
}

static void request_is_taken_once(void **unused)
{
    struct temporary_folder folder;
    char reason[STOP_REASON_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    assert_false(stop_request_take(folder.path, (struct shard){0}, reason));
    assert_int_equal(stop_request_make(folder.path, (struct shard){0}), STATUS_OK);
    assert_true(stop_request_is_pending(folder.path, (struct shard){0}));
    assert_true(stop_request_take(folder.path, (struct shard){0}, reason));
    assert_non_null(strstr(reason, "prunelora stop on host "));
    assert_false(stop_request_is_pending(folder.path, (struct shard){0}));
    assert_false(stop_request_take(folder.path, (struct shard){0}, reason));
    assert_int_equal(temporary_folder_count(&folder), 0);
    temporary_folder_close(&folder);
}

static void touched_stop_file_counts(void **unused)
{
    struct temporary_folder folder;
    char reason[STOP_REASON_BYTES], path[TEMPORARY_PATH_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "stop", path);
    assert_int_equal(file_write(path, "", 0), STATUS_OK);
    assert_true(stop_request_take(folder.path, (struct shard){0}, reason));
    assert_string_equal(reason, "a stop file");
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(ended_sweep_has_an_exit_code),
        cmocka_unit_test(silence_means_death),
        cmocka_unit_test(slow_disk_is_no_death),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(request_is_taken_once),
        cmocka_unit_test(touched_stop_file_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
