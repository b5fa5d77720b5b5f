/* `prunelora complete`: what may stand behind --set, one candidate per line, for the shell's
 * completion (completion.bash). */
#include "cli/cli.h"

#include "cli/options/options.h"
#include "config/settings_table.h"
#include "model/model.h"
#include "unlearn/method.h"

#include <stdio.h>
#include <string.h>

static void print_values(const struct setting *setting)
{
    static const char *const booleans[] = {"true", "false", NULL};
    const char *const *names = setting->kind == SETTING_BOOL ? booleans : setting->names;

    for (int i = 0; names != NULL && names[i] != NULL; i++)
        printf("%s=%s\n", setting->name, names[i]);
    for (int i = 0; setting->kind == SETTING_ARCHITECTURE && architecture_at(i) != NULL; i++)
        printf("%s=%s\n", setting->name, architecture_at(i)->name);
    for (int i = 0; setting->kind == SETTING_METHOD && method_at(i) != NULL; i++)
        printf("%s=%s\n", setting->name, method_at(i)->name);
}

/* The names with "=" behind them; of a name with its "=" the values, if they are words. */
static void print_candidates(const char *word)
{
    const char *equals = strchr(word, '=');
    size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);

    for (int i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (equals == NULL && strncmp(setting->name, word, n) == 0)
            printf("%s=\n", setting->name);
        else if (equals != NULL && strlen(setting->name) == n &&
                 strncmp(setting->name, word, n) == 0)
            print_values(setting);
    }
}

int cli_complete(int argc, char **argv)
{
    const struct options options = {
        .usage = "prunelora complete [WORD]",
        .summary = "The settings, or the values of one, that WORD behind --set can become.",
        .example = "prunelora complete train.",
        .max_positional = 1,
    };
    struct positionals positionals;
    bool is_help = false;

    enum status status = options_parse(&options, argc, argv, &positionals, &is_help);
    if (status == STATUS_OK && !is_help)
        print_candidates(positionals.n > 0 ? positionals.items[0] : "");
    return cli_finish(status);
}
