/* <folder>/stop: how anybody who sees a results folder asks its sweep to stop in order. */
#ifndef DISPATCH_STOP_REQUEST_H
#define DISPATCH_STOP_REQUEST_H

#include "base/status.h"

#include <stdbool.h>

enum { STOP_REASON_BYTES = 160 };

CHECKED enum status stop_request_make(const char *folder);
bool stop_request_is_pending(const char *folder); /* nobody has taken it yet */
/* Rank 0: whether there is one, by whom; it is gone then, which tells who waits that it was seen.
 */
bool stop_request_take(const char *folder, char reason[STOP_REASON_BYTES]);

#endif
