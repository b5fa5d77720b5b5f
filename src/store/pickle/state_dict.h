/* From a pickle's values to tensors in memory: which dict is the state dict, and how strided views
 * of storages become contiguous arrays. The file formats differ only in where a storage's bytes
 * lie. */
#ifndef STORE_STATE_DICT_H
#define STORE_STATE_DICT_H

#include "store/pickle/pickle.h"

/* Where a format keeps its storages. */
struct storage_source {
    /* Points *out at the storage's bytes, all element->bytes * n of them. */
    enum status (*locate)(struct storage_source *source, const struct pickle_storage *storage,
                          const unsigned char **out);
    int64_t file_bytes;
};

/* Fills nested_under, tensors and n of `weights`, in its arena. */
CHECKED enum status state_dict_load(const struct pickle_value *root, struct storage_source *source,
                                    struct weights *weights);

/* One format each: everything in weights->arena; `bytes` are not needed afterwards. */
CHECKED enum status pth_zip_parse(const void *bytes, int64_t n, struct weights *weights);
CHECKED enum status pth_legacy_parse(const void *bytes, int64_t n, struct weights *weights);
CHECKED enum status weights_h5_parse(const void *bytes, int64_t n, struct weights *weights);

#endif
