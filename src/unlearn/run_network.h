/* From settings to a network_spec: the one place that knows what a method adds to a network. */
#ifndef UNLEARN_RUN_NETWORK_H
#define UNLEARN_RUN_NETWORK_H

#include "model/network_spec.h"
#include "unlearn/method.h"

/* The network of a run with these settings on such images; method NULL: what any method would
 * start from. Mean and std are left at 0 and 1, as settings alone may not know them. Borrows the
 * settings' texts; others are of the arena. BAD_CONFIG when the architecture is unknown, or has no
 * batch norm to freeze or recalibrate. */
CHECKED enum status run_network(const struct settings *settings, const struct method *method,
                                struct image_shape image, struct arena *arena,
                                struct network_spec *out);

/* Whether the run re-estimates running values when it has trained. */
bool run_recalibrates(const struct settings *settings, const struct method *method);
/* BAD_CONFIG when batch_norm asks for what a network without batch norm cannot do, of a method that
 * reads it: one that reads train.*. */
CHECKED enum status run_check_batch_norm(const struct settings *settings,
                                         const struct method *method,
                                         const struct architecture *architecture);

/* lora.targets as a pattern of modules, the architecture's own for "default"; in `text`, or
 * borrowed from the settings or the architecture. */
const char *method_lora_targets(const struct architecture *architecture,
                                const struct settings *settings, char text[PATTERN_BYTES]);

#endif
