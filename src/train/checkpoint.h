/* Checkpoints: everything a run needs to go on with the same bits: parameters, optimizer state,
 * position, history. One HDF5 file "<folder>/ckpt/step-<n>.h5" of tensors with a checksum; the
 * newest two that verify are kept. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/lane.h"

CHECKED enum status checkpoint_save(const struct lane *lane, const char *folder);
/* The parameters alone, adapters under their own names, to look at later: written to
 * "<folder>/ckpt/epoch-<n>.h5" after epoch n, never removed. */
CHECKED enum status checkpoint_keep_epoch(const struct lane *lane, const char *folder);
/* Loads the furthest checkpoint that verifies, of whichever attempt of the lane's job, into
 * parameters, optimizer, position and history; a damaged one is logged and the one before it tried.
 * Without any the lane stays at its beginning. */
CHECKED enum status checkpoint_load(struct lane *lane);
/* The run has ended: nothing to continue, in no attempt. What a killed trainer was writing goes
 * with it, and final weights of earlier attempts, which no run.h5 speaks of; epochs that were kept
 * stay. */
void checkpoint_remove_all(const struct train_job *job);
void checkpoint_remove_earlier(const struct train_job *job); /* of the attempts before this one */

#endif
