/* A terminal as a full screen with keys. Plain ANSI sequences, which every terminal of the last
 * thirty years knows: no library to have on a login node. */
#ifndef BASE_FULL_SCREEN_H
#define BASE_FULL_SCREEN_H

#include "base/status.h"

#include <stdint.h>

enum terminal_event {
    TERMINAL_TIMEOUT,
    TERMINAL_RESIZED, /* draw all */
    TERMINAL_QUIT,    /* q, Ctrl-C, SIGTERM, or nobody looks any more */
    TERMINAL_UP,
    TERMINAL_DOWN,
    TERMINAL_PAGE_UP,
    TERMINAL_PAGE_DOWN,
    TERMINAL_HOME,
    TERMINAL_END,
};

/* The other screen of a terminal, without cursor, echo and line editing; keys from standard input
 * when it is a terminal too. SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH become events until it
 * is closed. BAD_CONFIG when out_fd is no terminal. */
struct full_screen;
CHECKED enum status full_screen_open(int out_fd, struct full_screen **out);
/* As it was before, also for one that could not be opened to the end; accepts NULL. */
void full_screen_close(struct full_screen *screen);
/* Waits for at most `seconds`. Ctrl-Z is done here. */
enum terminal_event full_screen_wait(struct full_screen *screen, double seconds);
/* The signal that asked to quit; 0: none, a key. */
int full_screen_signal(const struct full_screen *screen);
/* Everything in one go, so that no half frame is seen. IO when the terminal is gone. */
CHECKED enum status full_screen_write(struct full_screen *screen, const char *bytes, int64_t n);

#endif
