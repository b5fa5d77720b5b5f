/* Fibers, with a page below each stack that faults, and the words AddressSanitizer wants to hear at
 * every switch. A switch is a call that comes back on another stack. ucontext would ask the kernel
 * for the signal mask each time, a third of all time, and compilers' own jumps look to
 * AddressSanitizer like the end of all frames: ucontext is for other processors.
 */
#include "kernels/cuda/host/fiber.h"

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

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
#ifdef __x86_64__
    void **top; /* of the stack when it was left */
#else
    ucontext_t context;
#endif
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

static void begin(struct fiber *fiber)
{
    arrive(fiber);
    fiber->run(fiber->argument);
    abort(); /* run has nowhere to return to */
}

/* ---- switching ---- */

#ifdef __x86_64__
/* Leaves with what a call must keep on the stack; a fiber that has not run begins with its pointer
 * in rbx. */
void fiber_jump(void ***left, void **arrived);
void fiber_enter(void);
void fiber_begin(struct fiber *fiber);
__asm__(".text\n"
        ".type fiber_jump, @function\n"
        "fiber_jump:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_jump, . - fiber_jump\n"
        ".type fiber_enter, @function\n"
        "fiber_enter:\n"
        "    movq %rbx, %rdi\n"
        "    call fiber_begin\n"
        "    ud2\n"
        ".size fiber_enter, . - fiber_enter\n");

__attribute__((used)) void fiber_begin(struct fiber *fiber)
{
    begin(fiber);
}

/* As if it had left by a call from fiber_enter, whose calls find the stack aligned. */
static void lay_first_frame(struct fiber *fiber)
{
    enum { SAVED = 6, RBX = 4 };
    void **end = (void **)(fiber->memory + GUARD_BYTES + STACK_BYTES);

    fiber->top = end - (SAVED + 1) - 2; /* zero, as the mapping is: rbp 0 ends a backtrace */
    fiber->top[RBX] = fiber;
    fiber->top[SAVED] = (void *)fiber_enter;
}

static void swap(struct fiber *from, struct fiber *to)
{
    fiber_jump(&from->top, to->top);
}
#else
static void begin_halved(unsigned low, unsigned high)
{
    begin((struct fiber *)((uintptr_t)low | (uintptr_t)high << 32));
}

/* A function of its own: compilers expect getcontext to return twice. */
static void lay_first_frame(struct fiber *fiber)
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->memory + GUARD_BYTES;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fiber->context, (void (*)(void))begin_halved, 2, (unsigned)(uintptr_t)fiber,
                (unsigned)((uintptr_t)fiber >> 32));
}

static void swap(struct fiber *from, struct fiber *to)
{
    swapcontext(&from->context, &to->context);
}
#endif

enum status fiber_adopt(struct fiber **out)
{
    struct fiber *fiber = heap_alloc(1, sizeof *fiber);

    if (fiber == NULL)
        return STATUS_OUT_OF_MEMORY;
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

enum status fiber_create(struct fiber **out, void (*run)(void *argument), void *argument)
{
    enum status status = STATUS_OK;
    struct fiber *fiber = NULL;

    TRY(fiber_adopt(&fiber));
    TRY(stack_create(fiber));
    fiber->run = run;
    fiber->argument = argument;
    lay_first_frame(fiber);
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

void fiber_switch(struct fiber *from, struct fiber *to)
{
    to->previous = from;
#ifdef HAS_ASAN
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
#endif
    swap(from, to);
    arrive(from);
}
