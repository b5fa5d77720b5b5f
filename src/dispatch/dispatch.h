/* Runs a sweep: rank 0 coordinates, every rank supervises one trainer process. */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "dispatch/folder/start_settings.h"
#include "dispatch/journal/outcome.h"
#include "dispatch/talk/ranks.h"

/* Before the first thread and MPI: the stop signals (TERM, INT, USR1) are from now on read by
 * dispatch_run, and a broken pipe is an error of the write instead of a signal. */
CHECKED enum status dispatch_block_signals(void);

/* Collective over all ranks of the transport. Blocks until every run is done, failed or the sweep
 * is stopped. CANCELLED when stopped on request with work left. Only rank 0 fills `out` and prints;
 * the others return what rank 0 told them, without a need to print it. */
CHECKED enum status dispatch_run(struct transport *transport, const struct sweep *sweep,
                                 const struct dispatch_settings *settings,
                                 struct dispatch_outcome *out);

/* Of a rank that cannot make out rank 0's sweep, instead of dispatch_run: tells rank 0 why (`why`
 * and status_message()), and waits to be sent home. Returns `why`. */
CHECKED enum status dispatch_decline(struct transport *transport, enum status why);

#endif
