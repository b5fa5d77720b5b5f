/* Arithmetic and comparisons over settings: "${2 * lora.rank}" as a value, and
 * "unlearn.method in [lora, prune_lora]" as a condition. Names and types are checked when the text
 * is read, so at a point only arithmetic can still fail: a division by zero, an overflow. */
#ifndef CONFIG_EXPRESSION_H
#define CONFIG_EXPRESSION_H

#include "config/settings_table.h"

enum result_kind { RESULT_INTEGER, RESULT_NUMBER, RESULT_BOOL, RESULT_TEXT };

struct result {
    enum result_kind kind;
    int64_t integer; /* of INTEGER */
    double number;   /* of NUMBER and INTEGER */
    bool boolean;
    const char *text;
};

struct expression; /* lives in its reader's arena */

/* True for a text with "${" in it. */
bool text_has_expression(const char *text);

/* A text whose "${…}" parts are expressions: a single part keeps its type, parts with text around
 * them are joined to a text. After a mistake *out is NULL and the reader's diagnostics tell it. */
CHECKED enum status expression_parse(const struct setting_reader *reader, const struct tree *value,
                                     struct expression **out);
/* A text that is one expression, true or false. *out as above. */
CHECKED enum status condition_parse(const struct setting_reader *reader, const struct tree *value,
                                    struct expression **out);

bool expression_reads(const struct expression *expression, int setting);
enum result_kind expression_kind(const struct expression *expression);
/* The kind that a setting's values have in expressions; false for lists, which none can read. */
bool setting_result_kind(const struct setting *setting, enum result_kind *out);
/* The value that settings hold for a setting that setting_result_kind accepts. */
struct result setting_result(const struct setting *setting, const struct settings *settings);

/* The value at a point. A text that is joined from parts lives in `scratch`. BAD_CONFIG when there
 * is no value, with a message that begins with the fact ("division by zero"). */
CHECKED enum status expression_value(const struct expression *expression,
                                     const struct settings *settings, struct text *scratch,
                                     struct result *out);

/* Appends a value as a user writes it: 8, 0.5, true, text without quotes. */
void result_print(const struct result *value, struct text *out);

#endif
