/* The thread-local error record behind fail(). */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[STATUS_MESSAGE_BYTES];
static _Thread_local char origin[256];

enum status fail_at(enum status code, const char *file, int line, const char *format, ...)
{
    char text[STATUS_MESSAGE_BYTES]; /* arguments may point into `message` */
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++) /* names out of files must not steer a terminal */
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    memcpy(message, text, sizeof message);
    snprintf(origin, sizeof origin, "%s:%d", file, line);
    return code;
}

enum status fail_context(enum status code, const char *format, ...)
{
    char before[512];
    char text[STATUS_MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(before, sizeof before, format, arguments);
    va_end(arguments);
    memcpy(text, message, sizeof text);
    snprintf(message, sizeof message, "%s: %.1500s", before, text);
    return code;
}

const char *status_message(void)
{
    return message;
}

const char *status_origin(void)
{
    return origin;
}

int status_exit_code(enum status code)
{
    switch (code) {
    case STATUS_OK:
        return 0;
    case STATUS_DIVERGED:
        return 1;
    case STATUS_BAD_CONFIG:
    case STATUS_BAD_DATA:
        return 2;
    case STATUS_CANCELLED:
        return 75;
    default:
        return 3;
    }
}
