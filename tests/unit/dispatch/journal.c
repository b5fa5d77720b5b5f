/* What is written is replayed; what a crash leaves at the end is dropped; anything else is named.
 */
#include "dispatch/journal/journal.h"

#include "base/file.h"
#include "base/hash.h"
#include "support/cmocka.h"
#include "support/failing_call.h"
#include "support/temporary_folder.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_EVENTS = 6 };

struct seen {
    struct journal_event events[16];
    int n;
};

static void see(void *context, const struct journal_event *event)
{
    struct seen *seen = context;

    assert_true(seen->n < 16);
    seen->events[seen->n++] = *event;
}

struct kept {
    char summaries[4][512];
    int64_t numerics[4];
    int n;
};

static void keep_summary(void *context, const struct journal_event *event)
{
    struct kept *kept = context;

    assert_true(kept->n < 4);
    kept->numerics[kept->n] = event->numerics;
    copy_text(kept->summaries[kept->n++], sizeof kept->summaries[0], event->summary);
}

static struct journal_event make_event(enum journal_kind kind, int64_t attempt)
{
    struct journal_event event = {.kind = kind, .attempt = attempt, .rank = 3};

    copy_text(event.run_id, sizeof event.run_id, "0123456789abcdef");
    copy_text(event.time, sizeof event.time, "2026-01-31T12:00:00.123Z");
    copy_text(event.host, sizeof event.host, "node-17");
    return event;
}

static void write_journal(const char *path, struct journal_event events[N_EVENTS])
{
    struct journal *journal = NULL;

    events[0] = (struct journal_event){.kind = JOURNAL_START, .run = -1};
    copy_text(events[0].text, sizeof events[0].text, "prunelora sweep \"x\" \\ ü");
    events[1] = make_event(JOURNAL_ASSIGNED, 1);
    events[2] = make_event(JOURNAL_CRASHED, 1);
    events[2].signal = SIGSEGV;
    events[2].status = STATUS_DEVICE;
    copy_text(events[2].text, sizeof events[2].text, "trainer died of SIGSEGV\nsecond line");
    events[3] = make_event(JOURNAL_DONE, 2);
    events[4] = make_event(JOURNAL_REACHED, 3);
    events[4].epoch = 9;
    events[4].value = 0.1 + 0.2; /* needs all its digits */
    events[4].threshold = NAN;
    events[5] = make_event(JOURNAL_STOPPED, 3);
    events[5].epoch = 27;
    events[5].value = NAN;
    events[5].threshold = -1.0 / 3;
    assert_int_equal(journal_open(path, 0, &journal), STATUS_OK);
    for (int i = 0; i < N_EVENTS; i++)
        assert_int_equal(journal_append(journal, &events[i]), STATUS_OK);
    assert_int_equal(journal_sync(journal), STATUS_OK);
    journal_close(journal);
}

static bool is_same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void events_come_back(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];
    struct journal_event events[N_EVENTS];
    struct seen seen = {.n = 0};
    int64_t good = -1;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    assert_int_equal(journal_replay(path, see, &seen, &good), STATUS_OK); /* no file: no events */
    assert_int_equal(seen.n, 0);
    assert_int_equal(good, 0);
    write_journal(path, events);
    assert_int_equal(journal_replay(path, see, &seen, &good), STATUS_OK);
    assert_int_equal(good, file_size(path));
    assert_int_equal(seen.n, N_EVENTS);
    for (int i = 0; i < N_EVENTS; i++) {
        assert_int_equal(seen.events[i].kind, events[i].kind);
        assert_int_equal(seen.events[i].attempt, events[i].attempt);
        assert_int_equal(seen.events[i].signal, events[i].signal);
        assert_int_equal(seen.events[i].status, events[i].status);
        assert_string_equal(seen.events[i].run_id, events[i].run_id);
        assert_string_equal(seen.events[i].text, events[i].text);
        assert_string_equal(seen.events[i].host, events[i].host);
        assert_string_equal(seen.events[i].time, events[i].time);
        assert_int_equal(seen.events[i].epoch, events[i].epoch);
        if (events[i].epoch == 0)
            continue;
        assert_true(is_same_number(seen.events[i].value, events[i].value));
        assert_true(is_same_number(seen.events[i].threshold, events[i].threshold));
    }
    temporary_folder_close(&folder);
}

/* A crash may cut the file anywhere: the whole lines before the cut count, and a new event goes
 * behind them. */
static void is_followed_as_it_grows(void **unused)
{
    struct temporary_folder folder;
    struct journal_event events[N_EVENTS];
    struct journal_place place = {0};
    struct seen seen = {.n = 0};
    struct journal *journal = NULL;
    char path[TEMPORARY_PATH_BYTES], *data = NULL;
    int64_t n = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK); /* not there yet */
    write_journal(path, events);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK);
    assert_int_equal(seen.n, N_EVENTS);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK);
    assert_int_equal(seen.n, N_EVENTS); /* nothing new */
    assert_int_equal(place.lines, N_EVENTS);
    assert_int_equal(place.bytes, file_size(path));
    assert_int_equal(journal_open(path, place.bytes, &journal), STATUS_OK);
    assert_int_equal(journal_append(journal, &events[2]), STATUS_OK);
    journal_close(journal);
    /* half of a line that is just being written waits for its other half */
    assert_int_equal(file_read(path, &data, &n), STATUS_OK);
    assert_int_equal(file_write(path, data, (size_t)n - 20), STATUS_OK);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK);
    assert_int_equal(seen.n, N_EVENTS);
    assert_int_equal(file_write(path, data, (size_t)n), STATUS_OK);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK);
    assert_int_equal(seen.n, N_EVENTS + 1);
    assert_string_equal(seen.events[N_EVENTS].text, events[2].text);
    data[place.bytes / 2] ^= 1;
    assert_int_equal(file_write(path, data, (size_t)n), STATUS_OK);
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_OK); /* not looked at again */
    place = (struct journal_place){0};
    assert_int_equal(journal_follow(path, see, &seen, &place), STATUS_BAD_DATA);
    free(data);
    temporary_folder_close(&folder);
}

static void every_truncation_is_survived(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], cut[TEMPORARY_PATH_BYTES], *bytes = NULL;
    struct journal_event events[N_EVENTS], more = make_event(JOURNAL_INTERRUPTED, 5);
    int64_t n = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    temporary_path(&folder, "cut.jsonl", cut);
    write_journal(path, events);
    assert_int_equal(file_read(path, &bytes, &n), STATUS_OK);
    for (int64_t length = 0; length <= n; length++) {
        struct seen seen = {.n = 0};
        struct journal *journal = NULL;
        int64_t good = -1, whole = 0, n_lines = 0;
        for (int64_t i = 0; i < length; i++)
            if (bytes[i] == '\n') {
                whole = i + 1;
                n_lines++;
            }
        assert_int_equal(file_write(cut, bytes, (size_t)length), STATUS_OK);
        assert_int_equal(journal_replay(cut, see, &seen, &good), STATUS_OK);
        assert_int_equal(seen.n, n_lines);
        assert_int_equal(good, whole);
        assert_int_equal(journal_open(cut, good, &journal), STATUS_OK);
        assert_int_equal(journal_append(journal, &more), STATUS_OK);
        journal_close(journal);
        seen.n = 0;
        assert_int_equal(journal_replay(cut, see, &seen, &good), STATUS_OK);
        assert_int_equal(seen.n, n_lines + 1);
        assert_int_equal(seen.events[n_lines].attempt, 5);
    }
    free(bytes);
    temporary_folder_close(&folder);
}

/* A summary is kept as the text it is, and events that have none stay without. */
static void summary_comes_back(void **unused)
{
    static const char summary[] =
        "{\"measures\":{\"UA\":0.30000000000000004,\"x\":[null,\"1\",\",\\\"summary\\\":{\"]},"
        "\"files\":{\"run.h5\":[123,\"0badcafe\"]}}";
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];
    struct journal_event done = make_event(JOURNAL_DONE, 2),
                         begun = make_event(JOURNAL_ASSIGNED, 2);
    struct text lines = {0};
    struct kept kept = {.n = 0};
    int64_t good = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    copy_text(done.text, sizeof done.text, "said \",\"summary\":{\" itself");
    done.summary = summary;
    begun.numerics = 7;
    assert_int_equal(journal_print(&begun, &lines), STATUS_OK);
    assert_int_equal(journal_print(&done, &lines), STATUS_OK);
    assert_int_equal(file_write(path, lines.data, (size_t)lines.length), STATUS_OK);
    assert_int_equal(journal_replay(path, keep_summary, &kept, &good), STATUS_OK);
    assert_int_equal(good, lines.length);
    assert_int_equal(kept.n, 2);
    assert_int_equal(kept.numerics[0], 7);
    assert_string_equal(kept.summaries[0], "");
    assert_string_equal(kept.summaries[1], summary);
    text_release(&lines);
    temporary_folder_close(&folder);
}

static void newer_format_is_refused(void **unused)
{
    static const char body[] = "{\"event\":\"start\",\"time\":\"\",\"format\":99";
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], line[256];
    struct seen seen = {.n = 0};
    int64_t good = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    int n = snprintf(line, sizeof line, "%s,\"crc\":\"%08" PRIx32 "\"}\n", body,
                     crc32_bytes(body, sizeof body - 1));
    assert_int_equal(file_write(path, line, (size_t)n), STATUS_OK);
    assert_int_equal(journal_replay(path, see, &seen, &good), STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "has format 99, this program reads up to 2"));
    temporary_folder_close(&folder);
}

/* Whatever byte is flipped, all other lines are saved, as they are. */
static void sound_lines_are_saved(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], *bytes = NULL;
    struct journal_event events[N_EVENTS];
    int64_t n = 0;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    write_journal(path, events);
    assert_int_equal(file_read(path, &bytes, &n), STATUS_OK);
    for (int64_t i = 0; i < n; i += 7) {
        struct seen seen = {.n = 0};
        struct text sound = {0};
        int64_t n_lost = 0, begin = i, end = i;
        if (bytes[i] == '\n')
            continue; /* joins two lines: both are lost */
        while (begin > 0 && bytes[begin - 1] != '\n')
            begin--;
        while (bytes[end] != '\n')
            end++;
        bytes[i] ^= 4;
        assert_int_equal(file_write(path, bytes, (size_t)n), STATUS_OK);
        bytes[i] ^= 4;
        assert_int_equal(journal_salvage(path, see, &seen, &sound, &n_lost), STATUS_OK);
        assert_int_equal(seen.n, N_EVENTS - 1);
        assert_int_equal(n_lost, 1);
        assert_int_equal(sound.length, n - (end + 1 - begin));
        assert_memory_equal(sound.data, bytes, (size_t)begin);
        assert_memory_equal(sound.data + begin, bytes + end + 1, (size_t)(n - end - 1));
        text_release(&sound);
    }
    free(bytes);
    temporary_folder_close(&folder);
}

/* Every single flipped byte is noticed: in the last line it costs that line, before it the start.
 */
static void every_flipped_byte_is_found(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES], wanted[64], *bytes = NULL;
    struct journal_event events[N_EVENTS];
    int64_t n = 0, line = 1;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    write_journal(path, events);
    assert_int_equal(file_read(path, &bytes, &n), STATUS_OK);
    for (int64_t i = 0; i < n; i++) {
        struct seen seen = {.n = 0};
        int64_t good = -1;
        bool ends_line = bytes[i] == '\n';
        bytes[i] ^= 4;
        assert_int_equal(file_write(path, bytes, (size_t)n), STATUS_OK);
        enum status status = journal_replay(path, see, &seen, &good);
        bytes[i] ^= 4;
        if (line == N_EVENTS || (line == N_EVENTS - 1 && ends_line)) {
            assert_int_equal(status, STATUS_OK);
            assert_true(seen.n < N_EVENTS);
        } else {
            assert_int_equal(status, STATUS_BAD_DATA);
            snprintf(wanted, sizeof wanted, "line %d is damaged", (int)line);
            assert_non_null(strstr(status_message(), wanted));
            assert_non_null(strstr(status_message(), "journal.jsonl"));
        }
        line += ends_line;
    }
    free(bytes);
    temporary_folder_close(&folder);
}

static void events_move_states(void **unused)
{
    struct run_state state = {0};
    struct journal_event event = make_event(JOURNAL_ASSIGNED, 1);

    (void)unused;
    run_state_apply(&state, &event);
    assert_int_equal(state.phase, RUN_RUNNING);
    assert_string_equal(state.host, "node-17");
    event = make_event(JOURNAL_CRASHED, 1);
    event.signal = SIGKILL;
    run_state_apply(&state, &event);
    assert_int_equal(state.phase, RUN_PENDING);
    assert_int_equal(state.n_crashes, 1);
    assert_int_equal(state.exit_signal, SIGKILL);
    event = make_event(JOURNAL_DONE, 2);
    run_state_apply(&state, &event);
    assert_int_equal(state.phase, RUN_DONE);
    assert_int_equal(state.attempt, 2);
    assert_int_equal(state.exit_signal, 0);
    event = make_event(JOURNAL_FAILED, 3);
    run_state_apply(&state, &event);
    event = make_event(JOURNAL_REOPENED, 3);
    run_state_apply(&state, &event);
    assert_int_equal(state.phase, RUN_PENDING);
    assert_int_equal(state.n_crashes, 0);
    assert_int_equal(state.attempt, 3); /* the next one is 4: folders are never shared */
}

static void unwritable_journal_is_named(void **unused)
{
    struct journal *journal = NULL;

    (void)unused;
    assert_int_equal(journal_open("/nowhere/journal.jsonl", 0, &journal), STATUS_IO);
    assert_non_null(strstr(status_message(), "/nowhere/journal.jsonl"));
    assert_null(journal);
}

static void full_disk_is_named(void **unused)
{
    struct temporary_folder folder;
    char path[TEMPORARY_PATH_BYTES];
    struct journal *journal = NULL;
    struct journal_event event = make_event(JOURNAL_DONE, 1);
    struct seen seen = {.n = 0};
    int64_t good = -1;

    (void)unused;
    temporary_folder_open(&folder);
    temporary_path(&folder, "journal.jsonl", path);
    assert_int_equal(journal_open(path, 0, &journal), STATUS_OK);
    assert_int_equal(journal_append(journal, &event), STATUS_OK);
    failing_call_arm(CALL_WRITE, 1, ENOSPC);
    assert_int_equal(journal_append(journal, &event), STATUS_STORAGE);
    assert_non_null(strstr(status_message(), "No space left"));
    failing_call_limit_writes(20);
    assert_int_equal(journal_append(journal, &event), STATUS_STORAGE);
    failing_call_disarm();
    assert_non_null(strstr(status_message(), "only 20 of "));
    assert_non_null(strstr(status_message(), path));
    journal_close(journal);
    assert_int_equal(journal_replay(path, see, &seen, &good), STATUS_OK); /* the first is safe */
    assert_int_equal(seen.n, 1);
    temporary_folder_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back),
        cmocka_unit_test(is_followed_as_it_grows),
        cmocka_unit_test(every_truncation_is_survived),
        cmocka_unit_test(summary_comes_back),
        cmocka_unit_test(newer_format_is_refused),
        cmocka_unit_test(sound_lines_are_saved),
        cmocka_unit_test(every_flipped_byte_is_found),
        cmocka_unit_test(events_move_states),
        cmocka_unit_test(unwritable_journal_is_named),
        cmocka_unit_test(full_disk_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
