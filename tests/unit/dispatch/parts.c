/* Cores, the folder's lock, queues between ranks, and the plain progress lines. */
#include "dispatch/folder/folder_lock.h"
#include "dispatch/supervise/cores.h"
#include "dispatch/talk/transport.h"
#include "dispatch/view/progress.h"

#include "base/clock.h"
#include "base/file.h"
#include "mpi/made_sweep.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void cores_are_shared_out(void **unused)
{
    const struct cores node = {.n = 8, .ids = {0, 1, 2, 3, 8, 9, 10, 11}};
    struct cores slice, back;
    char text[CORES_TEXT_BYTES];

    (void)unused;
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(cores_threads(&node, 4, 0), 2);
    assert_int_equal(cores_threads(&node, 16, 0), 1);
    assert_int_equal(cores_threads(&node, 4, 5), 5);
    setenv("OMP_NUM_THREADS", "3,2", 1);
    assert_int_equal(cores_threads(&node, 4, 0), 3);
    setenv("OMP_NUM_THREADS", "many", 1);
    assert_int_equal(cores_threads(&node, 4, 0), 2);
    unsetenv("OMP_NUM_THREADS");
    cores_slice(&node, 2, 4, 2, &slice); /* 4 trainers × 2 threads fill the node */
    assert_int_equal(cores_to_text(&slice, text), STATUS_OK);
    assert_string_equal(text, "8-9");
    cores_slice(&node, 2, 4, 1, &slice); /* they do not: all of it for each */
    assert_int_equal(cores_to_text(&slice, text), STATUS_OK);
    assert_string_equal(text, "0-3,8-11");
    assert_int_equal(cores_from_text(text, &back), STATUS_OK);
    assert_int_equal(back.n, 8);
    assert_memory_equal(back.ids, node.ids, 8 * sizeof(int));
    cores_of_node(&back);
    assert_true(back.n >= 1);
}

/* Cores found by a process on one core, whose parent has all of them and that name. */
static int cores_below(const char *name)
{
    int how = 0;
    pid_t parent = fork();

    if (parent == 0) {
        prctl(PR_SET_NAME, name);
        pid_t child = fork();
        if (child == 0) {
            struct cores one = {.n = 1}, found;
            cores_of_node(&found);
            one.ids[0] = found.ids[0];
            if (cores_bind(&one) != STATUS_OK)
                _exit(0);
            cores_of_node(&found);
            _exit(found.n);
        }
        waitpid(child, &how, 0);
        _exit(WEXITSTATUS(how));
    }
    waitpid(parent, &how, 0);
    return WEXITSTATUS(how);
}

static void launchers_know_the_cores(void **unused)
{
    static const char *const names[] = {"mpirun", "mpiexec.hydra", "hydra_pmi_proxy",
                                        "mpirun.openmpi"};
    struct cores node;

    (void)unused;
    cores_of_node(&node);
    if (node.n < 2 || node.n > 255)
        skip();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(cores_below(names[i]), node.n);
    assert_int_equal(cores_below("mpirunner"), 1);
}

static void wrong_cores_are_refused(void **unused)
{
    static const char *const texts[] = {"", "a", "1-", "3-1", "-1", "1,,2", "1 2", "99999", "1,"};
    struct cores cores;

    (void)unused;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(cores_from_text(texts[i], &cores), STATUS_BAD_CONFIG);
        assert_non_null(strstr(status_message(), "cores must be like 0,2-3"));
    }
}

/* flock belongs to the open file: a second opening in this process is refused like a stranger. */
static void second_lock_is_refused(void **unused)
{
    struct temporary_folder folder;
    struct folder_lock *first = NULL, *second = NULL;
    char wanted[64];

    (void)unused;
    temporary_folder_open(&folder);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &first), STATUS_OK);
    assert_int_equal(folder_lock_touch(first), STATUS_OK);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &second),
                     STATUS_BAD_CONFIG);
    assert_null(second);
    snprintf(wanted, sizeof wanted, "process %ld on host ", (long)getpid());
    assert_non_null(strstr(status_message(), wanted));
    assert_non_null(strstr(status_message(), folder.path));
    folder_lock_release(first);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &second), STATUS_OK);
    folder_lock_release(second);
    temporary_folder_close(&folder);
}

/* The folder itself is locked, and the owner makes the file anew. */
static void deleted_lock_lets_nobody_in(void **unused)
{
    struct temporary_folder folder;
    struct folder_lock *first = NULL, *second = NULL;
    char path[TEMPORARY_PATH_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "lock", path);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &first), STATUS_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &second),
                     STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "was deleted; wait for it"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(folder_lock_touch(first), STATUS_OK);
    assert_true(folder_lock_has_owner(folder.path, (struct shard){0}));
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.2, &second),
                     STATUS_BAD_CONFIG);
    folder_lock_release(first);
    temporary_folder_close(&folder);
}

/* Moved away, nothing in its place, another in its place; and moved back. */
static void folder_is_known_again(void **unused)
{
    struct temporary_folder folder;
    struct folder_lock *lock = NULL;
    char path[TEMPORARY_PATH_BYTES], moved[TEMPORARY_PATH_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "results", path);
    temporary_path(&folder, "moved", moved);
    assert_int_equal(folder_create(path), STATUS_OK);
    assert_int_equal(folder_lock_take(path, (struct shard){0}, 0.2, &lock), STATUS_OK);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(folder_lock_check(lock), STATUS_STORAGE);
    assert_non_null(strstr(status_message(), "was removed, moved or replaced"));
    assert_int_equal(folder_create(path), STATUS_OK);
    assert_int_equal(folder_lock_touch(lock), STATUS_STORAGE);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(moved, path), 0);
    assert_int_equal(folder_lock_touch(lock), STATUS_OK);
    folder_lock_release(lock);
    temporary_folder_close(&folder);
}

/* A shard shares the folder with others; its journal is its own. */
static void deleted_lock_of_a_shard_lets_nobody_in(void **unused)
{
    const struct shard shard = {1, 2}, other = {2, 2};
    struct temporary_folder folder;
    struct folder_lock *first = NULL, *second = NULL;
    char path[TEMPORARY_PATH_BYTES];

    (void)unused;
    temporary_folder_open(&folder);
    assert_int_equal(folder_lock_take(folder.path, shard, 0.2, &first), STATUS_OK);
    assert_int_equal(file_write(temporary_path(&folder, "journal-1-of-2.jsonl", path), "", 0),
                     STATUS_OK);
    assert_int_equal(folder_lock_touch(first), STATUS_OK);
    assert_int_equal(unlink(temporary_path(&folder, "lock-1-of-2", path)), 0);
    assert_int_equal(folder_lock_take(folder.path, shard, 0.2, &second), STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "was deleted; wait for it"));
    assert_int_equal(folder_lock_take(folder.path, other, 0.2, &second), STATUS_OK);
    folder_lock_release(second);
    folder_lock_release(first);
    assert_int_equal(folder_lock_take(folder.path, shard, 0.2, &first), STATUS_OK);
    folder_lock_release(first);
    temporary_folder_close(&folder);
}

/* Who died without a word is known at once on its own host, not after a minute of silence. */
static void left_lock_is_known(void **unused)
{
    const struct shard shard = {1, 2};
    struct temporary_folder folder;
    struct folder_lock *lock = NULL;

    (void)unused;
    temporary_folder_open(&folder);
    assert_false(folder_lock_was_left(folder.path, shard)); /* nobody ever had it */
    pid_t child = fork();
    if (child == 0)
        _exit(folder_lock_take(folder.path, shard, 0.2, &lock) == STATUS_OK ? 0 : 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(folder_lock_was_left(folder.path, shard));
    assert_int_equal(folder_lock_take(folder.path, shard, 0.2, &lock), STATUS_OK);
    assert_false(folder_lock_was_left(folder.path, shard));
    folder_lock_release(lock);
    assert_false(folder_lock_was_left(folder.path, shard));
    temporary_folder_close(&folder);
}

static void dead_owner_is_replaced(void **unused)
{
    struct temporary_folder folder;
    struct folder_lock *lock = NULL;

    (void)unused;
    temporary_folder_open(&folder);
    pid_t child = fork();
    if (child == 0) /* dies with the lock in its hands */
        _exit(folder_lock_take(folder.path, (struct shard){0}, 0.2, &lock) == STATUS_OK ? 0 : 1);
    int how = 1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    double start = clock_seconds();
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 30, &lock), STATUS_OK);
    assert_true(clock_seconds() - start < 10); /* same host: nothing to wait for */
    folder_lock_release(lock);
    temporary_folder_close(&folder);
}

struct toucher {
    const char *path;
    double seconds;
};

static void *touch_later(void *context)
{
    const struct toucher *toucher = context;
    int fd = open(toucher->path, O_WRONLY);

    clock_sleep(toucher->seconds);
    if (fd >= 0) {
        if (futimens(fd, NULL) != 0)
            perror("futimens");
        close(fd);
    }
    return NULL;
}

static void foreign_owner_is_watched(void **unused)
{
    static const char owner[] =
        "{\"host\":\"far-away\",\"pid\":42,\"since\":\"2026-01-01\",\"job\":\"77\"}\n";
    struct temporary_folder folder;
    struct folder_lock *lock = NULL;
    char path[TEMPORARY_PATH_BYTES];
    pthread_t thread;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "lock", path);
    assert_int_equal(file_write(path, owner, sizeof owner - 1), STATUS_OK);
    struct toucher toucher = {path, 0.3};
    assert_int_equal(pthread_create(&thread, NULL, touch_later, &toucher), 0);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 1.5, &lock),
                     STATUS_BAD_CONFIG);
    assert_non_null(strstr(status_message(), "process 42 on host far-away since 2026-01-01, "
                                             "Slurm job 77"));
    pthread_join(thread, NULL);
    assert_int_equal(folder_lock_take(folder.path, (struct shard){0}, 0.3, &lock),
                     STATUS_OK); /* silent: taken over */
    folder_lock_release(lock);
    temporary_folder_close(&folder);
}

static void *broadcast_to(void *context)
{
    struct transport *transport = context;
    char *bytes = NULL;
    int64_t n = 0;

    if (transport_broadcast(transport, &bytes, &n) != STATUS_OK || n != 5 ||
        memcmp(bytes, "hello", 6) != 0)
        transport->has_lost_peer = true;
    free(bytes);
    return NULL;
}

static void queues_deliver_in_order(void **unused)
{
    struct transport *ranks[3];
    pthread_t threads[2];
    char text[] = "hello", *bytes = text;
    int64_t length = 5;
    char buffer[TRANSPORT_MAX_BYTES];
    size_t n = 0;
    int from = -2;

    (void)unused;
    assert_int_equal(transport_open_queues(3, ranks), STATUS_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, broadcast_to, ranks[i + 1]), 0);
    assert_int_equal(transport_broadcast(ranks[0], &bytes, &length), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_false(ranks[i + 1]->has_lost_peer);
    }
    for (int i = 0; i < 3; i++) {
        const char c = (char)('a' + i);
        assert_int_equal(transport_send(ranks[1], 2, &c, 1), STATUS_OK);
        assert_int_equal(transport_send(ranks[2], 2, &c, 1), STATUS_OK); /* to itself */
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(transport_receive(ranks[2], &from, buffer, &n), STATUS_OK);
        assert_int_equal(from, i < 3 ? 2 : 1);
        assert_int_equal(n, 1);
        assert_int_equal(buffer[0], 'a' + i % 3);
    }
    assert_int_equal(transport_receive(ranks[2], &from, buffer, &n), STATUS_OK);
    assert_int_equal(from, -1);
    assert_int_equal(transport_send(ranks[0], 1, "left", 4), STATUS_OK); /* freed at close */
    for (int i = 0; i < 3; i++)
        transport_close(ranks[i]);
}

static void slurm_without_launcher_is_one_process(void **unused)
{
    static const char *const launchers[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                            "PMI_FD"};
    struct transport *transport = NULL;

    (void)unused;
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        unsetenv(launchers[i]);
    setenv("SLURM_PROCID", "0", 1); /* as in a batch script of two tasks */
    setenv("SLURM_NTASKS", "2", 1);
    unsetenv("SLURM_STEP_NUM_TASKS");
    assert_int_equal(transport_open(&transport), STATUS_OK);
    assert_string_equal(transport->ops->name, "in-process");
    transport_close(transport);
    transport = NULL;
    setenv("SLURM_STEP_NUM_TASKS", "2", 1); /* as in `srun -n 2` without MPI */
    assert_int_equal(transport_open(&transport), STATUS_DEVICE);
    assert_null(transport);
    assert_non_null(strstr(status_message(), "srun started 2 tasks that cannot reach each other"));
    unsetenv("SLURM_STEP_NUM_TASKS");
    unsetenv("SLURM_NTASKS");
    unsetenv("SLURM_PROCID");
}

static void progress_in_a_log(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], *text = NULL;
    int64_t n = 0;
    struct progress *progress = NULL;
    struct sweep *sweep = made_sweep_create(3);

    (void)unused;
    assert_non_null(sweep);
    temporary_folder_open(&folder);
    temporary_path(&folder, "out.txt", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    struct progress_settings settings = {.sweep = sweep, .n_ranks = 2, .fd = fd};
    assert_int_equal(progress_create(&settings, &progress), STATUS_OK);
    struct journal_event event = {.kind = JOURNAL_ASSIGNED, .run = 1, .attempt = 2, .rank = 1};
    progress_event(progress, &event);
    event.kind = JOURNAL_DONE;
    progress_event(progress, &event);
    struct event done = {.kind = EVENT_DONE, .run = 1, .scores = {0.25, 0.5, NAN, 1}};
    progress_heard(progress, 1, &done);
    event = (struct journal_event){.kind = JOURNAL_FAILED, .run = 2, .attempt = 1, .rank = 0};
    copy_text(event.text, sizeof event.text, "loss is NaN");
    progress_event(progress, &event);
    progress_tick(progress, clock_seconds()); /* nothing is redrawn in a file */
    progress_destroy(progress);
    close(fd);
    assert_int_equal(file_read(path, &text, &n), STATUS_OK);
    assert_string_equal(text,
                        "[0/3] started 0001-finetune-seed1 (attempt 2, rank 1)\n"
                        "[1/3] done 0001-finetune-seed1 in 0 s: UA 0.2500  RA 0.5000  MIA 1.0000\n"
                        "[2/3] failed 0002-finetune-seed2 (attempt 1, rank 0): loss is NaN\n");
    free(text);
    sweep_destroy(sweep);
    temporary_folder_close(&folder);
}

static void text_is_cut_between_characters(void **unused)
{
    char small[4];

    (void)unused;
    copy_text(small, sizeof small, "abü"); /* ü is two bytes, only one would fit */
    assert_string_equal(small, "ab");
    copy_text(small, sizeof small, "aü");
    assert_string_equal(small, "aü");
    copy_text(small, sizeof small, "abcdef");
    assert_string_equal(small, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_are_shared_out),
        cmocka_unit_test(launchers_know_the_cores),
        cmocka_unit_test(wrong_cores_are_refused),
        cmocka_unit_test(second_lock_is_refused),
        cmocka_unit_test(deleted_lock_lets_nobody_in),
        cmocka_unit_test(folder_is_known_again),
        cmocka_unit_test(deleted_lock_of_a_shard_lets_nobody_in),
        cmocka_unit_test(left_lock_is_known),
        cmocka_unit_test(dead_owner_is_replaced),
        cmocka_unit_test(foreign_owner_is_watched),
        cmocka_unit_test(queues_deliver_in_order),
        cmocka_unit_test(slurm_without_launcher_is_one_process),
        cmocka_unit_test(progress_in_a_log),
        cmocka_unit_test(text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
