/* Signals to other processes. kill() takes 0 and negative numbers for whole groups, the caller's
 * own among them; a number that stands for no process is never signalled here. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

enum { NO_PROCESS = -1 };

void process_kill(pid_t pid);    /* SIGKILL; nothing below 1 */
bool process_is_gone(pid_t pid); /* on this machine; of a number below 1 nobody knows: false */

#endif
