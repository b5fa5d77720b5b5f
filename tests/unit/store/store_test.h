/* What the store's tests share. */
#ifndef UNIT_STORE_STORE_TEST_H
#define UNIT_STORE_STORE_TEST_H

#include "store/weights/weights.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

/* Runs the tests' Python on a script of this folder; returns its exit code. */
int store_run_python(const char *script, const char *argument);
/* Parses a copy of exactly n bytes, so that a sanitizer sees any step beyond. */
enum status store_parse_exactly(const char *bytes, int64_t n);

#endif
