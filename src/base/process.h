/* Other processes, and the host of this one. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

enum { HOST_BYTES = 64 };
void host_name(char host[HOST_BYTES]); /* cut where it is longer; "unknown" when it has none */

/* Signals to other processes. kill() takes 0 and negative numbers for whole groups, the caller's
 * own among them; a number that stands for no process is never signalled here. */
enum { NO_PROCESS = -1 };

void process_kill(pid_t pid);    /* SIGKILL; nothing below 1 */
bool process_is_gone(pid_t pid); /* on this machine; of a number below 1 nobody knows: false */

#endif
