/* How many images a folder holds and how large they are. */
#include "data/cifar.h"
#include "data/image_files.h"

#include "base/file.h"

#include <stdio.h>

static enum status summarise_cifar(const struct cifar_format *format, const char *folder,
                                   struct dataset_summary *out)
{
    char path[4096];

    out->n_train = 0;
    for (int i = 0; i < format->n_files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, format->files[i]);
        int64_t bytes = file_size(path);
        if (bytes < 0)
            return fail(STATUS_IO, "there is no file '%s'", path);
        out->n_test = bytes / cifar_record_bytes(format);
        out->n_train += i < format->n_files - 1 ? out->n_test : 0;
    }
    return STATUS_OK;
}

enum status dataset_summarise(enum dataset_kind kind, const char *folder,
                              struct dataset_summary *out)
{
    if (kind == DATASET_IMAGES)
        return image_files_summarise(folder, out);
    out->shape = dataset_shape(kind);
    return summarise_cifar(cifar_format(kind), folder, out);
}
