/* Inside the splits: which part every image of a table is in. */
#ifndef DATA_SPLIT_PARTS_H
#define DATA_SPLIT_PARTS_H

#include "data/dataset.h"

enum split_part { SPLIT_RETAIN, SPLIT_FORGET, SPLIT_VALIDATION, N_SPLIT_PARTS };

/* Marks the request's validation images in parts [n], by class. BAD_CONFIG when there would be none
 * or no other. */
CHECKED enum status split_mark_validation(const struct dataset *dataset,
                                          const struct split_request *request, uint8_t *parts);

#endif
