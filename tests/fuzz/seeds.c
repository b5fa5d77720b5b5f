/* Feeds files to a fuzz target, one after the other: how seeds run as an ordinary test, and how a
 * crash that a fuzzer found is repeated. */
#include "fuzz.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *bytes = NULL;
        int64_t n = 0;
        if (file_read(argv[i], &bytes, &n) != STATUS_OK) {
            fprintf(stderr, "%s\n", status_message());
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, (size_t)n);
        free(bytes);
    }
    printf("%d seeds\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
