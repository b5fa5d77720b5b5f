/* What a method is made of, in the order in which it happens. Inside unlearn/ alone. */
#ifndef UNLEARN_PROGRAM_H
#define UNLEARN_PROGRAM_H

#include "unlearn/phase.h"

#include <stdbool.h>

/* Of a setting, as YAML, where the method was published with another than most are. */
struct method_default {
    const char *setting, *text;
};
enum { MOST_METHOD_DEFAULTS = 8 };

struct program {
    bool starts_from_weights; /* else from initial values */
    bool prunes, adapts;      /* unless the switches of unlearn.* say otherwise */
    bool zeroes_head;         /* the forgotten class's row of the last layer */
    struct phase phase;       /* without streams: it trains nothing */
    bool is_reference;
    struct method_default defaults[MOST_METHOD_DEFAULTS]; /* ends before MOST with a NULL */
};

#endif
