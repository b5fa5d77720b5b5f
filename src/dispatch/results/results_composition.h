/* Inside of results_file: what it remembers, and what is at hand while results.h5 is composed. */
#ifndef DISPATCH_RESULTS_COMPOSITION_H
#define DISPATCH_RESULTS_COMPOSITION_H

#include "dispatch/results/comparisons.h"
#include "dispatch/results/results_axes.h"
#include "dispatch/results/results_file.h"
#include "store/results/results.h"

enum { MAX_VALUE_NAMES = 128, N_STATE_COLUMNS = 13 };

struct result_entry {
    int64_t attempt; /* whose result was looked for; 0: none */
    bool is_loaded;
    struct run_file file;               /* by the journal, or else by run.h5 */
    const char *path;                   /* of run.h5 */
    const struct written_file *written; /* run.h5 as it was written; NULL: not known */
    const char *error;                  /* run.h5 is there and cannot be read */
};

struct results_file {
    const struct sweep *sweep;
    const char *folder, *command;
    struct shard shard;
    struct arena *arena;             /* owned: entries and the axes' columns */
    struct result_entry *entries;    /* [n_runs] */
    struct results_axes axes;        /* of the sweep alone */
    struct comparisons *comparisons; /* owned */
    const char *device;              /* of the first result that names one; NULL: none did */
    bool has_warned;                 /* that another one computed as well */
    int64_t n_bad;                   /* results of ended runs that are there and cannot be read */
    const char *first_bad;
};

/* While a rebuild lasts. */
struct composition {
    struct results_file *file;
    const struct run_state *states;
    struct arena *arena;
    struct run_value names[MAX_VALUE_NAMES]; /* union over runs: name, units, long_name */
    int64_t n_names;
    struct result_column *columns;
    int64_t n_columns;
    struct results results;
};

/* The result of run i that counts, or NULL while it has none. */
const struct run_file *composition_loaded(const struct composition *c, int64_t i);
CHECKED enum status composition_add_columns(struct composition *c);
CHECKED enum status composition_add_history(struct composition *c);
CHECKED enum status composition_add_links(struct composition *c);

#endif
