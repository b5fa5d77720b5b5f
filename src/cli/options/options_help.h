/* What a table of options says of itself: to people, as a manual page, to a shell. */
#ifndef CLI_OPTIONS_HELP_H
#define CLI_OPTIONS_HELP_H

#include "cli/options/options.h"

#include "base/text.h"

/* In the form "man" or "words", or for the screen when it is NULL. BAD_CONFIG for another one. */
CHECKED enum status options_print_help(const struct options *options, const char *form);

/* Lines of at most 79 columns: a screen of 80 does not wrap them. */
enum { HELP_COLUMNS = 79 };
/* Words separated by blanks or line ends, `first` before the first line and `indent` blanks before
 * the others; `glue` ends every line but the last ("" or " \\", with which a shell reads on). */
struct paragraph {
    const char *first, *glue;
    int indent;
};
void append_paragraph(const struct paragraph *paragraph, const char *words, struct text *out);
/* The i-th of the names a value NAME may have; false when there is none. */
bool option_choice(const struct option_row *row, int i, char name[32]);

#endif
