/* Blocked, and read by signalfd. */
#include "dispatch/lead/stop_signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
}

enum status stop_signals_block(void)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    fill(&set);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return fail(STATUS_DEVICE, "cannot take over the stop signals: %s", strerror(errno));
    return STATUS_OK;
}

enum status stop_signals_open(int *out)
{
    sigset_t set;

    fill(&set);
    *out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*out < 0)
        return fail(STATUS_DEVICE, "cannot read signals: %s", strerror(errno));
    return STATUS_OK;
}

int stop_signals_next(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
