/* What the store's tests share. */
#include "store_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

int store_run_python(const char *script, const char *argument)
{
    char command[2 * TEMPORARY_PATH_BYTES + 1024];

    snprintf(command, sizeof command, "'%s' '%s/%s' '%s'", TEST_PYTHON, STORE_TEST_DIR, script,
             argument);
    int result = system(command);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

enum status store_parse_exactly(const char *bytes, int64_t n)
{
    struct weights *weights = NULL;
    char *copy = malloc(n > 0 ? (size_t)n : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)n);
    enum status status = weights_parse("x.pth", copy, n, &weights);
    weights_destroy(weights);
    free(copy);
    return status;
}
