/* One generated image. Private to src/data. */
#ifndef DATA_SYNTH_IMAGE_H
#define DATA_SYNTH_IMAGE_H

#include "data/cifar.h"

enum { SYNTH_N_CLASSES = 10 };
extern const char *const synth_class_names[SYNTH_N_CLASSES];

struct synth_place {
    uint64_t seed;
    int table; /* 0 training, 1 test */
    uint32_t image;
};

/* The picture of class `label` at a place, planar RGB. A pure function in integer arithmetic: the
 * same bytes on every machine. */
void synth_image_draw(const struct synth_place *place, int label,
                      uint8_t pixels[CIFAR_IMAGE_BYTES]);

#endif
