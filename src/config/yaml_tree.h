/* YAML text → a tree of scalars, lists and maps that knows where every key and value stands. */
#ifndef CONFIG_YAML_TREE_H
#define CONFIG_YAML_TREE_H

#include "config/diagnostics.h"

enum tree_kind { TREE_NULL, TREE_BOOL, TREE_INTEGER, TREE_FLOAT, TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree;
struct tree_entry {
    const char *key;
    struct position at; /* of the key */
    struct tree *value;
};

struct tree {
    enum tree_kind kind;
    struct position at;
    const char *text; /* of a scalar, as written */
    bool boolean;
    int64_t integer;
    double number;              /* of FLOAT and INTEGER */
    struct tree **items;        /* [n] of LIST */
    struct tree_entry *entries; /* [n] of MAP, in the order written */
    int64_t n;
    int64_t weight; /* values in it, itself and expanded aliases included */
};

/* Scalars by the YAML 1.2 core schema (1e-4 is a number, yes and off are text); anchors, aliases
 * and `<<` with a bound on their expansion; duplicate keys, tags, several documents and
 * zero bytes are mistakes. Everything is owned by the arena; source must outlive the tree.
 * An empty text is a TREE_NULL. *out is NULL after a mistake that leaves no tree; of duplicate
 * keys, which are mistakes as well, the tree has the first. */
CHECKED enum status tree_parse(const struct source *source, struct arena *arena,
                               struct diagnostics *diagnostics, struct tree **out);

/* A scalar at a place: quoted text is TEXT, plain text is what the core schema says. */
CHECKED enum status tree_scalar(struct arena *arena, const struct position *at, const char *text,
                                bool is_quoted, struct tree **out);
CHECKED enum status tree_list(struct arena *arena, const struct position *at,
                              struct tree *const *items, int64_t n, struct tree **out);

const struct tree *tree_member(const struct tree *map, const char *key); /* NULL when absent */
bool tree_is_scalar(const struct tree *tree);
/* "a list", "a map", "nothing", or the scalar in quotes: for messages. */
const char *tree_describe(struct arena *arena, const struct tree *tree);
/* As YAML in one line that parses to the same tree. */
void tree_print(const struct tree *tree, struct text *out);

const char *yaml_library_version(void);

#endif
