/* How many cores a trainer keeps busy, by the processor time it tells. */
#ifndef DISPATCH_TRAINER_CORES_H
#define DISPATCH_TRAINER_CORES_H

struct trainer_cores {
    double cpu_seconds, at; /* when the present second began; NaN before the first word of it */
    double busy;            /* of the second before; NaN while there is none */
};
void trainer_cores_begin(struct trainer_cores *cores);
void trainer_cores_see(struct trainer_cores *cores, double cpu_seconds, double now);

#endif
