/* The binary files of imported pictures: images.json says how large they are, how many, of which
 * classes; train_images.bin and test_images.bin hold records of a label (one byte, or two,
 * little-endian, of more than 256 classes) and planar RGB bytes. Private to src/data. */
#ifndef DATA_IMAGE_FILES_H
#define DATA_IMAGE_FILES_H

#include "data/dataset.h"

enum { IMAGE_MIN_SIDE = 8, IMAGE_MAX_SIDE = 1024 };

/* The i-th file; NULL past the end. */
const char *image_files_name(int i);
/* The hash of the content: size, classes and every record. */
CHECKED enum status image_files_hash(const struct dataset *dataset, char hex[HASH_HEX_BYTES]);
/* Fills a data set of kind, arena and nothing else. BAD_DATA when a file is damaged, or not of the
 * same import as the others. */
CHECKED enum status image_files_read(struct dataset *dataset, const char *folder);
/* What images.json says. */
CHECKED enum status image_files_summarise(const char *folder, struct dataset_summary *out);
/* Writes the three files, images.json last; an older one is removed first, so that no crash leaves
 * a mixture that reads. `source` is a note on where the pictures came from. */
CHECKED enum status image_files_write(const struct dataset *dataset, const char *folder,
                                      const char *source);

#endif
