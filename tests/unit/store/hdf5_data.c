/* Attributes of HDF5 files: what is read is what was written, and a failure leaves the variable as
 * it was. */
#include "store/hdf5_file.h"

#include "store_test.h"
#include "support/failing_call.h"

#include <errno.h>
#include <string.h>

static hid_t file = H5I_INVALID_HID;
static struct arena *arena; /* empty: its first allocation asks the system */

static int setup(void **state)
{
    (void)state;
    ok(hdf5_compose("test", 1, &file));
    ok(hdf5_put_text(file, "name", "Größe"));
    ok(hdf5_put_integer(file, "count", -3));
    ok(hdf5_put_number(file, "share", 0.1));
    ok(arena_create(&arena));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    failing_call_disarm();
    arena_destroy(arena);
    hdf5_close(file);
    return 0;
}

static void test_round_trip(void **state)
{
    const char *text = NULL;
    int64_t integer = 0;
    double number = 0;

    (void)state;
    ok(hdf5_get_text(file, "name", arena, &text));
    assert_string_equal(text, "Größe");
    ok(hdf5_get_integer(file, "count", &integer));
    assert_int_equal(integer, -3);
    ok(hdf5_get_number(file, "share", &number));
    assert_true(number == 0.1);
}

static void test_missing_and_of_another_type(void **state)
{
    const char *text = "before";
    int64_t integer = 7;
    double number = 7;

    (void)state;
    fails(hdf5_get_text(file, "missing", arena, &text), STATUS_BAD_DATA, "'missing'");
    fails(hdf5_get_text(file, "count", arena, &text), STATUS_BAD_DATA, "'count'");
    fails(hdf5_get_integer(file, "name", &integer), STATUS_BAD_DATA, "'name'");
    fails(hdf5_get_number(file, "name", &number), STATUS_BAD_DATA, "'name'");
    assert_string_equal(text, "before");
    assert_true(integer == 7 && number == 7);
}

static void test_out_of_memory(void **state)
{
    const char *text = "before";

    (void)state;
    failing_call_arm(CALL_ALLOCATE, 1, ENOMEM);
    fails(hdf5_get_text(file, "name", arena, &text), STATUS_OUT_OF_MEMORY, "out of memory");
    assert_non_null(text);
    assert_string_equal(text, "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_and_of_another_type, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
