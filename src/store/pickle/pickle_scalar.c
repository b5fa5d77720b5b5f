/* Opcodes that push one value: numbers, texts, bytes. */
#include "base/text.h"
#include "store/pickle/pickle_machine.h"

#include <string.h>

enum status op_bool(struct pickle_machine *machine)
{
    return machine_push_new(
        machine, (struct pickle_value){.kind = PICKLE_BOOL, .integer = machine->argument});
}

static enum status push_integer(struct pickle_machine *machine, int64_t value)
{
    return machine_push_new(machine,
                            (struct pickle_value){.kind = PICKLE_INTEGER, .integer = value});
}

enum status op_unsigned(struct pickle_machine *machine)
{
    int64_t value = 0;
    enum status status = machine_take_unsigned(machine, machine->argument, &value);

    return status != STATUS_OK ? status : push_integer(machine, value);
}

enum status op_binint(struct pickle_machine *machine)
{
    int64_t value = 0;
    enum status status = machine_take_unsigned(machine, 4, &value);

    return status != STATUS_OK ? status : push_integer(machine, (int32_t)(uint32_t)value);
}

/* Two's complement, little-endian, of any length; beyond 64 bits the bytes are kept as they are. */
enum status op_counted_long(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    const unsigned char *bytes = NULL;
    int64_t n = 0;
    uint64_t value = 0;

    TRY(machine_take_unsigned(machine, machine->argument, &n));
    TRY(machine_take(machine, n, &bytes));
    if (n > 8)
        return machine_push_text(machine, bytes, n, PICKLE_LONG);
    if (n > 0 && (bytes[n - 1] & 0x80) != 0)
        value = ~(uint64_t)0;
    for (int64_t i = n - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return push_integer(machine, (int64_t)value);
done:
    return status;
}

enum status op_binfloat(struct pickle_machine *machine)
{
    const unsigned char *bytes = NULL;
    uint64_t bits = 0;
    double number = 0;
    enum status status = machine_take(machine, 8, &bytes);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < 8; i++) /* big-endian, alone in the format */
        bits = bits << 8 | bytes[i];
    memcpy(&number, &bits, sizeof number);
    return machine_push_new(machine,
                            (struct pickle_value){.kind = PICKLE_NUMBER, .number = number});
}

/* ---- protocol 0 spells values as lines of text ---- */

enum status op_int(struct pickle_machine *machine)
{
    const char *line = NULL;
    int64_t value = 0;
    enum status status = machine_take_line(machine, &line);

    if (status != STATUS_OK)
        return status;
    if (strcmp(line, "00") == 0 || strcmp(line, "01") == 0)
        return machine_push_new(
            machine, (struct pickle_value){.kind = PICKLE_BOOL, .integer = line[1] == '1'});
    if (!text_to_int64(line, &value))
        return fail(STATUS_BAD_DATA, "pickle is damaged: INT of '%.40s'", line);
    return push_integer(machine, value);
}

enum status op_long(struct pickle_machine *machine)
{
    const char *line = NULL;
    int64_t value = 0;
    enum status status = machine_take_line(machine, &line);

    if (status != STATUS_OK)
        return status;
    size_t digits = strlen(line);
    if (digits > 0 && line[digits - 1] == 'L')
        digits--;
    char *number = arena_format(machine->arena, "%.*s", (int)digits, line);
    if (number == NULL)
        return STATUS_OUT_OF_MEMORY;
    if (text_to_int64(number, &value))
        return push_integer(machine, value);
    return machine_push_text(machine, number, (int64_t)digits, PICKLE_LONG);
}

enum status op_float(struct pickle_machine *machine)
{
    const char *line = NULL;
    double number = 0;
    enum status status = machine_take_line(machine, &line);

    if (status != STATUS_OK)
        return status;
    if (!text_to_double(line, &number))
        return fail(STATUS_BAD_DATA, "pickle is damaged: FLOAT of '%.40s'", line);
    return machine_push_new(machine,
                            (struct pickle_value){.kind = PICKLE_NUMBER, .number = number});
}

enum status op_unicode(struct pickle_machine *machine)
{
    const char *line = NULL;
    enum status status = machine_take_line(machine, &line);

    if (status != STATUS_OK)
        return status;
    if (strchr(line, '\\') != NULL)
        return fail(STATUS_BAD_DATA, "pickle holds an escaped text, which no state dict needs; "
                                     "refused");
    return machine_push_text(machine, line, (int64_t)strlen(line), PICKLE_TEXT);
}

/* ---- text and bytes with a length ---- */

enum status op_counted_text(struct pickle_machine *machine)
{
    const unsigned char *bytes = NULL;
    int64_t n = 0;
    enum status status = machine_take_unsigned(machine, machine->argument, &n);

    if (status == STATUS_OK)
        status = machine_take(machine, n, &bytes);
    return status != STATUS_OK ? status : machine_push_text(machine, bytes, n, PICKLE_TEXT);
}
