/* Manual pages in man(7)'s macros, from the tables that --help is printed from. */
#ifndef CLI_MAN_PAGE_H
#define CLI_MAN_PAGE_H

#include "cli/options/options.h"

#include "base/text.h"

/* The page of a command: prunelora-plan.1, prunelora-data-synth.1. */
void man_page_append(const struct options *options, struct text *out);
/* Running text that troff takes as it is. */
void man_append(struct text *out, const char *text);
/* .TH, and NAME up to the dash. */
void man_append_head(struct text *out, const char *page);
/* Exit codes. */
void man_append_codes(struct text *out);

#endif
