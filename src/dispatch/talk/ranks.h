/* The ranks of this job, as those see them who only start and end it. */
#ifndef DISPATCH_RANKS_H
#define DISPATCH_RANKS_H

#include "base/status.h"

#include <stdint.h>

struct transport;
/* MPI when a launcher's variables are present, else in-process with one rank. DEVICE when several
 * ranks were started that cannot reach each other: by a plain srun or another MPI's launcher. */
CHECKED enum status transport_open(struct transport **out);
void transport_close(struct transport *transport); /* accepts NULL */
/* As close; when a rank was lost, ends the others with exit_code instead of waiting for it. */
void transport_finish(struct transport *transport, int exit_code);
int transport_rank(const struct transport *transport);
int transport_size(const struct transport *transport);
/* Rank 0's bytes to every rank. Collective; start-up only. `*bytes` is heap memory on the others
 * with a zero byte after the end. */
CHECKED enum status transport_broadcast(struct transport *transport, char **bytes, int64_t *n);

#endif
