/* Names as wrappers leave them: DataParallel's "module.", PEFT's "base_model.model.",
 * ".base_layer",
 * ".lora_A.default", ".modules_to_save.default" beside ".original_module". Private to src/store. */
#ifndef STORE_WRAPPED_NAMES_H
#define STORE_WRAPPED_NAMES_H

#include "store/weights/weights.h"

/* Sets the prefix and every tensor's bare name. BAD_DATA when two tensors have the same name, or
 * stand for the same bare one. */
CHECKED enum status wrapped_names_resolve(struct weights *weights);

#endif
