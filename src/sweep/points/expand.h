/* Internals of the expansion: the axes of a sweep, and its runs, found by what they mean. */
#ifndef SWEEP_EXPAND_H
#define SWEEP_EXPAND_H

#include "sweep/points/point.h"

/* One digit of a point's number: a parameter, or zipped parameters that advance together. */
struct digit {
    int settings[MAX_SETTINGS];
    int n;
    int64_t n_values; /* 0: a number is drawn */
    struct draw_stream stream;
};

struct axes {
    const struct spec *spec;
    int settings[MAX_SETTINGS]; /* of each axis, in declaration order */
    int n;
    struct digit digits[MAX_SETTINGS];
    int n_digits;
    int64_t n_points; /* with the seeds */
};

/* False, with a diagnostic, when there are too many points. */
CHECKED bool axes_init(const struct spec *spec, struct axes *out);
/* Chooses the values of point `index`, of the draws or of the grid, where the last digit varies
 * fastest but for the seeds. */
void axes_choose(const struct axes *axes, int64_t index, struct point_maker *maker,
                 struct point *point);
/* Names and values of the axes, the seeds last, as the sweep shows them. */
CHECKED enum status axes_describe(const struct axes *axes, struct sweep *sweep);

/* Runs in order of their first point, found by id. */
struct run_set;
CHECKED enum status run_set_create(struct run_set **out);
void run_set_destroy(struct run_set *set); /* accepts NULL */
/* Finds or adds the run of a meaning. BAD_CONFIG when another meaning has the same id. */
CHECKED enum status run_set_add(struct run_set *set, const struct point *point,
                                const struct identity *key, int64_t point_index, int64_t *out);
int64_t run_set_count(const struct run_set *set);
/* Copies the runs, with names for people and their references, into the arena. */
CHECKED enum status run_set_finish(const struct run_set *set, struct arena *arena,
                                   struct run **out);

#endif
