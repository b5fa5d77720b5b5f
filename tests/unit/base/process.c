/* Signals reach the process that is meant, and never a group. The calls of kill() land here and go
 * no further: were the guard broken, this test would take the whole machine down. */
#include "base/process.h"

#include "support/cmocka.h"

#include <errno.h>
#include <signal.h>

static struct {
    int n, signal, error;
    pid_t pid;
} calls;

int __wrap_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal)
{
    calls.n++;
    calls.pid = pid;
    calls.signal = signal;
    errno = calls.error;
    return calls.error == 0 ? 0 : -1;
}

static void one_process_is_killed(void **unused)
{
    (void)unused;
    calls.n = calls.error = 0;
    process_kill(77);
    assert_int_equal(calls.n, 1);
    assert_int_equal(calls.pid, 77);
    assert_int_equal(calls.signal, SIGKILL);
    assert_false(process_is_gone(77));
    assert_int_equal(calls.signal, 0);
    calls.error = EPERM; /* another user's */
    assert_false(process_is_gone(77));
    calls.error = ESRCH;
    assert_true(process_is_gone(77));
}

/* 0: the caller's group; -1: everybody; -n: group n. */
static void a_group_is_never_signalled(void **unused)
{
    (void)unused;
    calls.n = 0;
    calls.error = ESRCH;
    for (pid_t pid = -3; pid <= 0; pid++) {
        process_kill(pid);
        assert_false(process_is_gone(pid));
    }
    process_kill(NO_PROCESS);
    assert_int_equal(calls.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_is_killed),
        cmocka_unit_test(a_group_is_never_signalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
