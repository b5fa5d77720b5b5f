/* SHA-256 and CRC-32 against published vectors. */
#include "base/hash.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FIPS 180-4 examples: "", "abc", a million 'a' */
static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char million_hash[] =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void test_vectors(void **state)
{
    struct hash *hash = NULL;
    char hex[HASH_HEX_BYTES];

    (void)state;
    ok(hash_bytes("", 0, hex));
    assert_string_equal(hex, empty_hash);
    ok(hash_bytes("abc", 3, hex));
    assert_string_equal(hex, abc_hash);
    ok(hash_create(&hash));
    for (int i = 0; i < 100000; i++)
        hash_update(hash, "aaaaaaaaaa", 10);
    hash_finish(hash, hex);
    assert_string_equal(hex, million_hash);
    hash_destroy(hash);
    hash_destroy(NULL);
}

/* The closing zero keeps ("ab", "c") and ("a", "bc") apart. */
static void test_text_boundaries(void **state)
{
    static const char *const pairs[2][2] = {{"ab", "c"}, {"a", "bc"}};
    char hex[2][HASH_HEX_BYTES], whole[HASH_HEX_BYTES];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hash *hash = NULL;
        ok(hash_create(&hash));
        hash_update_text(hash, pairs[i][0]);
        hash_update_text(hash, pairs[i][1]);
        hash_finish(hash, hex[i]);
        hash_destroy(hash);
    }
    assert_string_not_equal(hex[0], hex[1]);
    ok(hash_bytes("ab\0c", 5, whole));
    assert_string_equal(hex[0], whole);
}

static void test_file(void **state)
{
    enum { MILLION = 1000000 };
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], wanted[2 * TEMPORARY_PATH_BYTES], hex[HASH_HEX_BYTES];
    char *bytes = malloc(MILLION);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'a', MILLION);
    temporary_folder_open(&folder);
    temporary_path(&folder, "a", path);
    assert_int_equal(hash_file(path, hex), STATUS_IO);
    snprintf(wanted, sizeof wanted, "cannot open '%s': No such file or directory", path);
    assert_string_equal(status_message(), wanted);
    ok(file_write(path, bytes, MILLION));
    ok(hash_file(path, hex));
    assert_string_equal(hex, million_hash);
    assert_int_equal(hash_file(folder.path, hex), STATUS_IO); /* opens, but cannot be read */
    snprintf(wanted, sizeof wanted, "cannot read '%s': Is a directory", folder.path);
    assert_string_equal(status_message(), wanted);
    temporary_folder_close(&folder);
    free(bytes);
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(crc32_bytes("123456789", 9), 0xcbf43926); /* the catalogue's check value */
    assert_int_equal(crc32_bytes("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_text_boundaries),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_crc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
