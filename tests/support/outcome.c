/* Statuses as a test expects them. */
#include "support/outcome.h"

#include "support/cmocka.h"

#include <stdbool.h>
#include <string.h>

static const char *name_of(enum status code)
{
    static const char *const names[] = {
        [STATUS_OK] = "ok",
        [STATUS_BAD_CONFIG] = "bad_config",
        [STATUS_BAD_DATA] = "bad_data",
        [STATUS_IO] = "io",
        [STATUS_OUT_OF_MEMORY] = "out_of_memory",
        [STATUS_DEVICE] = "device",
        [STATUS_COMM] = "comm",
        [STATUS_UNSUPPORTED] = "unsupported",
        [STATUS_DIVERGED] = "diverged",
        [STATUS_CANCELLED] = "cancelled",
        [STATUS_STORAGE] = "storage",
        [STATUS_CHANGED_INPUT] = "changed_input",
    };
    return names[code];
}

void outcome_is_ok(enum status status, const char *call, const char *file, int line)
{
    if (status == STATUS_OK)
        return;
    print_error("%s: %s: %s (%s)\n", call, name_of(status), status_message(), status_origin());
    _fail(file, line);
}

static void expect(bool is_expected, enum status status, enum status code, const char *words,
                   const char *file, int line)
{
    if (status == code && is_expected)
        return;
    print_error("expected %s with '%s', got %s with '%s'\n", name_of(code), words, name_of(status),
                status == STATUS_OK ? "" : status_message());
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
