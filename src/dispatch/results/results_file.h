/* results.h5 of a results folder, composed from the sweep, the runs' states and each run's run.h5.
 * HDF5 is not safe to use from several threads: on rank 0 only the recorder's thread comes here. */
#ifndef DISPATCH_RESULTS_FILE_H
#define DISPATCH_RESULTS_FILE_H

#include "dispatch/journal/run_state.h"
#include "store/results/run_summary.h"
#include "store/results/shard.h"

struct results_file; /* remembers every run.h5 it has read */
/* Borrows sweep, folder and command. */
CHECKED enum status results_file_create(const struct sweep *sweep, const char *folder,
                                        struct shard shard, const char *command,
                                        struct results_file **out);
void results_file_destroy(struct results_file *file); /* accepts NULL */
/* The result of a done run, so that its run.h5 need not be read. Borrows what the summary points
 * to.
 */
CHECKED enum status results_file_know(struct results_file *file, int64_t run,
                                      const struct run_summary *summary);
/* As that, of an event that carries it. */
CHECKED enum status results_file_hear(struct results_file *file, const struct journal_event *event);
/* IO, and results.h5 stays as it was, when the result of a finished run is there and cannot be
 * read: a damaged one becomes "run.h5.damaged", so that the next start repeats its run. */
CHECKED enum status results_file_rebuild(struct results_file *file, const struct run_state *states);

#endif
