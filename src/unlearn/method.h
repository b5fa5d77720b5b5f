/* The unlearning methods: each one file and one row in one table. A method is a program: where it
 * starts, what it edits, whether it adapts, and the phase that trains it; "prune first, then adapt,
 * then unlearn" is that order, open to every method (unlearn/composition.h). What a method is made
 * of is known in this folder alone: others ask. */
#ifndef UNLEARN_METHOD_H
#define UNLEARN_METHOD_H

#include "graph/parameters.h"
#include "unlearn/phase.h"

struct program; /* unlearn/program.h */

struct method {
    const char *name;
    const char *summary; /* one line for --help and reports */
    const struct program *program;
};

/* Also a composition's, as unlearn/composition.h names them. NULL when unknown. */
const struct method *method_find(const char *name);
const struct method *method_at(int i); /* NULL past the end */

/* ---- what others need to know ---- */
unsigned method_reads(const struct method *method); /* enum setting_group bits: its identity's */
bool method_starts_from_weights(const struct method *method); /* else from initial values */
/* The exact answer that the other methods are compared with. */
bool method_is_reference(const struct method *method);
/* Whether it has no meaning without something to forget, and that in whole classes. */
bool method_needs_forget(const struct method *method);
bool method_needs_classes(const struct method *method);
/* Whether a run ends with other weights than it began with. */
bool method_changes_weights(const struct method *method);
int method_composition(const struct method *method); /* 1 where it prunes + 2 where it adapts */
/* NULL: it trains nothing. */
const struct phase *method_phase(const struct method *method);
/* Of its phase; NULL when it trains nothing. */
const struct recipe *method_recipe(const struct method *method, const struct settings *settings);

/* What a setting is, as YAML, where nobody says and the method was published with another value
 * than most; NULL: what it is for all. */
const char *method_default(const struct method *method, const char *setting);
bool method_has_defaults(const struct method *method);
/* Puts them into settings; texts live in the arena. */
CHECKED enum status method_defaults(const struct method *method, struct arena *arena,
                                    struct settings *settings);

/* ---- edits before training ---- */
struct edit_subject {
    struct parameters *parameters;
    const struct prune_settings *prune;
    int head_weight,
        head_bias; /* rows of parameters, of the layer that gives the logits; −1: none */
    const struct split *split;
};
/* Prunes, then edits, as the method does. BAD_CONFIG where it needs classes or a head and there are
 * none. Blocks. */
CHECKED enum status method_edit(const struct method *method, const struct edit_subject *subject);

#endif
