/* A sweep without a file: n runs that differ in their seed. */
#ifndef MPI_MADE_SWEEP_H
#define MPI_MADE_SWEEP_H

#include "sweep/sweep.h"

struct sweep *made_sweep_create(int64_t n_runs); /* NULL when memory ran out; sweep_destroy it */
/* Run i's id: i as sixteen decimal digits. */
void made_run_id(int64_t i, char id[RUN_ID_BYTES]);

#endif
