/* `status --watch`: a sweep, looked at until it is over. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/status/status_view.h"

/* Full screen on a terminal, a line per change elsewhere. The view has been looked at once and is
 * as of the end afterwards. *signal is what ended it early; 0: nothing, or a key. */
CHECKED enum status watch(struct status_view *view, int *signal);

#endif
