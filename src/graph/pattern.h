/* POSIX extended regular expressions that must match a whole module name. */
#ifndef GRAPH_PATTERN_H
#define GRAPH_PATTERN_H

#include "base/status.h"

#include <stdbool.h>

struct pattern;

CHECKED enum status pattern_create(const char *text, struct pattern **out); /* BAD_CONFIG */
void pattern_destroy(struct pattern *pattern);                              /* accepts NULL */
bool pattern_matches(const struct pattern *pattern, const char *name);

#endif
