/* Frames survive every way a pipe may cut them; nonsense is refused. */
#include "protocol/frame.h"

#include "support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void write_text(int fd, const char *text)
{
    assert_int_equal(frame_write(fd, text, (int64_t)strlen(text), 1), STATUS_OK);
}

static void expect(struct frame_reader *reader, const char *text)
{
    const char *bytes = NULL;
    int64_t n = -1;

    assert_int_equal(frame_next(reader, &bytes, &n), STATUS_OK);
    if (text == NULL) {
        assert_null(bytes);
        return;
    }
    assert_non_null(bytes);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, (size_t)n);
}

static void frames_come_back(void **unused)
{
    struct frame_reader reader = {0};
    int ends[2];

    (void)unused;
    open_pipe(ends);
    write_text(ends[1], "one");
    write_text(ends[1], "");
    write_text(ends[1], "three");
    close(ends[1]);
    assert_int_equal(frame_fill(&reader, ends[0]), STATUS_OK);
    assert_true(reader.is_closed);
    expect(&reader, "one");
    expect(&reader, "");
    expect(&reader, "three");
    expect(&reader, NULL);
    frame_reader_release(&reader);
    close(ends[0]);
}

/* Two frames, delivered in two pieces cut at every byte. */
static void any_cut_is_joined(void **unused)
{
    char bytes[64];
    int ends[2];

    (void)unused;
    open_pipe(ends);
    write_text(ends[1], "first frame");
    write_text(ends[1], "and another");
    ssize_t n = read(ends[0], bytes, sizeof bytes);
    assert_int_equal(n, 2 * (4 + 11));
    for (ssize_t cut = 0; cut <= n; cut++) {
        static const char *const texts[] = {"first frame", "and another", NULL};
        struct frame_reader reader = {0};
        int n_found = 0;
        const ssize_t from[] = {0, cut}, to[] = {cut, n};
        for (int piece = 0; piece < 2; piece++) {
            size_t length = (size_t)(to[piece] - from[piece]);
            assert_int_equal(write(ends[1], bytes + from[piece], length), length);
            assert_int_equal(frame_fill(&reader, ends[0]), STATUS_OK);
            for (ssize_t whole = 15; n_found < 2 && to[piece] >= whole * (n_found + 1);)
                expect(&reader, texts[n_found++]);
            expect(&reader, NULL);
        }
        assert_int_equal(n_found, 2);
        assert_int_equal(reader.length, 0);
        frame_reader_release(&reader);
    }
    close(ends[0]);
    close(ends[1]);
}

static void impossible_length_is_refused(void **unused)
{
    struct frame_reader reader = {0};
    const char *bytes = NULL;
    int64_t n = 0;
    int ends[2];

    (void)unused;
    open_pipe(ends);
    assert_int_equal(write(ends[1], "\377\377\377\377", 4), 4);
    assert_int_equal(frame_fill(&reader, ends[0]), STATUS_OK);
    assert_int_equal(frame_next(&reader, &bytes, &n), STATUS_COMM);
    assert_null(bytes);
    assert_string_equal(status_message(),
                        "a frame claims 4294967295 bytes, at most 8388608 are allowed");
    frame_reader_release(&reader);
    close(ends[0]);
    close(ends[1]);
}

static void deaf_reader_is_noticed(void **unused)
{
    char text[1000] = {0};
    int ends[2];
    enum status status = STATUS_OK;

    (void)unused;
    open_pipe(ends);
    for (int i = 0; i < 100000 && status == STATUS_OK; i++)
        status = frame_write(ends[1], text, sizeof text, 0.05);
    assert_int_equal(status, STATUS_COMM);
    assert_non_null(strstr(status_message(), "does not read"));
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(frame_write(ends[1], text, sizeof text, 0.05), STATUS_COMM);
    assert_non_null(strstr(status_message(), "Broken pipe"));
    assert_int_equal(frame_write(ends[1], text, FRAME_MAX_BYTES + 1, 0.05), STATUS_COMM);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(any_cut_is_joined),
        cmocka_unit_test(impossible_length_is_refused),
        cmocka_unit_test(deaf_reader_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
