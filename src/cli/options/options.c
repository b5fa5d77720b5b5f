/* Table-driven options: one getopt_long array is made from the rows. */
#include "cli/options/options.h"

#include "base/text.h"
#include "cli/options/options_help.h"

#include <getopt.h>
#include <string.h>

enum { FIRST_CODE = 256, MAX_ROWS = 40 };

static enum status store_value(const struct option_row *row, const char *value)
{
    struct option_texts *texts = row->target;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->target = true;
        return STATUS_OK;
    case OPTION_TEXT:
    case OPTION_NEEDED_TEXT:
        *(const char **)row->target = value;
        return STATUS_OK;
    case OPTION_INTEGER:
        if (!text_to_int64(value, row->target))
            return fail(STATUS_BAD_CONFIG, "--%s expects a whole number, got '%s'", row->name,
                        value);
        return STATUS_OK;
    case OPTION_NUMBER:
        if (!text_to_double(value, row->target))
            return fail(STATUS_BAD_CONFIG, "--%s expects a number, got '%s'", row->name, value);
        return STATUS_OK;
    default:
        if (texts->n == OPTIONS_MAX_TEXTS)
            return fail(STATUS_BAD_CONFIG, "--%s given more than %d times", row->name,
                        OPTIONS_MAX_TEXTS);
        texts->items[texts->n++] = value;
        return STATUS_OK;
    }
}

static enum status unknown_option(const struct options *options, const char *word)
{
    const char *names[MAX_ROWS];

    for (int i = 0; i < options->n_rows; i++)
        names[i] = options->rows[i].name;
    const char *bare = text_starts_with(word, "--") ? word + 2 : word;
    const char *nearest = text_nearest(bare, names, options->n_rows);
    if (nearest != NULL && strcmp(nearest, bare) != 0)
        return fail(STATUS_BAD_CONFIG, "unknown option '%s'; did you mean '--%s'?", word, nearest);
    return fail(STATUS_BAD_CONFIG, "unknown option '%s', or one without the value it needs", word);
}

static void fill_getopt(const struct options *options, struct option *long_options, char *letters)
{
    int n = 0;

    letters[n++] = ':'; /* a missing value is told apart, nothing is printed by getopt */
    letters[n++] = 'h';
    for (int i = 0; i < options->n_rows; i++) {
        const struct option_row *row = &options->rows[i];
        int argument = row->kind == OPTION_FLAG ? no_argument : required_argument;
        long_options[i] = (struct option){row->name, argument, NULL, FIRST_CODE + i};
        if (row->letter != 0) {
            letters[n++] = row->letter;
            if (argument == required_argument)
                letters[n++] = ':';
        }
    }
    long_options[options->n_rows] = (struct option){"help", optional_argument, NULL, 'h'};
    long_options[options->n_rows + 1] = (struct option){0};
    letters[n] = '\0';
}

static const struct option_row *row_of(const struct options *options, int code)
{
    if (code >= FIRST_CODE)
        return &options->rows[code - FIRST_CODE];
    for (int i = 0; i < options->n_rows; i++)
        if (options->rows[i].letter == code)
            return &options->rows[i];
    return NULL;
}

static enum status take_positionals(const struct options *options, int argc, char **argv,
                                    struct positionals *positionals)
{
    positionals->n = 0;
    if (argc - optind > OPTIONS_MAX_TEXTS)
        return fail(STATUS_BAD_CONFIG, "%d arguments are too many, at most %d are read",
                    argc - optind, OPTIONS_MAX_TEXTS);
    for (int i = optind; i < argc; i++)
        positionals->items[positionals->n++] = argv[i];
    if (positionals->n < options->min_positional)
        return fail(STATUS_BAD_CONFIG, "something is missing: usage: %s", options->usage);
    if (options->max_positional >= 0 && argc - optind > options->max_positional)
        return fail(STATUS_BAD_CONFIG, "unexpected '%s': usage: %s",
                    argv[optind + options->max_positional], options->usage);
    return STATUS_OK;
}

static enum status check_needed(const struct options *options)
{
    for (int i = 0; i < options->n_rows; i++) {
        const struct option_row *row = &options->rows[i];
        if (row->kind == OPTION_NEEDED_TEXT && *(const char **)row->target == NULL)
            return fail(STATUS_BAD_CONFIG, "--%s is missing: usage: %s", row->name, options->usage);
    }
    return STATUS_OK;
}

enum status options_parse(const struct options *options, int argc, char **argv,
                          struct positionals *positionals, bool *is_help)
{
    enum status status = STATUS_OK;
    struct option long_options[MAX_ROWS + 2];
    char letters[3 * MAX_ROWS + 3];
    int code = 0;

    *is_help = false;
    fill_getopt(options, long_options, letters);
    optind = 0; /* glibc: start afresh */
    while ((code = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        if (code == 'h') {
            TRY(options_print_help(options, optarg));
            *is_help = true;
            return STATUS_OK;
        }
        if (code == '?' || code == ':')
            return unknown_option(options, argv[optind - 1]);
        TRY(store_value(row_of(options, code), optarg));
    }
    TRY(take_positionals(options, argc, argv, positionals));
    TRY(check_needed(options));
done:
    return status;
}

enum status options_parse_one(const struct options *options, int argc, char **argv,
                              const char **first, bool *is_help)
{
    struct positionals positionals = {.n = 0};
    enum status status = options_parse(options, argc, argv, &positionals, is_help);

    if (status == STATUS_OK && !*is_help && positionals.n > 0)
        *first = positionals.items[0];
    return status;
}
