/* Where a run that was begun before may have left off. */
#ifndef CLI_EARLIER_ATTEMPTS_H
#define CLI_EARLIER_ATTEMPTS_H

#include "train/train.h"

/* The earlier attempts' folders beside the job's, "…/a<attempt>", become the job's, newest first.
 */
CHECKED enum status earlier_attempts_find(struct arena *arena, struct train_job *job);

#endif
