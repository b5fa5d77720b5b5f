/* What a run that paused at a rung and was stopped there leaves behind. */
#ifndef DISPATCH_STOPPED_RUN_H
#define DISPATCH_STOPPED_RUN_H

#include "base/status.h"

#include <stdint.h>

/* Removes its checkpoints: nobody continues it. Blocks; what cannot be removed is logged. */
CHECKED enum status stopped_run_clean(const char *folder, const char *run_id, int64_t attempt);

#endif
