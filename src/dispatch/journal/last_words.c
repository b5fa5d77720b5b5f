/* Collected as they come, then sorted: a run that was given out again after its end has not ended.
 */
#include "dispatch/journal/last_words.h"

#include <stdlib.h>
#include <string.h>

static void see_event(void *context, const struct journal_event *event)
{
    struct last_words *words = context;

    if (words->status != STATUS_OK ||
        (event->kind != JOURNAL_ASSIGNED && event->kind != JOURNAL_DONE &&
         event->kind != JOURNAL_STOPPED))
        return;
    words->status = heap_grow(&words->items, &words->capacity, words->n + 1, sizeof *words->items);
    if (words->status != STATUS_OK)
        return;
    struct last_word *word = &words->items[words->n];
    *word = (struct last_word){.order = words->n++, .attempt = event->attempt, .kind = event->kind};
    memcpy(word->id, event->run_id, RUN_ID_BYTES);
    word->summary = arena_strdup(words->arena, event->summary);
    if (word->summary == NULL)
        words->status = STATUS_OUT_OF_MEMORY;
}

enum status last_words_read(struct last_words *words, const char *path)
{
    enum status status = journal_salvage(path, see_event, words, words->sound, &words->n_lost);

    return status == STATUS_OK ? words->status : status;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct last_word *)a)->id, ((const struct last_word *)b)->id);
}

static int by_id_and_order(const void *a, const void *b)
{
    int64_t x = ((const struct last_word *)a)->order, y = ((const struct last_word *)b)->order;
    int order = by_id(a, b);

    return order != 0 ? order : (x > y) - (x < y);
}

void last_words_sort(struct last_words *words)
{
    int64_t n = 0;

    if (words->n > 0)
        qsort(words->items, (size_t)words->n, sizeof *words->items, by_id_and_order);
    for (int64_t i = 0; i < words->n; i++)
        if (i + 1 == words->n || by_id(&words->items[i], &words->items[i + 1]) != 0)
            words->items[n++] = words->items[i];
    words->n = n;
}

const struct last_word *last_words_find(const struct last_words *words, const char *id)
{
    struct last_word key = {.order = 0};

    copy_text(key.id, sizeof key.id, id);
    return words->n == 0 ? NULL : bsearch(&key, words->items, (size_t)words->n, sizeof key, by_id);
}

void last_words_release(struct last_words *words)
{
    free(words->items);
    *words = (struct last_words){0};
}
