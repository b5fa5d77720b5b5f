/* The opcodes of pickle protocols 0 to 5 as far as a state dict needs them, one small function
 * each, and the loop that runs them. Meanings: the comments of Python's pickletools module. */
#include "store/pickle/pickle.h"

#include "base/text.h"
#include "store/pickle/pickle_class.h"
#include "store/pickle/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

/* ---- containers ---- */

static enum status op_empty(struct pickle_machine *machine)
{
    enum pickle_kind kind = (enum pickle_kind)machine->argument;
    return machine_push_new(machine, (struct pickle_value){.kind = kind});
}

/* Appends n values to a container; a set's elements are never looked at and are dropped. */
static enum status add_all(struct pickle_machine *machine, struct pickle_value *container,
                           struct pickle_value **values, int64_t n)
{
    enum status status = STATUS_OK;

    if (container->kind == PICKLE_OPAQUE)
        return STATUS_OK;
    if (container->kind == PICKLE_DICT && n % 2 != 0)
        return fail(STATUS_BAD_DATA, "pickle is damaged: %s with a key and no value",
                    machine->opcode);
    TRY(machine_count(machine, n));
    for (int64_t i = 0; i < n; i++)
        TRY(pickle_items_add(machine->arena, &container->items, values[i]));
done:
    return status;
}

static enum status op_marked(struct pickle_machine *machine)
{
    enum pickle_kind kind = (enum pickle_kind)machine->argument;
    enum status status = STATUS_OK;
    struct pickle_value made = {.kind = kind};
    struct pickle_value **values = NULL;
    int64_t n = 0;

    TRY(machine_pop_mark(machine, &values, &n));
    TRY(add_all(machine, &made, values, n));
    TRY(machine_push_new(machine, made));
done:
    return status;
}

static enum status op_small_tuple(struct pickle_machine *machine)
{
    int n = machine->argument;
    enum status status = STATUS_OK;
    struct pickle_value made = {.kind = PICKLE_TUPLE};
    struct pickle_value *values[3] = {NULL};

    for (int i = n - 1; i >= 0; i--)
        TRY(machine_pop(machine, &values[i]));
    TRY(add_all(machine, &made, values, n));
    TRY(machine_push_new(machine, made));
done:
    return status;
}

static enum status check_container(struct pickle_machine *machine, struct pickle_value **out,
                                   enum pickle_kind wanted)
{
    enum status status = machine_top(machine, out);

    if (status != STATUS_OK)
        return status;
    if ((*out)->kind != wanted && (*out)->kind != PICKLE_OPAQUE)
        return fail(STATUS_BAD_DATA, "pickle is damaged: %s on something that is not a %s",
                    machine->opcode, wanted == PICKLE_DICT ? "dict" : "list");
    return STATUS_OK;
}

static enum status op_add_marked(struct pickle_machine *machine)
{
    enum pickle_kind wanted = (enum pickle_kind)machine->argument;
    enum status status = STATUS_OK;
    struct pickle_value **values = NULL, *container = NULL;
    int64_t n = 0;

    TRY(machine_pop_mark(machine, &values, &n));
    TRY(check_container(machine, &container, wanted));
    TRY(add_all(machine, container, values, n));
done:
    return status;
}

static enum status op_append(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *value = NULL, *container = NULL;

    TRY(machine_pop(machine, &value));
    TRY(check_container(machine, &container, PICKLE_LIST));
    TRY(add_all(machine, container, &value, 1));
done:
    return status;
}

static enum status op_setitem(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *pair[2] = {NULL}, *container = NULL;

    TRY(machine_pop(machine, &pair[1]));
    TRY(machine_pop(machine, &pair[0]));
    TRY(check_container(machine, &container, PICKLE_DICT));
    TRY(add_all(machine, container, pair, 2));
done:
    return status;
}

/* ---- stack and memo ---- */

static enum status op_pop(struct pickle_machine *machine)
{
    struct pickle_value *value = NULL;

    if (machine->n_marks > 0 && machine->marks[machine->n_marks - 1] == machine->n_stack) {
        machine->n_marks--; /* POP takes a mark off too */
        return STATUS_OK;
    }
    return machine_pop(machine, &value);
}

static enum status op_pop_mark(struct pickle_machine *machine)
{
    struct pickle_value **values = NULL;
    int64_t n = 0;

    return machine_pop_mark(machine, &values, &n);
}

static enum status op_dup(struct pickle_machine *machine)
{
    struct pickle_value *value = NULL;
    enum status status = machine_top(machine, &value);

    return status != STATUS_OK ? status : machine_push(machine, value);
}

static enum status take_slot_line(struct pickle_machine *machine, int64_t *slot)
{
    const char *line = NULL;
    enum status status = machine_take_line(machine, &line);

    if (status == STATUS_OK && (!text_to_int64(line, slot) || *slot < 0))
        return fail(STATUS_BAD_DATA, "pickle is damaged: memo slot '%.40s'", line);
    return status;
}

static enum status op_put(struct pickle_machine *machine)
{
    int64_t slot = 0;
    enum status status = take_slot_line(machine, &slot);

    return status != STATUS_OK ? status : machine_put(machine, slot);
}

static enum status op_get(struct pickle_machine *machine)
{
    int64_t slot = 0;
    enum status status = take_slot_line(machine, &slot);

    return status != STATUS_OK ? status : machine_get(machine, slot);
}

static enum status op_counted_put(struct pickle_machine *machine)
{
    int64_t slot = 0;
    enum status status = machine_take_unsigned(machine, machine->argument, &slot);

    return status != STATUS_OK ? status : machine_put(machine, slot);
}

static enum status op_counted_get(struct pickle_machine *machine)
{
    int64_t slot = 0;
    enum status status = machine_take_unsigned(machine, machine->argument, &slot);

    return status != STATUS_OK ? status : machine_get(machine, slot);
}

static enum status op_memoize(struct pickle_machine *machine)
{
    return machine_put(machine, machine->next_memo++);
}

/* ---- classes ---- */

static enum status push_class(struct pickle_machine *machine, const char *module, const char *name)
{
    enum status status = STATUS_OK;
    const struct pickle_class *class = NULL;

    TRY(pickle_class_find(machine->arena, module, name, &class));
    TRY(machine_push_new(machine, (struct pickle_value){.kind = PICKLE_CLASS, .class = class}));
done:
    return status;
}

static enum status op_global(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    const char *module = NULL, *name = NULL;

    TRY(machine_take_line(machine, &module));
    TRY(machine_take_line(machine, &name));
    TRY(push_class(machine, module, name));
done:
    return status;
}

static enum status op_stack_global(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *module = NULL, *name = NULL;

    TRY(machine_pop(machine, &name));
    TRY(machine_pop(machine, &module));
    if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT)
        TRY(fail(STATUS_BAD_DATA, "pickle is damaged: STACK_GLOBAL without two texts"));
    TRY(push_class(machine, module->text.data, name->text.data));
done:
    return status;
}

static enum status op_reduce(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *class = NULL, *arguments = NULL;
    struct pickle_value made = {.kind = PICKLE_NONE};

    TRY(machine_pop(machine, &arguments));
    TRY(machine_pop(machine, &class));
    if (class->kind != PICKLE_CLASS || arguments->kind != PICKLE_TUPLE)
        TRY(fail(STATUS_BAD_DATA, "pickle is damaged: REDUCE without a class and its arguments"));
    if (class->class->call == NULL)
        TRY(fail(STATUS_BAD_DATA, "pickle calls '%s.%s', which no state dict needs; refused",
                 class->class->module, class->class->name));
    TRY(class->class->call(machine->arena, &arguments->items, &made));
    if (made.kind == PICKLE_DICT)
        TRY(machine_count(machine, made.items.n));
    TRY(machine_push_new(machine, made));
done:
    return status;
}

/* Attributes set after the fact: a state dict's _metadata, a dtype's byte order. Not needed. */
static enum status op_build(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *state = NULL, *object = NULL;

    TRY(machine_pop(machine, &state));
    TRY(machine_top(machine, &object));
    if (object->kind != PICKLE_DICT && object->kind != PICKLE_OPAQUE)
        TRY(fail(STATUS_BAD_DATA, "pickle sets attributes of something that has none"));
done:
    return status;
}

static enum status op_binpersid(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;
    struct pickle_value *id = NULL;
    struct pickle_storage *storage = NULL;

    TRY(machine_pop(machine, &id));
    TRY_ALLOC(storage, ARENA_NEW(machine->arena, struct pickle_storage));
    TRY(pickle_storage_read(id, storage));
    storage->next = machine->out->storages;
    machine->out->storages = storage;
    machine->out->n_storages++;
    TRY(machine_push_new(machine,
                         (struct pickle_value){.kind = PICKLE_STORAGE, .storage = storage}));
done:
    return status;
}

/* ---- the frame of it ---- */

static enum status op_proto(struct pickle_machine *machine)
{
    int64_t protocol = 0;
    enum status status = machine_take_unsigned(machine, 1, &protocol);

    if (status == STATUS_OK && protocol > 5)
        return fail(STATUS_BAD_DATA, "pickle has protocol %lld, expected 0 to 5",
                    (long long)protocol);
    return status;
}

static enum status op_frame(struct pickle_machine *machine)
{
    int64_t n = 0;
    return machine_take_unsigned(machine, 8, &n); /* a hint for buffered readers */
}

static enum status op_stop(struct pickle_machine *machine)
{
    enum status status = machine_pop(machine, &machine->out->root);

    machine->is_stopped = status == STATUS_OK;
    return status;
}

static enum status op_refused(struct pickle_machine *machine)
{
    return fail(STATUS_BAD_DATA, "pickle uses %s, which no state dict needs; refused",
                machine->opcode);
}

struct opcode {
    const char *name;
    enum status (*run)(struct pickle_machine *machine);
    int argument; /* width of a length, kind of a container */
};

static const struct opcode opcodes[256] = {
    ['('] = {"MARK", machine_mark, 0},
    ['.'] = {"STOP", op_stop, 0},
    ['0'] = {"POP", op_pop, 0},
    ['1'] = {"POP_MARK", op_pop_mark, 0},
    ['2'] = {"DUP", op_dup, 0},
    ['F'] = {"FLOAT", op_float, 0},
    ['I'] = {"INT", op_int, 0},
    ['J'] = {"BININT", op_binint, 0},
    ['K'] = {"BININT1", op_unsigned, 1},
    ['L'] = {"LONG", op_long, 0},
    ['M'] = {"BININT2", op_unsigned, 2},
    ['N'] = {"NONE", op_empty, PICKLE_NONE},
    ['P'] = {"PERSID", op_refused, 0},
    ['Q'] = {"BINPERSID", op_binpersid, 0},
    ['R'] = {"REDUCE", op_reduce, 0},
    ['S'] = {"STRING", op_refused, 0},
    ['T'] = {"BINSTRING", op_counted_text, 4},
    ['U'] = {"SHORT_BINSTRING", op_counted_text, 1},
    ['V'] = {"UNICODE", op_unicode, 0},
    ['X'] = {"BINUNICODE", op_counted_text, 4},
    ['a'] = {"APPEND", op_append, 0},
    ['b'] = {"BUILD", op_build, 0},
    ['c'] = {"GLOBAL", op_global, 0},
    ['d'] = {"DICT", op_marked, PICKLE_DICT},
    ['}'] = {"EMPTY_DICT", op_empty, PICKLE_DICT},
    ['e'] = {"APPENDS", op_add_marked, PICKLE_LIST},
    ['g'] = {"GET", op_get, 0},
    ['h'] = {"BINGET", op_counted_get, 1},
    ['i'] = {"INST", op_refused, 0},
    ['j'] = {"LONG_BINGET", op_counted_get, 4},
    ['l'] = {"LIST", op_marked, PICKLE_LIST},
    [']'] = {"EMPTY_LIST", op_empty, PICKLE_LIST},
    ['o'] = {"OBJ", op_refused, 0},
    ['p'] = {"PUT", op_put, 0},
    ['q'] = {"BINPUT", op_counted_put, 1},
    ['r'] = {"LONG_BINPUT", op_counted_put, 4},
    ['s'] = {"SETITEM", op_setitem, 0},
    ['t'] = {"TUPLE", op_marked, PICKLE_TUPLE},
    [')'] = {"EMPTY_TUPLE", op_empty, PICKLE_TUPLE},
    ['u'] = {"SETITEMS", op_add_marked, PICKLE_DICT},
    ['G'] = {"BINFLOAT", op_binfloat, 0},
    ['B'] = {"BINBYTES", op_counted_text, 4},
    ['C'] = {"SHORT_BINBYTES", op_counted_text, 1},
    [0x80] = {"PROTO", op_proto, 0},
    [0x81] = {"NEWOBJ", op_refused, 0},
    [0x82] = {"EXT1", op_refused, 0},
    [0x83] = {"EXT2", op_refused, 0},
    [0x84] = {"EXT4", op_refused, 0},
    [0x85] = {"TUPLE1", op_small_tuple, 1},
    [0x86] = {"TUPLE2", op_small_tuple, 2},
    [0x87] = {"TUPLE3", op_small_tuple, 3},
    [0x88] = {"NEWTRUE", op_bool, true},
    [0x89] = {"NEWFALSE", op_bool, false},
    [0x8a] = {"LONG1", op_counted_long, 1},
    [0x8b] = {"LONG4", op_counted_long, 4},
    [0x8c] = {"SHORT_BINUNICODE", op_counted_text, 1},
    [0x8d] = {"BINUNICODE8", op_counted_text, 8},
    [0x8e] = {"BINBYTES8", op_counted_text, 8},
    [0x8f] = {"EMPTY_SET", op_empty, PICKLE_OPAQUE},
    [0x90] = {"ADDITEMS", op_add_marked, PICKLE_LIST},
    [0x91] = {"FROZENSET", op_marked, PICKLE_OPAQUE},
    [0x92] = {"NEWOBJ_EX", op_refused, 0},
    [0x93] = {"STACK_GLOBAL", op_stack_global, 0},
    [0x94] = {"MEMOIZE", op_memoize, 0},
    [0x95] = {"FRAME", op_frame, 0},
    [0x96] = {"BYTEARRAY8", op_refused, 0},
    [0x97] = {"NEXT_BUFFER", op_refused, 0},
    [0x98] = {"READONLY_BUFFER", op_refused, 0},
};

static enum status machine_run(struct pickle_machine *machine)
{
    enum status status = STATUS_OK;

    while (!machine->is_stopped) {
        const unsigned char *code = NULL;
        machine->opcode = "the next opcode";
        TRY(machine_take(machine, 1, &code));
        if (opcodes[*code].run == NULL)
            TRY(fail(STATUS_BAD_DATA, "pickle is damaged: byte 0x%02x at %lld is not an opcode",
                     *code, (long long)machine->position - 1));
        machine->opcode = opcodes[*code].name;
        machine->argument = opcodes[*code].argument;
        TRY(opcodes[*code].run(machine));
    }
done:
    return status;
}

enum status pickle_read(struct arena *arena, const void *bytes, int64_t n, struct pickle *out)
{
    enum status status = STATUS_OK;
    struct pickle made = {0};
    struct pickle_machine machine = {.arena = arena, .bytes = bytes, .out = &made};

    machine.n = n < PICKLE_MAX_BYTES ? n : PICKLE_MAX_BYTES;
    TRY(machine_run(&machine));
    made.n_bytes = machine.position;
    *out = made;
done:
    free(machine.stack);
    free(machine.memo);
    return status;
}

bool pickle_text_is(const struct pickle_value *value, const char *text)
{
    return value->kind == PICKLE_TEXT && value->text.n == (int64_t)strlen(text) &&
           memcmp(value->text.data, text, (size_t)value->text.n) == 0;
}

const struct pickle_value *pickle_get(const struct pickle_value *value, const char *key)
{
    if (value->kind != PICKLE_DICT)
        return NULL;
    for (int64_t i = 0; i + 1 < value->items.n; i += 2)
        if (pickle_text_is(value->items.values[i], key))
            return value->items.values[i + 1];
    return NULL;
}
