/* Statuses as a test expects them. */
#include "support/outcome.h"

#include "support/cmocka.h"

#include <stdbool.h>
#include <string.h>

void outcome_is_ok(enum status status, const char *call, const char *file, int line)
{
    if (status == STATUS_OK)
        return;
    print_error("%s: %s: %s (%s)\n", call, status_name(status), status_message(), status_origin());
    _fail(file, line);
}

static void expect(bool is_expected, enum status status, enum status code, const char *words,
                   const char *file, int line)
{
    if (status == code && is_expected)
        return;
    print_error("expected %s with '%s', got %s with '%s'\n", status_name(code), words,
                status_name(status), status == STATUS_OK ? "" : status_message());
    _fail(file, line);
}

void outcome_is_failure(enum status status, enum status code, const char *words, const char *file,
                        int line)
{
    expect(strstr(status_message(), words) != NULL, status, code, words, file, line);
}

void outcome_is_message(enum status status, enum status code, const char *message, const char *file,
                        int line)
{
    expect(strcmp(status_message(), message) == 0, status, code, message, file, line);
}
