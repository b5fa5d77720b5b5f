/* Signals reach the process that is meant, and never this one's group. */
#include "base/process.h"

#include "support/cmocka.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_sleeper(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static void one_process_is_killed(void **unused)
{
    pid_t pid = start_sleeper();
    int how = 0;

    (void)unused;
    assert_false(process_is_gone(pid));
    process_kill(pid);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    assert_true(process_is_gone(pid));
}

/* 0: the caller's group; -1: everybody; -n: group n. The sleeper is in all of them. */
static void a_group_is_never_killed(void **unused)
{
    pid_t pid = start_sleeper();

    (void)unused;
    process_kill(0);
    process_kill(NO_PROCESS);
    process_kill(-getpgrp());
    assert_false(process_is_gone(0));
    assert_false(process_is_gone(NO_PROCESS));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    process_kill(pid);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_is_killed),
        cmocka_unit_test(a_group_is_never_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
