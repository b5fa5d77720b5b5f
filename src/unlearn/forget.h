/* What a run forgets and sets aside: its settings as a request of the data's split. */
#ifndef UNLEARN_FORGET_H
#define UNLEARN_FORGET_H

#include "config/settings.h"
#include "data/dataset.h"

/* "forget.fraction": where the kind says what is forgotten. */
const char *forget_setting(enum forget_kind kind);
/* Base training, and what no method can unlearn. */
bool forget_is_nothing(const struct settings *settings);
/* By forget.seed, from forget.within. */
bool forget_is_drawn(enum forget_kind kind);
/* The classes that forget.class or forget.classes name. */
struct small_set forget_classes(const struct settings *settings);

/* Makes settings forget by this kind: what other kinds read goes back to its default. */
void forget_keep(enum forget_kind kind, const struct settings *defaults, struct settings *settings);

/* For names of runs and tables, of letters, digits and "._-+": c3, c1+3, sc4, f0.1, f0.1of3, n500d2
 * (by seed 2), i-hard for a list hard.txt; nothing when nothing is forgotten. */
void forget_print(const struct settings *settings, struct text *out);

struct split_request forget_request(const struct settings *settings);

#endif
