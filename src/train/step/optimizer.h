/* The optimizer of a run: state beside the flat parameters, one operation per step,
 * two where gradients are clipped. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "config/settings.h"
#include "graph/parameters.h"

struct optimizer;

/* State starts at zero (Adam: both moments; SGD: velocity). Borrows parameters and their queue,
 * which must outlive it. */
CHECKED enum status optimizer_create(const struct recipe *recipe, struct parameters *parameters,
                                     struct queue *queue, struct optimizer **out);
void optimizer_destroy(struct optimizer *optimizer); /* accepts NULL */
/* What the next steps take; step counts from 1. Enqueued. */
CHECKED enum status optimizer_set_rates(struct optimizer *optimizer, double lr, int64_t step);
/* One step from the flat gradients. Enqueued; may be recorded and repeated. */
CHECKED enum status optimizer_enqueue(struct optimizer *optimizer);

struct queue *optimizer_queue(const struct optimizer *optimizer);
/* On the device: f64 [2], learning rate and step number. */
struct tensor optimizer_rates(const struct optimizer *optimizer);

/* State vectors on the device, for checkpoints: tensor i, or data NULL past the last. */
struct tensor optimizer_state(const struct optimizer *optimizer, int i);

#endif
