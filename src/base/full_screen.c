/* The terminal's other screen, and its way back. */
#include "base/full_screen.h"

#include "base/arena.h"
#include "base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* other screen, no cursor, no line wrap; and all of it back in the opposite order */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
static const char leave[] = "\033[?7h\033[?25h\033[?1049l";

struct full_screen {
    int in_fd, out_fd; /* in −1: no keys */
    int signals;       /* signalfd; −1 before it is open */
    sigset_t old_mask;
    struct termios old_modes;
    bool has_old_mask, is_entered;
    int quit_signal;
    char keys[32]; /* read and not looked at yet, zero-terminated */
};

enum status full_screen_write(struct full_screen *screen, const char *bytes, int64_t n)
{
    while (n > 0) {
        ssize_t written = write(screen->out_fd, bytes, (size_t)n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) { /* another program made it non-blocking */
            struct pollfd ready = {.fd = screen->out_fd, .events = POLLOUT};
            if (poll(&ready, 1, 1000) > 0)
                continue;
        }
        if (written <= 0)
            return fail(STATUS_IO, "cannot write to the terminal: %s", strerror(errno));
        bytes += written;
        n -= written;
    }
    return STATUS_OK;
}

static enum status enter_screen(struct full_screen *screen)
{
    struct termios modes = screen->old_modes;

    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    modes.c_cc[VMIN] = 0; /* a read takes what is there */
    modes.c_cc[VTIME] = 0;
    screen->is_entered = true;
    if (screen->in_fd >= 0 && tcsetattr(screen->in_fd, TCSANOW, &modes) != 0)
        return fail(STATUS_IO, "cannot set the modes of the terminal: %s", strerror(errno));
    return full_screen_write(screen, enter, sizeof enter - 1);
}

static void leave_screen(struct full_screen *screen)
{
    if (!screen->is_entered)
        return;
    screen->is_entered = false;
    enum status status = full_screen_write(screen, leave, sizeof leave - 1);
    if (screen->in_fd >= 0 && tcsetattr(screen->in_fd, TCSADRAIN, &screen->old_modes) != 0)
        status = STATUS_IO;
    (void)status; /* a terminal that is gone needs no way back */
}

static enum status take_signals(struct full_screen *screen)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    if (sigprocmask(SIG_BLOCK, &set, &screen->old_mask) != 0)
        return fail(STATUS_IO, "cannot take over the signals: %s", strerror(errno));
    screen->has_old_mask = true;
    screen->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (screen->signals < 0)
        return fail(STATUS_IO, "cannot read signals: %s", strerror(errno));
    return STATUS_OK;
}

enum status full_screen_open(int out_fd, struct full_screen **out)
{
    enum status status = STATUS_OK;
    struct full_screen *made = NULL;
    struct terminal terminal;

    terminal_look(out_fd, &terminal);
    if (!terminal.is_terminal)
        return fail(STATUS_BAD_CONFIG, "a full screen needs a terminal");
    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    *made = (struct full_screen){.in_fd = -1, .out_fd = out_fd, .signals = -1};
    if (tcgetattr(STDIN_FILENO, &made->old_modes) == 0)
        made->in_fd = STDIN_FILENO;
    TRY(take_signals(made));
    TRY(enter_screen(made));
    *out = made;
    made = NULL;
done:
    full_screen_close(made);
    return status;
}

void full_screen_close(struct full_screen *screen)
{
    if (screen == NULL)
        return;
    leave_screen(screen);
    if (screen->signals >= 0)
        close(screen->signals);
    if (screen->has_old_mask)
        sigprocmask(SIG_SETMASK, &screen->old_mask, NULL);
    free(screen);
}

/* Ctrl-Z: the shell gets its screen, and this one comes back with `fg`. */
static enum terminal_event suspend(struct full_screen *screen)
{
    leave_screen(screen);
    raise(SIGSTOP);
    return enter_screen(screen) == STATUS_OK ? TERMINAL_RESIZED : TERMINAL_QUIT;
}

static enum terminal_event next_signal(struct full_screen *screen)
{
    struct signalfd_siginfo info;

    if (read(screen->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return TERMINAL_TIMEOUT;
    if (info.ssi_signo == SIGWINCH)
        return TERMINAL_RESIZED;
    if (info.ssi_signo == SIGTSTP)
        return suspend(screen);
    screen->quit_signal = (int)info.ssi_signo;
    return TERMINAL_QUIT;
}

static enum terminal_event next_key(struct full_screen *screen)
{
    static const struct {
        const char *bytes;
        enum terminal_event event;
    } keys[] = {
        {"q", TERMINAL_QUIT},      {"Q", TERMINAL_QUIT},          {"\003", TERMINAL_QUIT},
        {"k", TERMINAL_UP},        {"j", TERMINAL_DOWN},          {"g", TERMINAL_HOME},
        {"G", TERMINAL_END},       {" ", TERMINAL_PAGE_DOWN},     {"b", TERMINAL_PAGE_UP},
        {"\033[A", TERMINAL_UP},   {"\033[B", TERMINAL_DOWN},     {"\033OA", TERMINAL_UP},
        {"\033OB", TERMINAL_DOWN}, {"\033[5~", TERMINAL_PAGE_UP}, {"\033[6~", TERMINAL_PAGE_DOWN},
        {"\033[H", TERMINAL_HOME}, {"\033[F", TERMINAL_END},      {"\033[1~", TERMINAL_HOME},
        {"\033[4~", TERMINAL_END}, {"\014", TERMINAL_RESIZED}, /* Ctrl-L */
    };

    for (const char *at = screen->keys; *at != '\0'; at++) /* what is unknown is skipped */
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            size_t n = strlen(keys[i].bytes);
            if (strncmp(at, keys[i].bytes, n) != 0)
                continue;
            memmove(screen->keys, at + n, strlen(at + n) + 1);
            return keys[i].event;
        }
    screen->keys[0] = '\0';
    return TERMINAL_TIMEOUT;
}

/* False when the terminal is gone. */
static bool read_keys(struct full_screen *screen)
{
    ssize_t n = read(screen->in_fd, screen->keys, sizeof screen->keys - 1);

    screen->keys[n > 0 ? n : 0] = '\0';
    return n >= 0 || errno == EINTR || errno == EAGAIN;
}

enum terminal_event full_screen_wait(struct full_screen *screen, double seconds)
{
    struct pollfd fds[] = {{.fd = screen->signals, .events = POLLIN},
                           {.fd = screen->in_fd, .events = POLLIN}};
    enum terminal_event event = next_key(screen); /* keys may gather while a frame is drawn */

    if (event != TERMINAL_TIMEOUT)
        return event;
    if (poll(fds, 2, (int)ceil(fmax(seconds, 0) * 1e3)) <= 0)
        return TERMINAL_TIMEOUT;
    if (fds[0].revents != 0)
        event = next_signal(screen);
    if (event == TERMINAL_TIMEOUT && (fds[1].revents & (POLLHUP | POLLERR)) != 0)
        return TERMINAL_QUIT;
    if (event == TERMINAL_TIMEOUT && fds[1].revents != 0)
        event = read_keys(screen) ? next_key(screen) : TERMINAL_QUIT;
    return event;
}

int full_screen_signal(const struct full_screen *screen)
{
    return screen->quit_signal;
}
