/* The only place that calls kill(). */
#include "base/process.h"

#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

void host_name(char host[HOST_BYTES])
{
    if (gethostname(host, HOST_BYTES) != 0)
        copy_text(host, HOST_BYTES, "unknown");
    host[HOST_BYTES - 1] = '\0';
}

void process_kill(pid_t pid)
{
    if (pid > 0)
        kill(pid, SIGKILL);
}

bool process_is_gone(pid_t pid)
{
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}
