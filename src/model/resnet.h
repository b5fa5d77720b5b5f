/* Builders of the two CIFAR ResNet families, for the table in model.c. */
#ifndef MODEL_RESNET_H
#define MODEL_RESNET_H

#include "model/model.h"

void resnet_option_a_build(struct graph *graph, const struct architecture *self);
void resnet_build(struct graph *graph, const struct architecture *self);

#endif
