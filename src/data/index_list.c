/* Indices of images in a text file, one a line. Nothing is repaired: a line that is no index of the
 * data set, or is there twice, is named. */
#include "data/split_parts.h"

#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct index_list {
    const struct index_list_source *source;
    int32_t *lines; /* [n_images] the line an index stood in, from 1; 0: none yet */
    int32_t *items;
    int64_t n, capacity;
    int32_t line;
};

static enum status add_line(struct index_list *list, const char *text)
{
    enum status status = STATUS_OK;
    const struct index_list_source *source = list->source;
    int64_t index = 0;

    if (*text == '\0')
        return fail(STATUS_BAD_DATA, "%s %s:%d: the line is empty; write one index, counted from 0",
                    source->setting, source->path, (int)list->line);
    if (!text_to_int64(text, &index))
        return fail(STATUS_BAD_DATA,
                    "%s %s:%d: '%.40s' is not an index; write one number, counted from 0",
                    source->setting, source->path, (int)list->line, text);
    if (index < 0 || index >= source->n_images)
        return fail(STATUS_BAD_DATA, "%s %s:%d: %lld is not a training image; those are 0 to %lld",
                    source->setting, source->path, (int)list->line, (long long)index,
                    (long long)source->n_images - 1);
    if (list->lines[index] != 0)
        return fail(STATUS_BAD_DATA, "%s %s:%d: %lld is already in line %d; remove one of them",
                    source->setting, source->path, (int)list->line, (long long)index,
                    (int)list->lines[index]);
    list->lines[index] = list->line;
    TRY(heap_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items));
    list->items[list->n++] = (int32_t)index;
done:
    return status;
}

static enum status add_lines(struct index_list *list, char *text)
{
    enum status status = STATUS_OK;

    while (*text != '\0') {
        char *end = strchrnul(text, '\n'), *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        if (end > text && end[-1] == '\r')
            end[-1] = '\0';
        list->line++;
        TRY(add_line(list, text));
        text = next;
    }
    if (list->n == 0)
        TRY(fail(STATUS_BAD_DATA,
                 "%s %s:1: the file is empty; write one index per line, counted from 0",
                 list->source->setting, list->source->path));
done:
    return status;
}

enum status index_list_read(const struct index_list_source *source, int32_t **out, int64_t *n)
{
    enum status status = STATUS_OK;
    struct index_list list = {.source = source};
    char *text = NULL;
    int64_t n_bytes = 0;

    if (!file_exists(source->path))
        return fail(STATUS_IO, "%s '%s' does not exist", source->setting, source->path);
    TRY(file_read(source->path, &text, &n_bytes));
    if ((int64_t)strlen(text) != n_bytes)
        TRY(fail(STATUS_BAD_DATA,
                 "%s %s:1: the file is not text; write one index per line, counted from 0",
                 source->setting, source->path));
    TRY_ALLOC(list.lines, heap_alloc(source->n_images, sizeof *list.lines));
    TRY(add_lines(&list, text));
    *out = list.items;
    *n = list.n;
    list.items = NULL;
done:
    free(text);
    free(list.lines);
    free(list.items);
    return status;
}
