/* What `prunelora eval` is told by --set, and by the manifest beside the weights. */
#ifndef CLI_EVAL_SETTINGS_H
#define CLI_EVAL_SETTINGS_H

#include "cli/options/options.h"
#include "config/settings.h"

/* Reads "forget.fraction=0.1" and the like, data.validation with its seed, and model.vit.*; one
 * thing to forget, which forget_class ("none" or a number, NULL: not given) counts among. Texts are
 * owned by the arena. BAD_CONFIG names the option. */
CHECKED enum status eval_settings_read(const struct option_texts *sets, const char *forget_class,
                                       struct arena *arena, struct settings *out);
/* Sizes of a vision transformer that --set left open, from the recipe in the manifest beside
 * model.weights, whose content has `hash`; those it does not say stay 0, the published ones. Fails
 * as manifest_load does. */
CHECKED enum status eval_settings_size(const char *hash, struct arena *arena,
                                       struct settings *settings);

#endif
