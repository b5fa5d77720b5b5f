/* What `prunelora eval` is told to forget. */
#ifndef CLI_EVAL_FORGET_H
#define CLI_EVAL_FORGET_H

#include "cli/options.h"
#include "config/settings.h"

/* Reads "forget.fraction=0.1" and the like, and data.validation with its seed; one thing to forget,
 * which forget_class ("none" or a number, NULL: not given) counts among. Texts are owned by the
 * arena. BAD_CONFIG names the option. */
CHECKED enum status eval_forget_read(const struct option_texts *sets, const char *forget_class,
                                     struct arena *arena, struct settings *out);

#endif
