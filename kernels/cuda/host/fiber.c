/* Fibers on ucontext, with a page below each stack that faults, and the words AddressSanitizer
 * wants to hear at every switch. ucontext asks the kernel for the signal mask each time, which took
 * a third of all time: it only makes a fiber's first switch, the compiler's own jumps the others.
 */
#include "kernels/cuda/host/fiber.h"

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum { GUARD_BYTES = 1 << 16, STACK_BYTES = 1 << 18 }; /* 2^16: the largest page Linux has */

struct fiber {
    ucontext_t context; /* of the beginning */
    void *place[5];     /* of __builtin_setjmp: where it left */
    bool has_begun;
    void (*run)(void *argument);
    void *argument;
    char *memory; /* owned: guard and stack; NULL when adopted */
    const void *stack;
    size_t stack_bytes;
    void *fake_stack; /* AddressSanitizer's */
    struct fiber *previous;
};

/* Where a switch arrives: tells whose stack was left, and on the way learns where it lies. */
static void arrive(struct fiber *fiber)
{
#ifdef HAS_ASAN
    struct fiber *previous = fiber->previous;
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &previous->stack, &previous->stack_bytes);
#else
    (void)fiber;
#endif
}

static void begin(unsigned low, unsigned high)
{
    struct fiber *fiber = (struct fiber *)((uintptr_t)low | (uintptr_t)high << 32);

    arrive(fiber);
    fiber->run(fiber->argument);
    abort(); /* run has nowhere to return to */
}

enum status fiber_adopt(struct fiber **out)
{
    struct fiber *fiber = heap_alloc(1, sizeof *fiber);

    if (fiber == NULL)
        return STATUS_OUT_OF_MEMORY;
    fiber->has_begun = true;
    *out = fiber;
    return STATUS_OK;
}

static enum status stack_create(struct fiber *fiber)
{
    size_t bytes = GUARD_BYTES + STACK_BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return fail(STATUS_OUT_OF_MEMORY, "no memory for a fiber's stack of %zu bytes", bytes);
    fiber->memory = memory;
    fiber->stack = fiber->memory + GUARD_BYTES;
    fiber->stack_bytes = STACK_BYTES;
    if (mprotect(memory, GUARD_BYTES, PROT_NONE) != 0)
        return fail(STATUS_OUT_OF_MEMORY, "cannot protect the page below a fiber's stack");
#ifdef HAS_ASAN
    __asan_unpoison_memory_region(fiber->stack, STACK_BYTES); /* of what lay here before */
#endif
    return STATUS_OK;
}

/* A function of its own: compilers expect getcontext to return twice. */
static void context_create(struct fiber *fiber)
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->memory + GUARD_BYTES;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fiber->context, (void (*)(void))begin, 2, (unsigned)(uintptr_t)fiber,
                (unsigned)((uintptr_t)fiber >> 32));
}

enum status fiber_create(struct fiber **out, void (*run)(void *argument), void *argument)
{
    enum status status = STATUS_OK;
    struct fiber *fiber = NULL;

    TRY(fiber_adopt(&fiber));
    TRY(stack_create(fiber));
    fiber->run = run;
    fiber->argument = argument;
    fiber->has_begun = false;
    context_create(fiber);
    *out = fiber;
    fiber = NULL;
done:
    fiber_destroy(fiber);
    return status;
}

void fiber_destroy(struct fiber *fiber)
{
    if (fiber == NULL)
        return;
    if (fiber->memory != NULL)
        munmap(fiber->memory, GUARD_BYTES + STACK_BYTES);
    free(fiber);
}

#if defined(__x86_64__) && !defined(__clang__) /* clang's jumps keep no registers */
/* A function of its own: a jump may not be in the function it arrives in. */
static void __attribute__((noinline)) leave_for(struct fiber *to)
{
    if (to->has_begun)
        __builtin_longjmp(to->place, 1);
    to->has_begun = true;
    setcontext(&to->context);
}

static void __attribute__((noinline)) swap(struct fiber *from, struct fiber *to)
{
    if (__builtin_setjmp(from->place) == 0)
        leave_for(to);
}
#else
static void swap(struct fiber *from, struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}
#endif

void fiber_switch(struct fiber *from, struct fiber *to)
{
    to->previous = from;
#ifdef HAS_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
    swap(from, to);
    arrive(from);
}
