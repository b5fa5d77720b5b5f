/* Inside of the expansion: points of the grid, and runs found again by what they mean. */
#ifndef SWEEP_EXPAND_H
#define SWEEP_EXPAND_H

#include "sweep/point.h"

CHECKED enum status defaults_create(const struct spec *spec,
                                    struct settings defaults[N_BASE_RECIPES]);
/* settings, method and architecture from chosen and seed. Every chosen value has been read before.
 */
void point_fill(const struct spec *spec, const struct settings defaults[N_BASE_RECIPES],
                struct point *point);

/* Hashes of what a point means: all of it, and what its reference shares. */
struct point_key {
    char all[HASH_HEX_BYTES], comparable[HASH_HEX_BYTES];
};

/* Runs in order of their first point, found by id. */
struct run_set;
CHECKED enum status run_set_create(struct run_set **out);
void run_set_destroy(struct run_set *set); /* accepts NULL */
/* The run of a meaning, added when it is new. BAD_CONFIG when another meaning has the same id. */
CHECKED enum status run_set_add(struct run_set *set, const struct point *point,
                                const struct point_key *key, int64_t point_index, int64_t *out);
int64_t run_set_count(const struct run_set *set);
/* Copies the runs, with names for people and their references, into the arena. */
CHECKED enum status run_set_finish(const struct run_set *set, struct arena *arena,
                                   struct run **out);

#endif
