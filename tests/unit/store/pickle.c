/* The pickle machine, opcode by opcode, on pickles written by hand. */
#include "store/pickle/pickle.h"

#include "store_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct arena *arena;
    struct pickle pickle;
    enum status status;
};

static struct reading read_bytes(const void *bytes, size_t n)
{
    struct reading reading = {0};
    char *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    ok(arena_create(&reading.arena));
    reading.status = pickle_read(reading.arena, copy, (int64_t)n, &reading.pickle);
    free(copy);
    return reading;
}

#define READ(literal) read_bytes(literal, sizeof(literal) - 1)

static void expect_refusal(struct reading reading, const char *fragment)
{
    fails(reading.status, STATUS_BAD_DATA, fragment);
    arena_destroy(reading.arena);
}

static void expect_integer(struct reading reading, int64_t wanted)
{
    ok(reading.status);
    assert_int_equal(reading.pickle.root->kind, PICKLE_INTEGER);
    assert_true(reading.pickle.root->integer == wanted);
    arena_destroy(reading.arena);
}

static void expect_text(struct reading reading, const char *wanted)
{
    ok(reading.status);
    assert_true(pickle_text_is(reading.pickle.root, wanted));
    arena_destroy(reading.arena);
}

static void expect_kind(struct reading reading, enum pickle_kind wanted, int64_t n_items)
{
    ok(reading.status);
    assert_int_equal(reading.pickle.root->kind, wanted);
    if (n_items >= 0)
        assert_int_equal(reading.pickle.root->items.n, n_items);
    arena_destroy(reading.arena);
}

static void test_integers(void **state)
{
    (void)state;
    expect_integer(READ("K\xff."), 255);
    expect_integer(READ("M\x01\x02."), 513);
    expect_integer(READ("J\xff\xff\xff\xff."), -1);
    expect_integer(READ("\x8a\x00."), 0);
    expect_integer(READ("\x8a\x02\x00\xff."), -256);
    expect_integer(READ("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN);
    expect_integer(READ("\x8b\x01\x00\x00\x00\x80."), -128);
    expect_integer(READ("I-12\n."), -12);
    expect_integer(READ("L123L\n."), 123);
    expect_kind(READ("I01\n."), PICKLE_BOOL, -1);
    expect_kind(READ("\x88."), PICKLE_BOOL, -1);
    expect_kind(READ("N."), PICKLE_NONE, -1);
    expect_kind(READ("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."), PICKLE_LONG, -1);
    expect_refusal(READ("Itwo\n."), "INT of 'two'");
    expect_refusal(READ("I12"), "has no end of line");
}

static void test_numbers(void **state)
{
    (void)state;
    struct reading binary = READ("G\x3f\xf8\x00\x00\x00\x00\x00\x00.");
    ok(binary.status);
    assert_true(binary.pickle.root->number == 1.5);
    arena_destroy(binary.arena);
    struct reading text = READ("F-2.25\n.");
    ok(text.status);
    assert_true(text.pickle.root->number == -2.25);
    arena_destroy(text.arena);
    expect_refusal(READ("F1.5x\n."), "FLOAT of '1.5x'");
}

static void test_texts(void **state)
{
    (void)state;
    expect_text(READ("X\x02\x00\x00\x00hi."), "hi");
    expect_text(READ("\x8c\x02hi."), "hi");
    expect_text(READ("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "hi");
    expect_text(READ("U\x02hi."), "hi");
    expect_text(READ("T\x02\x00\x00\x00hi."), "hi");
    expect_text(READ("C\x02hi."), "hi");
    expect_text(READ("Vhi\n."), "hi");
    expect_refusal(READ("V\\u0041\n."), "escaped text");
    expect_refusal(READ("X\x05\x00\x00\x00hi."), "pickle is cut off: BINUNICODE at byte 5 needs 5");
    expect_refusal(READ("\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi."), "BINUNICODE8 with a length of");
    expect_refusal(READ("\x8d\xff\xff\xff\xff\xff\xff\xff\x7fhi."), "BINUNICODE8 at byte 9 needs");
}

static void test_containers(void **state)
{
    (void)state;
    expect_kind(READ("(K\x01K\x02t."), PICKLE_TUPLE, 2);
    expect_kind(READ(")."), PICKLE_TUPLE, 0);
    expect_kind(READ("K\x01K\x02K\x03\x87."), PICKLE_TUPLE, 3);
    expect_kind(READ("](K\x01K\x02\x65."), PICKLE_LIST, 2);
    expect_kind(READ("]K\x01\x61."), PICKLE_LIST, 1);
    expect_kind(READ("(K\x01l."), PICKLE_LIST, 1);
    expect_kind(READ("}K\x01K\x02s."), PICKLE_DICT, 2);
    expect_kind(READ("}(K\x01K\x02K\x03K\x04u."), PICKLE_DICT, 4);
    expect_kind(READ("(K\x01K\x02\x64."), PICKLE_DICT, 2);
    expect_kind(READ("\x8f(K\x01K\x02\x90."), PICKLE_OPAQUE, -1);
    expect_refusal(READ("}(K\x01K\x02K\x03u."), "SETITEMS with a key and no value");
    expect_refusal(READ("](K\x01K\x02u."), "SETITEMS on something that is not a dict");
    expect_refusal(READ("}K\x01\x61."), "APPEND on something that is not a list");
}

static void test_stack(void **state)
{
    (void)state;
    expect_integer(READ("K\x01K\x02\x30."), 1);
    expect_integer(READ("K\x01(K\x02K\x03\x31."), 1);
    expect_integer(READ("K\x01(0."), 1);
    expect_kind(READ("K\x01\x32\x86."), PICKLE_TUPLE, 2);
    expect_refusal(READ("."), "STOP at byte 1 finds nothing on the stack");
    expect_refusal(READ("K\x01(."), "STOP at byte 4 finds nothing on the stack");
    expect_refusal(READ("K\x01(\x85."), "TUPLE1 at byte 4 finds nothing on the stack");
    expect_refusal(READ("t."), "TUPLE at byte 1 finds no mark");
    expect_refusal(READ(""), "pickle is cut off: the next opcode at byte 0");
    expect_refusal(READ("\xff."), "byte 0xff at 0 is not an opcode");
    expect_refusal(READ("\x80\x06N."), "pickle has protocol 6, expected 0 to 5");
}

static void test_memo(void **state)
{
    (void)state;
    expect_integer(READ("K\x05q\x00\x30h\x00."), 5);
    expect_integer(READ("K\x05r\x03\x00\x00\x00\x30j\x03\x00\x00\x00."), 5);
    expect_integer(READ("K\x05p1\n0g1\n."), 5);
    expect_integer(READ("K\x05\x94K\x06\x94\x30\x30h\x01."), 6);
    expect_refusal(READ("h\x00."), "memo slot 0 is empty");
    expect_refusal(READ("K\x05q\x04h\x03."), "memo slot 3 is empty");
    expect_refusal(READ("K\x05r\xff\xff\xff\x7f."), "memo slot 2147483647 in 8 bytes");
    expect_refusal(READ("K\x05p-1\n."), "memo slot '-1'");
}

static void test_classes(void **state)
{
    (void)state;
    expect_kind(READ("ccollections\nOrderedDict\n)R."), PICKLE_DICT, 0);
    expect_kind(READ("\x8c\x0b"
                     "collections\x8c\x0bOrderedDict\x93)R."),
                PICKLE_DICT, 0);
    expect_kind(READ("ccollections\nOrderedDict\n](K\x01K\x02\x86K\x03K\x04\x86\x65\x85R."),
                PICKLE_DICT, 4);
    expect_refusal(READ("ccollections\nOrderedDict\n]K\x01\x61\x85R."), "other than pairs");
    expect_refusal(READ("cos\nsystem\n."),
                   "pickle asks for 'os.system', which no state dict needs; refused");
    expect_refusal(READ("\x8c\x02os\x8c\x06system\x93."), "pickle asks for 'os.system'");
    expect_refusal(READ("ctorch.storage\n_load_from_bytes\n."),
                   "pickle asks for 'torch.storage._load_from_bytes'");
    expect_refusal(READ("ctorch\nload\n."), "pickle asks for 'torch.load'");
    expect_refusal(READ("c__builtin__\neval\n."), "pickle asks for '__builtin__.eval'");
    expect_refusal(READ("ctorch\nfloat32\n)R."), "pickle calls 'torch.float32'");
    expect_refusal(READ("K\x01K\x02\x93."), "STACK_GLOBAL without two texts");
    expect_refusal(READ("K\x01)R."), "REDUCE without a class and its arguments");
    expect_refusal(READ("(ios\nsystem\n."), "pickle uses INST, which no state dict needs");
    expect_refusal(READ("ccollections\nOrderedDict\n)\x81."), "pickle uses NEWOBJ");
    expect_refusal(READ("\x82\x01."), "pickle uses EXT1");
    expect_refusal(READ("K\x01}b."), "sets attributes of something that has none");
}

static void test_tensors(void **state)
{
    (void)state;
    expect_refusal(READ("K\x01Q."), "pickle refers to something other than ('storage', class");
    expect_refusal(READ("(X\x07\x00\x00\x00storagectorch\nSize\nX\x01\x00\x00\x00"
                        "0X\x03\x00\x00\x00"
                        "cpuK\x02tQ."),
                   "pickle refers to something other than ('storage', class");
    expect_refusal(READ("ctorch._utils\n_rebuild_tensor_v2\n)R."),
                   "rebuilds a tensor from something other than (storage, offset");
    expect_refusal(READ("ctorch._utils\n_rebuild_parameter\n)R."),
                   "something that is not a tensor");
}

/* 5000 marks; a list that doubles itself by its own items; a stack of 20 million. */
static void test_bounds(void **state)
{
    (void)state;
    char *bytes = malloc(1 << 23);

    assert_non_null(bytes);
    memset(bytes, '(', 5000);
    expect_refusal(read_bytes(bytes, 5000), "pickle is nested deeper than 256 levels");
    memset(bytes, 'N', 1 << 23);
    expect_refusal(read_bytes(bytes, 1 << 23), "pickle holds more than 4194304 values");

    /* d = Counter(); then again and again Counter(d) of a dict of 4096 items, kept in the memo */
    size_t n = 0;
    n += (size_t)snprintf(bytes, 64, "}q%c(", 1);
    for (int i = 0; i < 4096; i++)
        bytes[n++] = 'N';
    n += (size_t)snprintf(bytes + n, 64, "uccollections\nCounter\nq%c", 2);
    for (int i = 0; i < 20000; i++)
        n += (size_t)snprintf(bytes + n, 64, "h%ch%c\x85R0", 2, 1);
    expect_refusal(read_bytes(bytes, n), "fills containers with more than 33554432 values");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_containers),
        cmocka_unit_test(test_stack),    cmocka_unit_test(test_memo),
        cmocka_unit_test(test_classes),  cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
