/* Where a run's files are in a results folder: "<results>/runs/<id>/a<n>/<name>". */
#ifndef STORE_RUN_PATHS_H
#define STORE_RUN_PATHS_H

#include "base/arena.h"

#include <stdint.h>

#define RUN_RESULT_NAME "run.h5"
#define RUN_WEIGHTS_NAME "weights.h5"
#define RUN_ADAPTERS_NAME "adapters.h5"
#define RUN_LOG_NAME "log.txt"
#define RUN_CHECKPOINTS_NAME "ckpt" /* a folder */

/* All in the arena; NULL when memory ran out. Of attempt n, from 1. */
char *run_attempt_folder(struct arena *arena, const char *results, const char *id, int64_t n);
char *run_folder(struct arena *arena, const char *results, const char *id); /* of all attempts */
char *run_attempt_file(struct arena *arena, const char *results, const char *id, int64_t n,
                       const char *name);
/* As seen from the results folder: "runs/<id>/a<n>/<name>". */
char *run_attempt_link(struct arena *arena, const char *id, int64_t n, const char *name);
/* The folder of attempt n of the run whose other attempt's folder is given. */
char *run_attempt_sibling(struct arena *arena, const char *attempt_folder, int64_t n);
/* "<results>" of the folder of an attempt. */
char *run_results_of(struct arena *arena, const char *attempt_folder);

#endif
