/* Every operation's cases and expectations, by kind. */
#include "kernels/kernel_test.h"

const struct kernel_test *kernel_test(enum op_kind kind)
{
#define ENTRY(op) [OP_##op] = &test_##op,
    static const struct kernel_test *const tests[N_OP_KINDS] = {KERNEL_OPS(ENTRY)};
#undef ENTRY

    return tests[kind];
}
