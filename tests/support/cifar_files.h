/* Small CIFAR folders for tests. */
#ifndef SUPPORT_CIFAR_FILES_H
#define SUPPORT_CIFAR_FILES_H

#include "support/temporary_folder.h"

#include <stddef.h>
#include <stdint.h>

enum { RECORD10 = 3073, RECORD100 = 3074 };

void write_bytes(const struct temporary_folder *folder, const char *name, const void *bytes,
                 size_t n);
/* The byte that pixel p of image i of a file gets. */
uint8_t pixel_of(int file, int image, int p);
/* data_batch_1..5.bin with n_images each and test_batch.bin with n_images + 1; image i of file f
 * has label (i + f) % 10. */
void write_cifar10(const struct temporary_folder *folder, int n_images);
/* One file of them. */
void write_cifar10_file(const struct temporary_folder *folder, int file, int n_images);

#endif
