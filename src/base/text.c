/* Growing text, number conversions that round-trip, and spelling suggestions. */
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct text *text, int64_t extra)
{
    if (text->is_failed ||
        heap_grow(&text->data, &text->capacity, text->length + extra + 1, 1) != STATUS_OK)
        text->is_failed = true;
    return !text->is_failed;
}

void text_append(struct text *text, const char *format, ...)
{
    enum { ROOM = 64 }; /* most pieces are shorter: printed once, without measuring them first */
    va_list arguments;

    if (!text_reserve(text, ROOM))
        return;
    int64_t room = text->capacity - text->length;
    va_start(arguments, format);
    int length = vsnprintf(text->data + text->length, (size_t)room, format, arguments);
    va_end(arguments);
    if (length >= room) {
        if (!text_reserve(text, length))
            return;
        va_start(arguments, format);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    text->length += length > 0 ? length : 0;
}

void text_append_bytes(struct text *text, const void *bytes, int64_t n)
{
    if (!text_reserve(text, n))
        return;
    memcpy(text->data + text->length, bytes, (size_t)n);
    text->length += n;
    text->data[text->length] = '\0';
}

enum status text_finish(struct text *text)
{
    if (text->is_failed)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory composing a text");
    return STATUS_OK;
}

const char *text_value(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

void text_release(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

char *text_from_double(double value, char *buffer)
{
    /* 15 digits print any number that has as few without the others; the smallest lack that */
    for (int digits = fabs(value) > 1e-300 ? 15 : 1; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    char *exponent = strchr(buffer, 'e');
    if (exponent != NULL) { /* 1e-04 → 1e-4 */
        char *digits = exponent + (exponent[1] == '-' ? 2 : 1);
        char *first = exponent[1] == '+' ? exponent + 2 : digits;
        while (*first == '0' && first[1] != '\0')
            first++;
        memmove(digits, first, strlen(first) + 1);
        if (value == rint(value) && fabs(value) < 1e15)
            snprintf(buffer, 32, "%.0f", value);
    }
    return buffer;
}

bool text_to_double(const char *text, double *out)
{
    char *end = NULL;

    if (*text == '\0' || strpbrk(text, "xX \t\n") != NULL)
        return false;
    double value = strtod(text, &end);
    if (*end != '\0')
        return false;
    *out = value;
    return true;
}

bool text_to_int64(const char *text, int64_t *out)
{
    char *end = NULL;

    if (*text == '\0' || strpbrk(text, " \t\n") != NULL)
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *out = value;
    return true;
}

enum { LONGEST_WORD = 63 };

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

int text_distance(const char *a, const char *b)
{
    int cost[LONGEST_WORD + 1][LONGEST_WORD + 1];
    int rows = (int)strlen(a), columns = (int)strlen(b);

    if (rows > LONGEST_WORD || columns > LONGEST_WORD)
        return strcmp(a, b) == 0 ? 0 : LONGEST_WORD;
    for (int i = 0; i <= rows; i++) {
        for (int j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            int change = a[i - 1] != b[j - 1];
            cost[i][j] =
                smallest(cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change);
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap && cost[i - 2][j - 2] + 1 < cost[i][j])
                cost[i][j] = cost[i - 2][j - 2] + 1;
        }
    }
    return cost[rows][columns];
}

const char *text_nearest(const char *word, const char *const *candidates, int64_t n)
{
    const char *nearest = NULL;
    int least = 1 + (int)strlen(word) / 3; /* more changes than this is another word */

    for (int64_t i = 0; i < n; i++) {
        int distance = text_distance(word, candidates[i]);
        if (distance <= least && (nearest == NULL || distance < least)) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

void copy_text(char *to, size_t capacity, const char *from)
{
    size_t n = strlen(from);

    if (n >= capacity) {
        n = capacity - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xC0) == 0x80)
            n--; /* from[n] continues a character: cut before its first byte */
    }
    memmove(to, from, n);
    to[n] = '\0';
}

bool text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), wanted = strlen(suffix);
    return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}
