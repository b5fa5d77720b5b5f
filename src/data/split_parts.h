/* Inside the splits: which part every image of a table is in. */
#ifndef DATA_SPLIT_PARTS_H
#define DATA_SPLIT_PARTS_H

#include "data/dataset.h"

enum split_part { SPLIT_RETAIN, SPLIT_FORGET, SPLIT_VALIDATION, N_SPLIT_PARTS };

/* Marks the request's validation images in parts [n], by class. BAD_CONFIG when there would be none
 * or no other. */
CHECKED enum status split_mark_validation(const struct dataset *dataset,
                                          const struct split_request *request, uint8_t *parts);

/* Marks what the request forgets among the training images that are in SPLIT_RETAIN, and says which
 * classes are forgotten as a whole. */
CHECKED enum status split_mark_forgotten(const struct dataset *dataset,
                                         const struct split_request *request, uint8_t *parts,
                                         struct small_set *classes);

/* The indices of a text file, one a line, in [0, n_images), each once; heap memory. Messages begin
 * "<setting> FILE:LINE: ". */
struct index_list_source {
    const char *setting, *path;
    int64_t n_images;
};
CHECKED enum status index_list_read(const struct index_list_source *source, int32_t **out,
                                    int64_t *n);

#endif
