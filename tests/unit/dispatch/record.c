/* Records survive every way a pipe may cut them; nonsense is refused. */
#include "dispatch/talk/record.h"

#include "support/cmocka.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static cJSON *sample(double number)
{
    cJSON *body = record_create("progress");

    assert_non_null(body);
    cJSON_AddNumberToObject(body, "step", number);
    cJSON_AddStringToObject(body, "phase", "train");
    return body;
}

static void records_come_back(void **unused)
{
    struct record_reader reader = {0};
    int ends[2];
    cJSON *body = NULL;

    (void)unused;
    open_pipe(ends);
    for (int i = 0; i < 3; i++) {
        cJSON *sent = sample(i == 2 ? (double)NAN : (double)i);
        assert_int_equal(record_write(ends[1], sent, 1), STATUS_OK);
        cJSON_Delete(sent);
    }
    close(ends[1]);
    assert_int_equal(record_fill(&reader, ends[0]), STATUS_OK);
    assert_true(reader.is_closed);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(record_next(&reader, &body), STATUS_OK);
        assert_non_null(body);
        assert_true(record_is(body, "progress"));
        assert_string_equal(record_text(body, "phase"), "train");
        assert_string_equal(record_text(body, "missing"), "");
        assert_int_equal(record_integer(body, "step"), i == 2 ? 0 : i);
        assert_int_equal(isnan(record_number(body, "step")) != 0, i == 2);
        cJSON_Delete(body);
    }
    assert_int_equal(record_next(&reader, &body), STATUS_OK);
    assert_null(body);
    record_reader_release(&reader);
    close(ends[0]);
}

/* Two records, delivered in two pieces cut at every byte. */
static void any_cut_is_joined(void **unused)
{
    char bytes[512];
    int ends[2];

    (void)unused;
    open_pipe(ends);
    for (int i = 0; i < 2; i++) {
        cJSON *sent = sample(i);
        assert_int_equal(record_write(ends[1], sent, 1), STATUS_OK);
        cJSON_Delete(sent);
    }
    ssize_t n = read(ends[0], bytes, sizeof bytes);
    assert_true(n > 20);
    for (ssize_t cut = 0; cut <= n; cut++) {
        struct record_reader reader = {0};
        int n_found = 0;
        const ssize_t from[] = {0, cut}, to[] = {cut, n};
        for (int piece = 0; piece < 2; piece++) {
            cJSON *body = NULL;
            size_t length = (size_t)(to[piece] - from[piece]);
            assert_int_equal(write(ends[1], bytes + from[piece], length), length);
            assert_int_equal(record_fill(&reader, ends[0]), STATUS_OK);
            while (record_next(&reader, &body) == STATUS_OK && body != NULL) {
                assert_int_equal(record_integer(body, "step"), n_found++);
                cJSON_Delete(body);
            }
        }
        assert_int_equal(n_found, 2);
        assert_int_equal(reader.length, 0);
        record_reader_release(&reader);
    }
    close(ends[0]);
    close(ends[1]);
}

static void refuse(const char *bytes, size_t n, const char *message)
{
    struct record_reader reader = {0};
    int ends[2];
    cJSON *body = NULL;

    open_pipe(ends);
    assert_int_equal(write(ends[1], bytes, n), n);
    assert_int_equal(record_fill(&reader, ends[0]), STATUS_OK);
    assert_int_equal(record_next(&reader, &body), STATUS_COMM);
    assert_null(body);
    assert_non_null(strstr(status_message(), message));
    record_reader_release(&reader);
    close(ends[0]);
    close(ends[1]);
}

static void nonsense_is_refused(void **unused)
{
    (void)unused;
    refuse("\377\377\377\377", 4, "claims 4294967295 bytes, at most 8388608");
    refuse("\3\0\0\0{{{", 7, "is not a JSON object");
    refuse("\2\0\0\0[]", 6, "is not a JSON object");
    refuse("\0\0\0\0", 4, "is not a JSON object");
}

static void deaf_reader_is_noticed(void **unused)
{
    int ends[2];
    cJSON *sent = sample(1);
    enum status status = STATUS_OK;

    (void)unused;
    open_pipe(ends);
    for (int i = 0; i < 100000 && status == STATUS_OK; i++)
        status = record_write(ends[1], sent, 0.05);
    assert_int_equal(status, STATUS_COMM);
    assert_non_null(strstr(status_message(), "does not read"));
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(record_write(ends[1], sent, 0.05), STATUS_COMM);
    assert_non_null(strstr(status_message(), "Broken pipe"));
    assert_int_equal(record_write(ends[1], NULL, 0.05), STATUS_OUT_OF_MEMORY);
    cJSON_Delete(sent);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(any_cut_is_joined),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(deaf_reader_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
