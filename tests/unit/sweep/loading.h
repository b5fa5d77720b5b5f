/* Loading a sweep from a text, for tests. */
#ifndef TESTS_LOADING_H
#define TESTS_LOADING_H

#include "sweep/sweep.h"

struct loaded {
    struct sweep *sweep; /* NULL after mistakes */
    struct text diagnostics;
    enum status status;
};

/* The file is "x.yaml"; sets is NULL-terminated, or NULL. Missing files are warnings. */
struct loaded load_text(const char *yaml, const char *const *sets);
/* As load_text; ends the test when there are mistakes. */
struct loaded load_good(const char *yaml, const char *const *sets);
void loaded_release(struct loaded *loaded);

/* `base` with `added` behind it, in heap memory. */
char *text_joined(const char *base, const char *added);
/* A sweep's plan as far as it needs no costs, its first 20 runs or all. */
void print_plan(const struct sweep *sweep, bool has_all, struct text *out);
/* Ids of all points of a good sweep, one a line, in heap memory. */
char *ids_of(const char *yaml, const char *const *sets);

#endif
