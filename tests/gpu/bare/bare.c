/* What stands in on a bare machine: for CMocka's runner, for zlib's checksum, and for the cpu
 * backend, whose library is missing. */
#include "support/cmocka.h"

#include "base/hash.h"
#include "kernels/kernels.h"

#include <stdlib.h>

extern const struct backend backend_cpu;
const struct backend backend_cpu = {.name = "no cpu backend"};

uint32_t crc32_bytes(const void *bytes, size_t n)
{
    const uint8_t *next = bytes;
    uint32_t sum = 0xFFFFFFFFu;

    for (size_t i = 0; i < n; i++) {
        sum ^= next[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (0xEDB88320u & (0u - (sum & 1)));
    }
    return ~sum;
}

static jmp_buf *failure(void)
{
    static jmp_buf place;

    return &place;
}

void _fail(const char *file, int line)
{
    fprintf(stderr, "%s:%d: failed\n", file, line);
    longjmp(*failure(), 1);
}

int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t n,
                            CMFixtureFunction setup, CMFixtureFunction teardown)
{
    int n_failed = 0;

    (void)setup;
    (void)teardown;
    for (size_t i = 0; i < n; i++) {
        void *state = tests[i].initial_state;
        volatile int is_failed = 0;
        if (setjmp(*failure()) == 0)
            tests[i].test_func(&state);
        else
            is_failed = 1;
        printf("%s %s\n", is_failed ? "FAILED" : "ok", tests[i].name);
        fflush(stdout);
        n_failed += is_failed;
    }
    printf("%s: %zu tests, %d failed\n", group, n, n_failed);
    return n_failed;
}
