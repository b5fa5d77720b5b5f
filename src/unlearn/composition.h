/* Two switches open every method to pruning and adapters: unlearn.prune and unlearn.adapt. "Prune
 * first, then adapt, then unlearn" is then no method of its own but a composition: finetune with
 * both switched on is prune_lora. */
#ifndef UNLEARN_COMPOSITION_H
#define UNLEARN_COMPOSITION_H

#include "unlearn/method.h"

/* `method` with these passes instead of its own: a row of the table where one is this composition,
 * else one with "+prune" and "+lora" behind its name, which method_find finds as well. NULL after
 * fail(BAD_CONFIG) when the method has no use for them. Static. */
const struct method *method_with(const struct method *method, bool prunes, bool adapts);

/* The switches of settings->unlearn go into its method's name, and are as the method again: one
 * composition, one name, one identity. BAD_CONFIG as above, with the setting that is in the way;
 * the method must be known. */
CHECKED enum status unlearn_settle(struct settings *settings, const char **setting);
/* The opposite, to show: the switches say in full what the method does. */
void unlearn_spell_out(struct settings *settings);

#endif
