/* A sweep file → points → runs: expanded, checked, and de-duplicated by what each run means. */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "config/settings.h"
#include "sweep/early_terminate.h"

enum { RUN_ID_BYTES = 17 };

struct run {
    char id[RUN_ID_BYTES]; /* first 16 hex digits of the hash of what it means */
    const char *name;      /* "0042-prune_lora-c3-s0.5-r8-seed1" */
    struct settings settings;
    /* Of the files it reads, as in its identity: the data with what is forgotten, and the base
     * weights. NULL or empty when it reads none. */
    const char *split_hash, *weights_hash;
    int64_t first_point;
    bool is_reference; /* others are compared with it, so it is dealt first */
    /* The run it is compared with: the first other reference with the same split, architecture,
     * normalisation, evaluation settings and seed; NULL when there is none. */
    const struct run *reference;
};

struct sweep {
    struct arena *arena; /* owned: everything below */
    const char *name, *description;
    const char *resolved_yaml; /* the text with bases merged and --set applied: sweep.yaml of the
                                  results folder */
    struct run *runs;
    int64_t n_runs;
    int64_t *points; /* [n_points] run of each point */
    int64_t n_points;
    const char **axes; /* dotted names of swept settings, in declaration order; "seed" last */
    const char **axis_values; /* [n_axes] "0.3 0.5 0.7" */
    int64_t n_axes;
    /* methods that are another one by their switches, as "finetune" and "prune_lora"; each once */
    struct composed_method {
        const char *asked, *method;
    } * composed;
    int64_t n_composed;
    int64_t n_grid, n_excluded, n_included;  /* n_points = n_grid − n_excluded + n_included */
    int64_t retries, crash_limit, max_fails; /* on_failure.*; max_fails 0: no limit */
    bool fail_fast;
    struct early_terminate early; /* type EARLY_NONE: every run is trained to its end */
    /* of a shard: the whole sweep (borrowed) and each run's place in it; NULL otherwise */
    const struct sweep *whole;
    const int64_t *numbers; /* [n_runs] */
};

struct sweep_source {
    const char *path;        /* the sweep file; "-" with text set */
    const char *text;        /* its content, or NULL to read path */
    const char *const *sets; /* "key=value", each as on the command line */
    int64_t n_sets;
    bool needs_files; /* sweep: missing files are errors; plan: they are listed as warnings and
                         hashed as absent */
};
/* BAD_CONFIG after mistakes, which are in `diagnostics` (the first 20) as file:line:column,
 * message, line and underline. Warnings are there too, and are no failure. */
CHECKED enum status sweep_load(const struct sweep_source *source, struct text *diagnostics,
                               struct sweep **out);
void sweep_destroy(struct sweep *sweep); /* accepts NULL */

/* For people: axes, counts ("48 points, 30 duplicates → 18 runs"), and how many runs are compared
 * with a retrained model. */
void plan_print_head(const struct sweep *sweep, struct text *out);
/* A line per run, for all or the first 20, with these columns at its end. */
enum { PLAN_CELL_BYTES = 32 };
struct plan_column {
    const char *title;
    int width;
    const char *(*cell)(const void *context, int64_t run, char buffer[PLAN_CELL_BYTES]);
    const void *context;
};
void plan_print_runs(const struct sweep *sweep, const struct plan_column *columns, int n_columns,
                     bool has_all, struct text *out);

#endif
