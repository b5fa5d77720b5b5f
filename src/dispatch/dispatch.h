/* Runs a sweep: rank 0 coordinates, every rank supervises one trainer process. RESULTS.md §2. */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "sweep/sweep.h"

struct dispatch_settings {
    const char *folder;  /* results folder */
    const char *command; /* the command line, for the record */
    const char *program; /* path of this executable, to spawn `<program> trainer` */
    const char *device;  /* auto, cpu, ref */
    bool is_fresh;       /* rename an existing folder away first */
    bool is_quiet;
};

struct dispatch_outcome {
    int64_t n_runs, n_done, n_failed, n_skipped; /* skipped: were done before this start */
};

/* Collective over all ranks of the transport. Blocks until every run is done, failed or the sweep
 * is stopped. CANCELLED when stopped with work left. */
struct transport;
CHECKED enum status dispatch_run(struct transport *transport, const struct sweep *sweep,
                                 const struct dispatch_settings *settings,
                                 struct dispatch_outcome *out);

/* MPI when a launcher's variables are present, else in-process with one rank. */
CHECKED enum status transport_open(struct transport **out);
void transport_close(struct transport *transport); /* accepts NULL */
int transport_rank(const struct transport *transport);
int transport_size(const struct transport *transport);
/* Rank 0's bytes to every rank. Collective; start-up only. `*bytes` is heap memory on the others.
 */
CHECKED enum status transport_broadcast(struct transport *transport, char **bytes, int64_t *n);

#endif
