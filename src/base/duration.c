/* The same forms as squeue and sacct use. */
#include "base/duration.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

char *duration_to_text(double seconds, char buffer[DURATION_BYTES])
{
    if (!(seconds >= 0 && seconds < 1e15)) {
        snprintf(buffer, DURATION_BYTES, "?");
        return buffer;
    }
    int64_t s = (int64_t)(seconds + 0.5);
    if (s < 60)
        snprintf(buffer, DURATION_BYTES, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(buffer, DURATION_BYTES, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    else
        snprintf(buffer, DURATION_BYTES, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    return buffer;
}

/* A whole number of digits alone; the end of them in *end. */
static bool take_number(const char *text, const char **end, int64_t *out)
{
    size_t n = strspn(text, "0123456789");
    char digits[16];

    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    *end = text + n;
    return text_to_int64(digits, out);
}

bool duration_from_text(const char *text, double *seconds)
{
    int64_t days = 0, parts[3] = {0}, n = 0;
    const char *at = text, *dash = strchr(text, '-');

    if (strpbrk(text, ":-") == NULL)
        return text_to_double(text, seconds) && *seconds >= 0 && isfinite(*seconds);
    if (dash != NULL) {
        if (!take_number(text, &at, &days) || at != dash)
            return false;
        at++;
    }
    for (;;) {
        if (n == 3 || !take_number(at, &at, &parts[n]))
            return false;
        n++;
        if (*at == '\0')
            break;
        if (*at != ':')
            return false;
        at++;
    }
    bool is_whole = dash != NULL ? n == 3 : n >= 2;
    for (int64_t i = 1; i < n; i++)
        is_whole = is_whole && parts[i] < 60;
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total = 60 * total + (double)parts[i];
    *seconds = 86400 * (double)days + total;
    return is_whole;
}
