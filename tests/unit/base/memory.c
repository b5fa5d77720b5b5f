/* Which limit counts when there are several, and what is said when none can be read. */
#include "base/memory.h"

#include "base/file.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/temporary_folder.h"

#include <string.h>

static struct temporary_folder folder;

static void put(const char *name, const char *text)
{
    char path[TEMPORARY_PATH_BYTES];

    ok(file_write(temporary_path(&folder, name, path), text, strlen(text)));
}

static void make_group(const char *name)
{
    char path[TEMPORARY_PATH_BYTES];

    ok(folder_create(temporary_path(&folder, name, path)));
}

static enum status ask(size_t *bytes)
{
    char meminfo[TEMPORARY_PATH_BYTES], membership[TEMPORARY_PATH_BYTES];
    const struct memory_sources sources = {temporary_path(&folder, "meminfo", meminfo),
                                           temporary_path(&folder, "cgroup", membership),
                                           folder.path};
    return memory_available(&sources, bytes);
}

static size_t answer(void)
{
    size_t bytes = 0;

    ok(ask(&bytes));
    return bytes;
}

static int open_folder(void **unused)
{
    (void)unused;
    temporary_folder_open(&folder);
    put("meminfo", "MemTotal:       9000 kB\nMemAvailable:    4000 kB\n");
    return 0;
}

static int close_folder(void **unused)
{
    (void)unused;
    temporary_folder_close(&folder);
    return 0;
}

static void without_groups_the_kernel_says(void **unused)
{
    (void)unused;
    assert_int_equal(answer(), 4000 * 1024);
    put("cgroup", "1:cpu:/\n0::/job/step\n"); /* a group without files */
    assert_int_equal(answer(), 4000 * 1024);
}

static void every_group_above_may_limit(void **unused)
{
    (void)unused;
    make_group("job/step");
    put("cgroup", "1:cpu:/\n0::/job/step\n");
    put("job/step/memory.max", "max\n");
    put("job/step/memory.current", "900000\n");
    assert_int_equal(answer(), 4000 * 1024);
    put("job/memory.max", "1000000\n");
    put("job/memory.current", "900000\n");
    assert_int_equal(answer(), 100000);
    put("job/memory.stat", "anon 1\ninactive_file 50000\n"); /* given back when asked for */
    assert_int_equal(answer(), 150000);
    put("job/step/memory.max", "800000\n"); /* already beyond it */
    assert_int_equal(answer(), 0);
}

static void a_machine_that_does_not_say_is_named(void **unused)
{
    size_t bytes = 7;

    (void)unused;
    put("meminfo", "MemTotal: 9000 kB\n");
    assert_int_equal(ask(&bytes), STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "meminfo' does not say MemAvailable"));
    assert_int_equal(bytes, 7);
}

static void this_machine_has_memory(void **unused)
{
    size_t bytes = 0;

    (void)unused;
    ok(memory_available(&memory_of_system, &bytes));
    assert_true(bytes > 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups_the_kernel_says, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(every_group_above_may_limit, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(a_machine_that_does_not_say_is_named, open_folder,
                                        close_folder),
        cmocka_unit_test(this_machine_has_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
