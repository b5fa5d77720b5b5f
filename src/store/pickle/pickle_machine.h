/* The pickle machine's store: stack, marks and memo, with every bound checked. */
#ifndef STORE_PICKLE_MACHINE_H
#define STORE_PICKLE_MACHINE_H

#include "store/pickle/pickle.h"

enum {
    PICKLE_MAX_BYTES = 64 << 20,    /* a state dict spends some 250 bytes a tensor */
    PICKLE_MAX_VALUES = 4 << 20,    /* 64 bytes each, with what they hold */
    PICKLE_MAX_MARKS = 256,         /* depth of nesting */
    PICKLE_MAX_CONTENTS = 32 << 20, /* elements of all lists, tuples and dicts together */
};

struct pickle_machine {
    struct arena *arena; /* borrowed */
    const unsigned char *bytes;
    int64_t n, position;
    const char *opcode; /* name of the one being run, for messages */
    int argument;       /* of that opcode: width of a length, kind of a container */
    bool is_stopped;

    struct pickle_value **stack; /* owned, heap */
    int64_t n_stack, stack_capacity;
    int64_t marks[PICKLE_MAX_MARKS]; /* stack heights */
    int64_t n_marks;
    struct pickle_value **memo; /* owned, heap; NULL where nothing was put */
    int64_t n_memo, memo_capacity;
    int64_t next_memo; /* where MEMOIZE puts */
    int64_t n_values, n_contents;
    struct pickle *out;
};

/* Reading the byte stream; BAD_DATA when it ends too early. */
CHECKED enum status machine_take(struct pickle_machine *machine, int64_t n,
                                 const unsigned char **out);
/* Unsigned little-endian integer of 1 to 8 bytes; beyond 2^63 − 1 is BAD_DATA. */
CHECKED enum status machine_take_unsigned(struct pickle_machine *machine, int n_bytes,
                                          int64_t *out);
/* Up to the next newline, without it; in the arena. */
CHECKED enum status machine_take_line(struct pickle_machine *machine, const char **out);

CHECKED enum status machine_push(struct pickle_machine *machine, struct pickle_value *value);
CHECKED enum status machine_push_new(struct pickle_machine *machine, struct pickle_value value);
CHECKED enum status machine_push_text(struct pickle_machine *machine, const void *bytes, int64_t n,
                                      enum pickle_kind kind);
/* BAD_DATA below the last mark. */
CHECKED enum status machine_pop(struct pickle_machine *machine, struct pickle_value **out);
CHECKED enum status machine_top(struct pickle_machine *machine, struct pickle_value **out);
/* Removes what stands above the last mark, and the mark; the values stay readable at *out until the
 * next push. */
CHECKED enum status machine_pop_mark(struct pickle_machine *machine, struct pickle_value ***out,
                                     int64_t *n);
CHECKED enum status machine_mark(struct pickle_machine *machine);
CHECKED enum status machine_put(struct pickle_machine *machine, int64_t slot);
CHECKED enum status machine_get(struct pickle_machine *machine, int64_t slot);
/* Counts elements of containers against the bound. */
CHECKED enum status machine_count(struct pickle_machine *machine, int64_t n_contents);

/* Opcodes of pickle_scalar.c, for the table. */
CHECKED enum status op_bool(struct pickle_machine *machine);
CHECKED enum status op_unsigned(struct pickle_machine *machine);
CHECKED enum status op_binint(struct pickle_machine *machine);
CHECKED enum status op_counted_long(struct pickle_machine *machine);
CHECKED enum status op_binfloat(struct pickle_machine *machine);
CHECKED enum status op_int(struct pickle_machine *machine);
CHECKED enum status op_long(struct pickle_machine *machine);
CHECKED enum status op_float(struct pickle_machine *machine);
CHECKED enum status op_unicode(struct pickle_machine *machine);
CHECKED enum status op_counted_text(struct pickle_machine *machine);

#endif
