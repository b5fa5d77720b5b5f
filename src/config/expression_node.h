/* Internals of expressions: the tree that is read from a text and evaluated. */
#ifndef CONFIG_EXPRESSION_NODE_H
#define CONFIG_EXPRESSION_NODE_H

#include "config/expression.h"

enum operation {
    OP_LITERAL,
    OP_SETTING,
    OP_NEGATE,
    OP_NOT,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_AT_MOST,
    OP_MORE,
    OP_AT_LEAST,
    OP_AND,
    OP_OR,
    OP_IN,   /* left in items */
    OP_JOIN, /* items joined as text */
};

struct node {
    enum operation operation;
    enum result_kind kind; /* of its value */
    struct position at;
    bool is_word;        /* LITERAL: a bare word, which may only be compared */
    struct result value; /* of LITERAL */
    const char *text;    /* of LITERAL: as written, without quotes */
    int setting;         /* of SETTING */
    struct node *left, *right;
    struct node **items; /* [n_items] of IN and JOIN */
    int64_t n_items;
};

struct expression {
    struct node *root;
    bool reads[MAX_SETTINGS];
};

/* An expression being read. */
struct expression_reading {
    const struct setting_reader *reader;
    const struct tree *value;
    const char *p, *end; /* of the part that is an expression */
    int quotes;          /* characters between the value's place and its text; -1: unknown */
    int depth, n_nodes;
    struct expression *expression;
};
/* The place of a part, or of the whole value where escapes or line breaks hide parts. */
struct position reading_place(const struct expression_reading *in, const char *from,
                              const char *to);
/* A mistake at a part: into the diagnostics, and BAD_CONFIG. */
CHECKED enum status reading_refuse(const struct expression_reading *in, const char *from,
                                   const char *to, const char *message);
/* A checked copy in the arena. */
CHECKED enum status reading_make(struct expression_reading *in, const struct node *node,
                                 struct node **out);
/* Reads one expression that ends at `end`. A bare word alone is a misspelt setting. */
CHECKED enum status reading_whole(struct expression_reading *in, const char *end,
                                  struct node **out);

/* Gives an operation its kind; false, with a diagnostic at the operand, when operands do not go
 * together. Words and other literals beside a setting are read as values of that setting. */
bool node_check(const struct setting_reader *reader, struct node *node);

#endif
