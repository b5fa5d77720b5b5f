/* --help: a screen of 80 columns, and the words that completion in a shell asks for. */
#include "cli/options/options_help.h"

#include "cli/options/man_page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { HELP_AT = 31 }; /* column of what an option does */

/* "[--out FILE]" stays in one line. */
static int word_length(const char *at)
{
    size_t n = strcspn(at, " \n");
    const char *end = *at == '[' ? strchr(at, ']') : NULL;

    if (end != NULL)
        n = (size_t)(end - at) + strcspn(end, " \n");
    return (int)n;
}

void append_paragraph(const struct paragraph *paragraph, const char *words, struct text *out)
{
    int column = (int)strlen(paragraph->first), begin = column;
    int most = HELP_COLUMNS - (int)strlen(paragraph->glue);

    text_append(out, "%s", paragraph->first);
    for (const char *at = words + strspn(words, " \n"); *at != '\0';) {
        int n = word_length(at);
        bool is_first = column == begin;
        if (!is_first && column + 1 + n > most) {
            text_append(out, "%s\n%*s", paragraph->glue, paragraph->indent, "");
            column = begin = paragraph->indent;
            is_first = true;
        }
        text_append(out, "%s%.*s", is_first ? "" : " ", n, at);
        column += n + !is_first;
        at += n;
        at += strspn(at, " \n");
    }
    text_append(out, "\n");
}

static void append_option(const struct option_row *row, struct text *out)
{
    char left[96], letter[8] = "    ";

    if (row->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    int n = snprintf(left, sizeof left, "  %s--%s %s", letter, row->name,
                     row->value != NULL ? row->value : "");
    snprintf(left + n, sizeof left - (size_t)n, "%*s", n < HELP_AT ? HELP_AT - n : 1, "");
    append_paragraph(&(struct paragraph){left, "", HELP_AT}, row->help, out);
}

static void append_screen(const struct options *options, struct text *out)
{
    append_paragraph(&(struct paragraph){"usage: ", "", 7}, options->usage, out);
    text_append(out, "\n");
    append_paragraph(&(struct paragraph){"", "", 0}, options->summary, out);
    text_append(out, "\n");
    for (int i = 0; i < options->n_rows; i++)
        append_option(&options->rows[i], out);
    text_append(out, "  %-*s%s\n\n", HELP_AT - 2, "-h, --help", "this text");
    append_paragraph(&(struct paragraph){"example: ", " \\", 4}, options->example, out);
}

/* ---- for a shell ---- */

bool option_choice(const struct option_row *row, int i, char name[32])
{
    static const char blank_default[] = " (default)";
    const char *at = row->help;

    if (row->value == NULL || strcmp(row->value, "NAME") != 0 || strstr(at, " or ") == NULL)
        return false;
    for (int k = 0;; k++) {
        size_t n = 0;
        while (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == '-')
            n++;
        const char *end = at + n;
        if (text_starts_with(end, blank_default))
            end += sizeof blank_default - 1;
        bool is_last = *end == '\0';
        if (n == 0 || n >= 32 ||
            (!is_last && !text_starts_with(end, ", ") && !text_starts_with(end, " or ")))
            return false; /* no list, or behind its last name */
        if (k == i) {
            snprintf(name, 32, "%.*s", (int)n, at);
            return true;
        }
        if (is_last)
            return false;
        at = end + (*end == ',' ? 2 : 4);
    }
}

static void append_option_words(const struct option_row *row, struct text *out)
{
    char name[32];

    text_append(out, "option --%s", row->name);
    if (row->letter != 0)
        text_append(out, " -%c", row->letter);
    text_append(out, "\n");
    if (row->value == NULL)
        return;
    text_append(out, "value --%s %s", row->name, row->value);
    if (row->letter != 0)
        text_append(out, "\nvalue -%c %s", row->letter, row->value);
    text_append(out, "\n");
    for (int i = 0; option_choice(row, i, name); i++)
        text_append(out, "choice --%s %s\n", row->name, name);
}

/* From the usage: "prunelora weights inspect FILE... [--json]" wants a FILE behind "inspect". */
static void append_operand_words(const char *usage, struct text *out)
{
    const char *at = strstr(usage, "prunelora ");
    int n_words = 0;

    for (at = at != NULL ? at + strlen("prunelora ") : ""; *at != '\0';) {
        size_t n = strcspn(at, " ");
        const char *word = at + strspn(at, "[");
        if (isupper((unsigned char)*word)) {
            text_append(out, "operand %.*s\n", (int)strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                        word);
            return;
        }
        if (!islower((unsigned char)*word))
            return; /* an option */
        if (n_words++ > 0)
            text_append(out, "command %.*s\n", (int)n, word);
        at += n;
        at += strspn(at, " ");
    }
}

static void append_words(const struct options *options, struct text *out)
{
    append_operand_words(options->usage, out);
    for (int i = 0; i < options->n_rows; i++)
        append_option_words(&options->rows[i], out);
    text_append(out, "option --help -h\n");
}

enum status options_print_help(const struct options *options, const char *form)
{
    enum status status = STATUS_OK;
    struct text text = {0};

    if (form == NULL)
        append_screen(options, &text);
    else if (strcmp(form, "man") == 0)
        man_page_append(options, &text);
    else if (strcmp(form, "words") == 0)
        append_words(options, &text);
    else
        TRY(fail(STATUS_BAD_CONFIG, "--help=%s: want man, words or nothing", form));
    TRY(text_finish(&text));
    fputs(text_value(&text), stdout);
done:
    text_release(&text);
    return status;
}
