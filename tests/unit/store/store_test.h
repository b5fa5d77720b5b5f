/* What the store's tests share. */
#ifndef UNIT_STORE_STORE_TEST_H
#define UNIT_STORE_STORE_TEST_H

#include "base/status.h"
#include "store/weights/weights.h"
#include "support/cmocka.h"
#include "support/temporary_folder.h"

#define assert_ok(expression) store_assert_ok((expression), #expression, __FILE__, __LINE__)
#define assert_fails(code, fragment, expression)                                                   \
    store_assert_fails((expression), (code), (fragment), __FILE__, __LINE__)

void store_assert_ok(enum status status, const char *expression, const char *file, int line);
/* The code, and a message that contains `fragment`. */
void store_assert_fails(enum status status, enum status wanted, const char *fragment,
                        const char *file, int line);
/* Runs the tests' Python on a script of this folder; returns its exit code. */
int store_run_python(const char *script, const char *argument);
/* Parses a copy of exactly n bytes, so that a sanitizer sees any step beyond. */
enum status store_parse_exactly(const char *bytes, int64_t n);

#endif
