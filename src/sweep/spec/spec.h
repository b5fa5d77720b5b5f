/* What a sweep file says, its bases and the command line merged: for every setting a constant or an
 * axis of values, each with its place in the text. Later layers win over earlier ones. */
#ifndef SWEEP_SPEC_H
#define SWEEP_SPEC_H

#include "config/expression.h"
#include "sweep/spec/draw.h"
#include "sweep/sweep.h"

struct slot {
    struct tree *const *values; /* one when constant; those that can be read */
    /* [n_values] an expression where the value is one, else NULL */
    struct expression *const *expressions;
    int64_t n_values;
    const struct draw *draw; /* a distribution: of numbers, then n_values is 0, or of the values */
    const struct tree *written;    /* the distribution's map */
    struct position at;            /* of the key */
    int layer;                     /* file or command line that gave it; 0: not given */
    int order;                     /* of an axis, from 1 in declaration order; 0: a constant */
    bool is_broken;                /* given, but nothing of it can be read */
    const struct expression *when; /* NULL: always; where it is false the default stands */
    const struct tree *condition;  /* its text */
};

struct match { /* an entry of exclude or include */
    struct position at;
    struct match_value {
        int setting;
        const struct tree *value;
    } * values;
    int64_t n;
    struct settings *wanted; /* its values, read */
    int64_t n_hits;
};

struct zip { /* parameters that advance together */
    struct position at;
    int settings[MAX_SETTINGS];
    int n;
};

struct matches {
    struct match *items; /* heap */
    int64_t n, capacity;
};

enum sweep_method { SWEEP_GRID, SWEEP_RANDOM, SWEEP_SOBOL };
extern const char *const sweep_method_names[]; /* NULL-terminated */

struct spec {
    struct arena *arena;             /* borrowed */
    struct diagnostics *diagnostics; /* borrowed */
    struct setting_reader reader;
    const char *path; /* of the sweep file */
    int layer;        /* under way; 0 is none */
    int n_orders;
    bool is_incomplete; /* a file could not be read: what is missing may stand there */
    struct slot slots[MAX_SETTINGS];
    struct position top; /* where a missing setting is missed */

    const char *name, *description;
    struct position seeds_at;
    int64_t *seeds;
    int64_t n_seeds;
    int64_t run_cap; /* −1: none */
    struct position run_cap_at;
    bool is_published; /* compat: lora-unlearn */
    int64_t retries, crash_limit, max_fails;
    bool fail_fast;
    struct matches exclude, include;
    enum sweep_method method;
    struct position method_at;
    struct zip *zips; /* heap */
    int64_t n_zips, zips_capacity;
    /* Settings whose value at a point depends on others, each behind those it reads. */
    int dependent[MAX_SETTINGS];
    int n_dependent;
    struct early_terminate early; /* with the metric; type EARLY_NONE: not asked for */
    struct position metric_at, early_at;
};

/* True when the setting has a value or something to draw it from. */
bool slot_is_given(const struct slot *slot);

/* Reads the file, its bases and --set. Mistakes are in diagnostics; other failures are returned. */
CHECKED enum status spec_load(const struct sweep_source *source, struct spec *spec);
void spec_release(struct spec *spec);

/* ---- the parts ---- */
/* One file's or layer's keys into the spec. is_base: setting sections may stand at the top. */
CHECKED enum status spec_read_tree(struct spec *spec, const struct tree *tree, bool is_base);
CHECKED enum status spec_read_key(struct spec *spec, const struct tree_entry *entry);
CHECKED enum status spec_read_config(struct spec *spec, const char *prefix, const struct tree *map);
CHECKED enum status spec_read_parameters(struct spec *spec, const char *prefix,
                                         const struct tree *map);
CHECKED enum status spec_read_matches(struct spec *spec, const struct tree_entry *entry,
                                      struct matches *out);
CHECKED enum status spec_read_axis(struct spec *spec, int setting, const struct tree_entry *entry);
CHECKED enum status spec_read_zip(struct spec *spec, const struct tree_entry *entry);
CHECKED enum status spec_read_when(struct spec *spec, const char *prefix, const struct tree *map);
CHECKED enum status spec_read_metric(struct spec *spec, const struct tree_entry *entry);
CHECKED enum status spec_read_early_terminate(struct spec *spec, const struct tree_entry *entry);
/* What the two mean together and for the runs there are: mistakes into diagnostics. */
void spec_check_early(struct spec *spec, const struct sweep *sweep);
void spec_print_early(const struct spec *spec, struct text *out);
/* "key=value" texts of the command line. */
CHECKED enum status spec_read_sets(struct spec *spec, const char *const *sets, int64_t n_sets);

/* The setting of a dotted name, or −1 after a diagnostic. */
int spec_find_setting(struct spec *spec, const char *name, const struct position *at);
/* Gives a setting values of this layer; n_values 0 marks it broken. */
struct slot_values {
    int setting;
    bool is_axis;
    struct position at;
    struct tree *const *items;
    int64_t n;
    const struct draw *draw;    /* or NULL */
    const struct tree *written; /* of a distribution */
};
CHECKED enum status spec_assign(struct spec *spec, const struct slot_values *values);

/* After all layers: what only the whole can show (zip, distributions, conditions, order). */
void spec_check(struct spec *spec);

/* Which kind of forgetting is given by an included point, N_FORGET_KINDS when by none. */
enum forget_kind match_forget_kind(const struct match *match);
/* Whether a setting says what a point of this kind does not forget, and may stay unset there. */
bool setting_is_other_forget(int setting, enum forget_kind kind);
/* What is to be forgotten: one thing, given last; mistakes into diagnostics. */
void spec_check_forget(struct spec *spec);

/* YAML that loads to the same sweep, in the arena. */
CHECKED enum status spec_print(const struct spec *spec, const char **out);

bool spec_top_key_exists(const char *name);
/* What to write instead of a key that other programs have here, or NULL. */
const char *spec_foreign_key(const char *name);

#endif
