/* Arenas as a list of chunks; the newest chunk serves small requests, large ones get their own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, CHUNK_BYTES = 64 * 1024 };

struct chunk {
    struct chunk *next;
    size_t capacity, used; /* bytes after the header */
};

struct arena {
    struct chunk *chunks; /* owned; the first is the one being filled */
};

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool product_fits(int64_t count, size_t bytes_each, size_t *out)
{
    return count >= 0 && !__builtin_mul_overflow((size_t)count, bytes_each, out) &&
           *out < SIZE_MAX / 4;
}

enum status arena_create(struct arena **out)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory for an arena");
    *out = arena;
    return STATUS_OK;
}

void arena_reset(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
}

void arena_destroy(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_reset(arena);
    free(arena);
}

static struct chunk *chunk_add(struct arena *arena, size_t bytes)
{
    size_t header = round_up(sizeof(struct chunk));
    size_t capacity = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    struct chunk *chunk = aligned_alloc(ALIGNMENT, header + capacity);

    if (chunk == NULL)
        return NULL;
    chunk->capacity = capacity;
    chunk->used = 0;
    if (bytes > CHUNK_BYTES / 4 && arena->chunks != NULL) { /* keep filling the current chunk */
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *arena_alloc(struct arena *arena, int64_t count, size_t bytes_each)
{
    size_t bytes = 0;
    struct chunk *chunk = arena->chunks;

    if (!product_fits(count, bytes_each, &bytes)) {
        (void)fail(STATUS_OUT_OF_MEMORY, "cannot allocate %lld × %zu bytes", (long long)count,
                   bytes_each);
        return NULL;
    }
    bytes = round_up(bytes > 0 ? bytes : 1);
    if (chunk == NULL || chunk->capacity - chunk->used < bytes)
        chunk = chunk_add(arena, bytes);
    if (chunk == NULL) {
        (void)fail(STATUS_OUT_OF_MEMORY, "out of memory allocating %zu bytes", bytes);
        return NULL;
    }
    void *memory = (char *)chunk + round_up(sizeof *chunk) + chunk->used;
    chunk->used += bytes;
    return memset(memory, 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = arena_alloc(arena, (int64_t)bytes, 1);

    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_alloc(arena, (int64_t)length + 1, 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void *heap_alloc(int64_t count, size_t bytes_each)
{
    size_t bytes = 0;
    void *memory =
        product_fits(count, bytes_each, &bytes) ? calloc(1, bytes > 0 ? bytes : 1) : NULL;

    if (memory == NULL)
        (void)fail(STATUS_OUT_OF_MEMORY, "out of memory allocating %lld × %zu bytes",
                   (long long)count, bytes_each);
    return memory;
}

enum status heap_grow(void *items, int64_t *capacity, int64_t needed, size_t bytes_each)
{
    void **array = items;
    size_t bytes = 0;

    if (needed <= *capacity)
        return STATUS_OK;
    int64_t wanted = *capacity + *capacity / 2 > needed ? *capacity + *capacity / 2 : needed;
    void *grown = product_fits(wanted, bytes_each, &bytes) ? realloc(*array, bytes) : NULL;
    if (grown == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory growing an array to %lld × %zu bytes",
                    (long long)wanted, bytes_each);
    memset((char *)grown + (size_t)*capacity * bytes_each, 0,
           (size_t)(wanted - *capacity) * bytes_each);
    *array = grown;
    *capacity = wanted;
    return STATUS_OK;
}
