/* Escapes and macros. */
#include "cli/options/man_page.h"

#include <ctype.h>
#include <string.h>

void man_append(struct text *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if ((at == text || at[-1] == '\n') && (*at == '.' || *at == '\''))
            text_append(out, "\\&"); /* no macro */
        if (*at == '-')
            text_append(out, "\\-");
        else if (*at == '\\')
            text_append(out, "\\e");
        else
            text_append_bytes(out, at, 1);
    }
}

static void append_line(struct text *out, const char *macro, const char *text)
{
    text_append(out, "%s", macro);
    man_append(out, text);
    text_append(out, "\n");
}

void man_append_head(struct text *out, const char *page)
{
    text_append(out, ".TH ");
    for (const char *at = page; *at != '\0'; at++)
        text_append(out, "%c", toupper((unsigned char)*at));
    text_append(out, " 1 \"\" \"prunelora %s\" \"User Commands\"\n.SH NAME\n", PRUNELORA_VERSION);
    man_append(out, page);
    text_append(out, " \\- ");
}

void man_append_codes(struct text *out)
{
    text_append(out, ".SH EXIT STATUS\n0 done, 1 some runs failed, 2 the input is wrong, 3 the "
                     "machine is wrong, 75 stopped cleanly with work left.\n");
}

/* "[mpirun -n N] prunelora data synth --out DIR" is explained by prunelora-data-synth. */
static void append_page_name(const char *usage, struct text *out)
{
    const char *at = strstr(usage, "prunelora");

    for (const char *dash = ""; at != NULL && islower((unsigned char)*at); dash = "-") {
        int n = (int)strcspn(at, " ");
        text_append(out, "%s%.*s", dash, n, at);
        at += n;
        at += strspn(at, " ");
    }
}

static void append_first_sentence(const char *summary, struct text *out)
{
    const char *end = strstr(summary, ". "), *line = strstr(summary, ".\n");
    struct text sentence = {0};

    if (end == NULL || (line != NULL && line < end))
        end = line;
    text_append_bytes(&sentence, summary,
                      end != NULL ? (int64_t)(end - summary) : (int64_t)strlen(summary));
    man_append(out, text_value(&sentence));
    text_append(out, "\n");
    text_release(&sentence);
}

static void append_option(const struct option_row *row, struct text *out)
{
    text_append(out, ".TP\n");
    if (row->letter != 0)
        text_append(out, "\\fB\\-%c\\fR, ", row->letter);
    text_append(out, "\\fB");
    man_append(out, "--");
    man_append(out, row->name);
    text_append(out, "\\fR");
    if (row->value != NULL)
        text_append(out, " \\fI%s\\fR", row->value);
    append_line(out, "\n", row->help);
}

void man_page_append(const struct options *options, struct text *out)
{
    struct text name = {0};

    append_page_name(options->usage, &name);
    man_append_head(out, text_value(&name));
    append_first_sentence(options->summary, out);
    append_line(out, ".SH SYNOPSIS\n", options->usage);
    append_line(out, ".SH DESCRIPTION\n", options->summary);
    text_append(out, ".SH OPTIONS\n");
    for (int i = 0; i < options->n_rows; i++)
        append_option(&options->rows[i], out);
    text_append(out, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nA short form of this page.\n");
    text_append(out, ".SH EXAMPLES\n.nf\n");
    man_append(out, options->example);
    text_append(out, "\n.fi\n");
    man_append_codes(out);
    text_append(out, ".SH SEE ALSO\n.BR prunelora (1)\n");
    text_release(&name);
}
