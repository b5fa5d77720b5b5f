/* Whole-name matching on top of regcomp. */
#include "graph/pattern.h"

#include "base/arena.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    regex_t regex;
};

enum status pattern_create(const char *text, struct pattern **out)
{
    struct pattern *pattern = heap_alloc(1, sizeof *pattern);
    char reason[128];

    if (pattern == NULL)
        return STATUS_OUT_OF_MEMORY;
    int code = regcomp(&pattern->regex, text, REG_EXTENDED);
    if (code != 0) {
        regerror(code, &pattern->regex, reason, sizeof reason);
        free(pattern);
        return fail(STATUS_BAD_CONFIG, "pattern '%s' is not a regular expression: %s", text,
                    reason);
    }
    *out = pattern;
    return STATUS_OK;
}

void pattern_destroy(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    regfree(&pattern->regex);
    free(pattern);
}

/* POSIX finds the leftmost longest match: when any match covers the whole name, it is that one. */
bool pattern_matches(const struct pattern *pattern, const char *name)
{
    regmatch_t match;

    return regexec(&pattern->regex, name, 1, &match, 0) == 0 && match.rm_so == 0 &&
           (size_t)match.rm_eo == strlen(name);
}
