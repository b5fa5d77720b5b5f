/* Content hashes (SHA-256) and line checksums (CRC-32). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX_BYTES = 65 }; /* 64 hex digits and the terminating zero */

struct hash; /* SHA-256 under construction */

CHECKED enum status hash_create(struct hash **out);
void hash_destroy(struct hash *hash); /* accepts NULL */
void hash_update(struct hash *hash, const void *bytes, size_t n);
void hash_update_text(struct hash *hash, const char *text); /* its bytes and the terminating zero */
void hash_finish(struct hash *hash, char hex[HASH_HEX_BYTES]);

CHECKED enum status hash_bytes(const void *bytes, size_t n, char hex[HASH_HEX_BYTES]);
CHECKED enum status hash_file(const char *path, char hex[HASH_HEX_BYTES]);

uint32_t crc32_bytes(const void *bytes, size_t n); /* zlib's polynomial */
/* Of a whole file, with its length. IO naming the file. */
CHECKED enum status crc32_file(const char *path, uint32_t *out, int64_t *n_bytes);

#endif
