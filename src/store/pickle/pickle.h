/* Python pickles, read as data: a stack machine that builds a tree of values and executes nothing.
 * It knows the opcodes and classes a state dict needs; everything else is refused by name. */
#ifndef STORE_PICKLE_H
#define STORE_PICKLE_H

#include "base/arena.h"
#include "store/element.h"
#include "store/weights/weights.h"

#include <stdbool.h>

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INTEGER,
    PICKLE_LONG, /* beyond 64 bits: `text` holds the digits or bytes as they stand in the file */
    PICKLE_NUMBER,
    PICKLE_TEXT, /* str and bytes alike */
    PICKLE_LIST, /* list and set */
    PICKLE_TUPLE,
    PICKLE_DICT, /* items alternate: key, value */
    PICKLE_CLASS,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OPAQUE /* something permitted whose content nobody needs */
};

struct pickle_text {
    const char *data; /* zero-terminated; may hold zeros inside */
    int64_t n;
};

struct pickle_items {
    struct pickle_value **values;
    int64_t n, capacity;
};

struct pickle_storage {
    const struct element *element;
    const char *key;             /* names the storage within the file */
    int64_t n;                   /* elements of the whole storage */
    int64_t view_offset, view_n; /* the part this value stands for (old files); else 0 and n */
    struct pickle_storage *next; /* of those the pickle mentions, newest first */
};

struct pickle_tensor {
    const struct pickle_storage *storage;
    int64_t offset; /* elements, within the storage's view */
    int n_dims;
    int64_t shape[WEIGHTS_MAX_DIMS], strides[WEIGHTS_MAX_DIMS];
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* BOOL, INTEGER */
        double number;
        struct pickle_text text;
        struct pickle_items items;
        const struct pickle_class *class;
        const struct pickle_storage *storage;
        const struct pickle_tensor *tensor;
    };
};

struct pickle {
    struct pickle_value *root;
    struct pickle_storage *storages; /* every persistent id met */
    int64_t n_storages;
    int64_t n_bytes; /* up to and with STOP */
};

/* Reads the pickle at the start of bytes[0..n). Everything in the arena; the bytes are not needed
 * afterwards. BAD_DATA says what is wrong or refused, without a file name. */
CHECKED enum status pickle_read(struct arena *arena, const void *bytes, int64_t n,
                                struct pickle *out);

/* The value under a text key; NULL when absent or when `value` is no dict. */
const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key);
bool pickle_text_is(const struct pickle_value *value, const char *text);

#endif
