/* The only place that calls kill(). */
#include "base/process.h"

#include <errno.h>
#include <signal.h>

void process_kill(pid_t pid)
{
    if (pid > 0)
        kill(pid, SIGKILL);
}

bool process_is_gone(pid_t pid)
{
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}
