/* Command-line options of a subcommand as a constant table over getopt_long: parsing and --help
 * come from the same rows. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_NEEDED_TEXT, /* without it there is nothing to do */
    OPTION_INTEGER,
    OPTION_NUMBER,
    OPTION_TEXTS /* repeatable */
};

enum { OPTIONS_MAX_TEXTS = 64 };
struct option_texts {
    const char *items[OPTIONS_MAX_TEXTS];
    int64_t n;
};

struct option_row {
    const char *name; /* "out" for --out */
    char letter;      /* 'o' for -o, 0 for none */
    enum option_kind kind;
    void *target;      /* bool, const char *, int64_t, double or struct option_texts */
    const char *value; /* what --help calls it: "DIR" */
    const char *help;  /* of a value NAME, "a (default), b or c" are the names there are */
};

struct options {
    const char *usage;   /* "prunelora plan SWEEP [options]" */
    const char *summary; /* a sentence or two */
    const char *example; /* a command that runs as printed */
    const struct option_row *rows;
    int n_rows;
    int min_positional, max_positional; /* max −1: any number */
};

/* -h and --help print a screen for people; --help=man a manual page, --help=words what completion
 * in a shell needs. Parses argv[1..]; positional arguments end up in positionals (borrowed from
 * argv). *is_help is set after printing any help. Fails BAD_CONFIG naming the option and, if near,
 * the one meant. */
struct positionals {
    const char *items[OPTIONS_MAX_TEXTS];
    int n;
};
CHECKED enum status options_parse(const struct options *options, int argc, char **argv,
                                  struct positionals *positionals, bool *is_help);
/* For commands with one positional: *first is set to it, or left as it is when there is none. */
CHECKED enum status options_parse_one(const struct options *options, int argc, char **argv,
                                      const char **first, bool *is_help);

#endif
