/* What earlier starts left in a results folder: by their journals, held against the files. */
#ifndef DISPATCH_EARLIER_RUNS_H
#define DISPATCH_EARLIER_RUNS_H

#include "dispatch/folder/results_folder.h"

/* Fills the folder's states, summaries, threads and the end of its journal's sound part, and begins
 * its rungs. A done run whose files are gone or were cut is pending again, which is said. IO when
 * files cannot be looked at; BAD_CONFIG for runs of another arithmetic, unless mixing is asked for.
 */
CHECKED enum status earlier_runs_find(struct results_folder *folder,
                                      const struct dispatch_settings *settings);

#endif
