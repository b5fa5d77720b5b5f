/* Stack, marks, memo and byte stream of the pickle machine. */
#include "store/pickle/pickle_machine.h"

#include <string.h>

enum status machine_take(struct pickle_machine *machine, int64_t n, const unsigned char **out)
{
    if (n < 0 || n > machine->n - machine->position)
        return fail(STATUS_BAD_DATA,
                    "pickle is cut off: %s at byte %lld needs %lld more, %lld are left",
                    machine->opcode, (long long)machine->position, (long long)n,
                    (long long)(machine->n - machine->position));
    *out = machine->bytes + machine->position;
    machine->position += n;
    return STATUS_OK;
}

enum status machine_take_unsigned(struct pickle_machine *machine, int n_bytes, int64_t *out)
{
    const unsigned char *bytes = NULL;
    uint64_t value = 0;
    enum status status = machine_take(machine, n_bytes, &bytes);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < n_bytes; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    if (value > INT64_MAX)
        return fail(STATUS_BAD_DATA, "pickle: %s with a length of %llu", machine->opcode,
                    (unsigned long long)value);
    *out = (int64_t)value;
    return STATUS_OK;
}

enum status machine_take_line(struct pickle_machine *machine, const char **out)
{
    const unsigned char *start = machine->bytes + machine->position;
    int64_t left = machine->n - machine->position;
    const unsigned char *end = left > 0 ? memchr(start, '\n', (size_t)left) : NULL;

    if (end == NULL)
        return fail(STATUS_BAD_DATA, "pickle is cut off: %s at byte %lld has no end of line",
                    machine->opcode, (long long)machine->position);
    char *line = arena_alloc(machine->arena, end - start + 1, 1);
    if (line == NULL)
        return STATUS_OUT_OF_MEMORY;
    memcpy(line, start, (size_t)(end - start));
    machine->position += end - start + 1;
    *out = line;
    return STATUS_OK;
}

enum status machine_push(struct pickle_machine *machine, struct pickle_value *value)
{
    enum status status =
        heap_grow(&machine->stack, &machine->stack_capacity, machine->n_stack + 1, sizeof(void *));

    if (status == STATUS_OK)
        machine->stack[machine->n_stack++] = value;
    return status;
}

enum status machine_push_new(struct pickle_machine *machine, struct pickle_value value)
{
    if (++machine->n_values > PICKLE_MAX_VALUES)
        return fail(STATUS_BAD_DATA, "pickle holds more than %d values, more than any state dict",
                    PICKLE_MAX_VALUES);
    struct pickle_value *copy = ARENA_NEW(machine->arena, struct pickle_value);
    if (copy == NULL)
        return STATUS_OUT_OF_MEMORY;
    *copy = value;
    return machine_push(machine, copy);
}

enum status machine_push_text(struct pickle_machine *machine, const void *bytes, int64_t n,
                              enum pickle_kind kind)
{
    char *copy = arena_alloc(machine->arena, n + 1, 1);

    if (copy == NULL)
        return STATUS_OUT_OF_MEMORY;
    memcpy(copy, bytes, (size_t)n);
    return machine_push_new(machine, (struct pickle_value){.kind = kind, .text = {copy, n}});
}

static int64_t fence(const struct pickle_machine *machine)
{
    return machine->n_marks > 0 ? machine->marks[machine->n_marks - 1] : 0;
}

enum status machine_top(struct pickle_machine *machine, struct pickle_value **out)
{
    if (machine->n_stack <= fence(machine))
        return fail(STATUS_BAD_DATA,
                    "pickle is damaged: %s at byte %lld finds nothing on the stack",
                    machine->opcode, (long long)machine->position);
    *out = machine->stack[machine->n_stack - 1];
    return STATUS_OK;
}

enum status machine_pop(struct pickle_machine *machine, struct pickle_value **out)
{
    enum status status = machine_top(machine, out);

    if (status == STATUS_OK)
        machine->n_stack--;
    return status;
}

enum status machine_mark(struct pickle_machine *machine)
{
    if (machine->n_marks == PICKLE_MAX_MARKS)
        return fail(STATUS_BAD_DATA, "pickle is nested deeper than %d levels", PICKLE_MAX_MARKS);
    machine->marks[machine->n_marks++] = machine->n_stack;
    return STATUS_OK;
}

enum status machine_pop_mark(struct pickle_machine *machine, struct pickle_value ***out, int64_t *n)
{
    if (machine->n_marks == 0)
        return fail(STATUS_BAD_DATA, "pickle is damaged: %s at byte %lld finds no mark",
                    machine->opcode, (long long)machine->position);
    int64_t start = machine->marks[--machine->n_marks];
    *n = machine->n_stack - start;
    *out = *n > 0 ? machine->stack + start : NULL;
    machine->n_stack = start;
    return STATUS_OK;
}

enum status machine_put(struct pickle_machine *machine, int64_t slot)
{
    enum status status = STATUS_OK;
    struct pickle_value *value = NULL;

    TRY(machine_top(machine, &value));
    if (slot > machine->n) /* a writer numbers its slots upward, one per opcode at most */
        TRY(fail(STATUS_BAD_DATA, "pickle is damaged: memo slot %lld in %lld bytes",
                 (long long)slot, (long long)machine->n));
    TRY(heap_grow(&machine->memo, &machine->memo_capacity, slot + 1, sizeof(void *)));
    machine->memo[slot] = value;
    if (slot >= machine->n_memo)
        machine->n_memo = slot + 1;
done:
    return status;
}

enum status machine_get(struct pickle_machine *machine, int64_t slot)
{
    if (slot >= machine->n_memo || machine->memo[slot] == NULL)
        return fail(STATUS_BAD_DATA, "pickle is damaged: memo slot %lld is empty", (long long)slot);
    return machine_push(machine, machine->memo[slot]);
}

enum status machine_count(struct pickle_machine *machine, int64_t n_contents)
{
    machine->n_contents += n_contents;
    if (machine->n_contents > PICKLE_MAX_CONTENTS)
        return fail(STATUS_BAD_DATA, "pickle fills containers with more than %d values",
                    PICKLE_MAX_CONTENTS);
    return STATUS_OK;
}
