/* The split that most tests of data and metrics work on. */
#ifndef SUPPORT_SPLIT_OF_CLASS_H
#define SUPPORT_SPLIT_OF_CLASS_H

#include "data/dataset.h"

/* Forgets one class as a whole, without validation; a class below 0: nothing. */
static inline enum status split_of_class(const struct dataset *dataset, int class,
                                         struct split **out)
{
    struct split_request request = {.within = -1};

    if (class >= 0) {
        request.forget = FORGET_WHOLE_CLASSES;
        small_set_add(&request.classes, class);
    }
    return split_create(dataset, &request, out);
}

#endif
