/* Builder of the vision transformer, for the table in model.c. */
#ifndef MODEL_VIT_H
#define MODEL_VIT_H

#include "model/model.h"

void vit_build(struct graph *graph, const struct architecture *self);

#endif
