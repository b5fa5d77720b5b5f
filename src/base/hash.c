/* SHA-256 by nettle, CRC-32 by zlib. */
#include "base/hash.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct hash {
    struct sha256_ctx context;
};

enum status hash_create(struct hash **out)
{
    struct hash *hash = calloc(1, sizeof *hash);

    if (hash == NULL)
        return fail(STATUS_OUT_OF_MEMORY, "out of memory for a hash");
    sha256_init(&hash->context);
    *out = hash;
    return STATUS_OK;
}

void hash_destroy(struct hash *hash)
{
    free(hash);
}

void hash_update(struct hash *hash, const void *bytes, size_t n)
{
    sha256_update(&hash->context, n, bytes);
}

void hash_update_text(struct hash *hash, const char *text)
{
    hash_update(hash, text, strlen(text) + 1);
}

void hash_finish(struct hash *hash, char hex[HASH_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_digest(&hash->context, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[HASH_HEX_BYTES - 1] = '\0';
}

enum status hash_bytes(const void *bytes, size_t n, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct hash *hash = NULL;

    TRY(hash_create(&hash));
    hash_update(hash, bytes, n);
    hash_finish(hash, hex);
done:
    hash_destroy(hash);
    return status;
}

enum status hash_file(const char *path, char hex[HASH_HEX_BYTES])
{
    enum status status = STATUS_OK;
    struct hash *hash = NULL;
    char buffer[1 << 16];
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return fail(STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
    TRY(hash_create(&hash));
    for (;;) {
        size_t n = fread(buffer, 1, sizeof buffer, file);
        hash_update(hash, buffer, n);
        if (n < sizeof buffer)
            break;
    }
    if (ferror(file))
        TRY(fail(STATUS_IO, "cannot read '%s': %s", path, strerror(errno)));
    hash_finish(hash, hex);
done:
    hash_destroy(hash);
    fclose(file);
    return status;
}

uint32_t crc32_bytes(const void *bytes, size_t n)
{
    return (uint32_t)crc32_z(0, bytes, n);
}

enum status crc32_file(const char *path, uint32_t *out, int64_t *n_bytes)
{
    enum status status = STATUS_OK;
    unsigned char buffer[1 << 16];
    unsigned long sum = 0;
    int64_t n_read = 0;
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return fail(STATUS_IO, "cannot open '%s': %s", path, strerror(errno));
    for (;;) {
        size_t n = fread(buffer, 1, sizeof buffer, file);
        sum = crc32_z(sum, buffer, n);
        n_read += (int64_t)n;
        if (n < sizeof buffer)
            break;
    }
    if (ferror(file))
        TRY(fail(STATUS_IO, "cannot read '%s': %s", path, strerror(errno)));
    *out = (uint32_t)sum;
    *n_bytes = n_read;
done:
    fclose(file);
    return status;
}
