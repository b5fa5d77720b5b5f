/* SIGTERM, SIGINT and SIGUSR1 as something to read: nothing is done inside a signal handler. */
#ifndef DISPATCH_STOP_SIGNALS_H
#define DISPATCH_STOP_SIGNALS_H

#include "base/status.h"

/* Before the first thread: from now on they wait to be read, and a broken pipe is an error of the
 * write instead of a signal. */
CHECKED enum status stop_signals_block(void);
CHECKED enum status stop_signals_open(int *out); /* a descriptor to poll; close it */
int stop_signals_next(int fd);                   /* the signal that has arrived, or 0 */

#endif
