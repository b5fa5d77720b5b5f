/* What a sweep file says, its bases and the command line merged: for every setting a constant or an
 * axis of values, each with its place in the text. Later layers win over earlier ones. */
#ifndef SWEEP_SPEC_H
#define SWEEP_SPEC_H

#include "config/expression.h"
#include "sweep/spec/draw.h"
#include "sweep/sweep.h"

struct slot {
    struct tree *const *values; /* one when constant; without those that cannot be read */
    /* [n_values] an expression where the value is one, else NULL */
    struct expression *const *expressions;
    int64_t n_values;
    const struct draw *draw;       /* a distribution, of numbers (n_values is 0) or of the values */
    const struct tree *written;    /* the distribution's map */
    struct position at;            /* of the key */
    int layer;                     /* the file or command line that gave it; 0: none did */
    int order;                     /* of an axis, from 1 in declaration order; 0: a constant */
    bool is_broken;                /* given, but nothing of it can be read */
    const struct expression *when; /* where false, the default is used; NULL: always true */
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
    int layer;        /* being read; 0: none */
    int n_orders;
    bool is_incomplete; /* a file could not be read, and may have what is missing */
    struct slot slots[MAX_SETTINGS];
    struct position top; /* where messages about missing settings point to */

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
    /* Settings whose value at a point depends on others, each after those it reads. */
    int dependent[MAX_SETTINGS];
    int n_dependent;
    struct early_terminate early; /* with the metric; type EARLY_NONE without early_terminate */
    struct position metric_at, early_at;
};

/* True when the setting has a value or something to draw it from. */
bool slot_is_given(const struct slot *slot);

/* Reads the file, its bases and --set. Mistakes go to diagnostics; other failures are returned. */
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
/* Checks metric and early_terminate together and against the runs; mistakes go to diagnostics. */
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

/* After all layers: checks what needs all of them (zip, distributions, conditions, order). */
void spec_check(struct spec *spec);

/* The kind of forgetting that an included point gives; N_FORGET_KINDS when it gives none. */
enum forget_kind match_forget_kind(const struct match *match);
/* Whether a setting belongs to other kinds of forgetting, so that this kind may leave it unset. */
bool setting_is_other_forget(int setting, enum forget_kind kind);
/* Settles what is forgotten: the kind given last, and no other. Mistakes go to diagnostics. */
void spec_check_forget(struct spec *spec);

/* As YAML that loads to the same sweep; in the arena. */
CHECKED enum status spec_print(const struct spec *spec, const char **out);

bool spec_top_key_exists(const char *name);
/* What to write instead of a key that other programs know; NULL for other keys. */
const char *spec_foreign_key(const char *name);

#endif
