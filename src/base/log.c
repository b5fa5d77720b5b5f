/* One write per line, so that lines of several processes do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level most_level = LOG_WARNING;
static const char *who_name = "prunelora";

void log_open(enum log_level most, const char *who)
{
    most_level = most;
    who_name = who;
}

void log_write(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[2048], clock[16];
    time_t now = time(NULL);
    struct tm local;
    va_list arguments;

    if (level > most_level)
        return;
    localtime_r(&now, &local);
    strftime(clock, sizeof clock, "%H:%M:%S", &local);
    int n = snprintf(line, sizeof line, "%s %s %s: ", clock, who_name, names[level]);
    va_start(arguments, format);
    vsnprintf(line + n, sizeof line - (size_t)n - 1, format, arguments);
    va_end(arguments);
    size_t length = strlen(line);
    line[length] = '\n';
    if (write(STDERR_FILENO, line, length + 1) < 0)
        return; /* nowhere left to say so */
}
