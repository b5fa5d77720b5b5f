/* Between ranks: what is larger than a letter arrives whole, and interleaved with others'. */
#include "dispatch/talk/mail.h"
#include "dispatch/talk/parts.h"

#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

enum { N_RANKS = 3 };

static void open_ranks(struct transport *ranks[N_RANKS])
{
    assert_int_equal(transport_open_queues(N_RANKS, ranks), STATUS_OK);
}

static void close_ranks(struct transport *ranks[N_RANKS])
{
    for (int i = 0; i < N_RANKS; i++)
        transport_close(ranks[i]);
}

static char *bytes_of(int64_t n, char first)
{
    char *bytes = malloc((size_t)n + 1);

    assert_non_null(bytes);
    for (int64_t i = 0; i < n; i++)
        bytes[i] = (char)(first + i % 23);
    bytes[n] = '\0';
    return bytes;
}

static void any_length_arrives(void **unused)
{
    struct transport *ranks[N_RANKS];
    const char *got = NULL;
    int64_t n_got = 0;
    int from = -1;

    (void)unused;
    open_ranks(ranks);
    for (int64_t n = 0; n < 4 * TRANSPORT_MAX_BYTES; n += n < 1000 || n > 1030 ? 97 : 1) {
        char *sent = bytes_of(n, 'a');
        assert_int_equal(parts_send(ranks[1], 0, sent, n), STATUS_OK);
        assert_int_equal(parts_receive(ranks[0], &from, &got, &n_got), STATUS_OK);
        assert_int_equal(from, 1);
        assert_int_equal(n_got, n);
        assert_memory_equal(got, sent, (size_t)n);
        free(sent);
    }
    assert_int_equal(parts_receive(ranks[0], &from, &got, &n_got), STATUS_OK);
    assert_int_equal(from, -1);
    close_ranks(ranks);
}

/* Letters of two ranks come mixed, and small ones between them. */
static void ranks_are_told_apart(void **unused)
{
    struct transport *ranks[N_RANKS];
    char *large = bytes_of(3000, 'a'), *other = bytes_of(2000, 'b');
    const char *got = NULL;
    char letters[3][TRANSPORT_MAX_BYTES];
    size_t lengths[3];
    int64_t n = 0;
    int from = -1;

    (void)unused;
    open_ranks(ranks);
    assert_int_equal(parts_send(ranks[1], 1, large, 3000), STATUS_OK); /* to itself, to be split */
    for (int i = 0; i < 3; i++)
        assert_int_equal(transport_receive(ranks[1], &from, letters[i], &lengths[i]), STATUS_OK);
    assert_int_equal(transport_send(ranks[1], 0, letters[0], lengths[0]), STATUS_OK);
    assert_int_equal(parts_send(ranks[2], 0, other, 2000), STATUS_OK);
    assert_int_equal(transport_send(ranks[1], 0, letters[1], lengths[1]), STATUS_OK);
    assert_int_equal(parts_send(ranks[2], 0, "small", 5), STATUS_OK);
    assert_int_equal(transport_send(ranks[1], 0, letters[2], lengths[2]), STATUS_OK);
    assert_int_equal(parts_receive(ranks[0], &from, &got, &n), STATUS_OK);
    assert_int_equal(from, 2);
    assert_int_equal(n, 2000);
    assert_memory_equal(got, other, 2000);
    assert_int_equal(parts_receive(ranks[0], &from, &got, &n), STATUS_OK);
    assert_int_equal(n, 5);
    assert_int_equal(parts_receive(ranks[0], &from, &got, &n), STATUS_OK);
    assert_int_equal(from, 1);
    assert_int_equal(n, 3000);
    assert_memory_equal(got, large, 3000);
    free(large);
    free(other);
    close_ranks(ranks);
}

static void missing_letters_are_noticed(void **unused)
{
    struct transport *ranks[N_RANKS];
    char *large = bytes_of(3000, 'a');
    char letter[TRANSPORT_MAX_BYTES];
    const char *got = NULL;
    size_t length = 0;
    int64_t n = 0;
    int from = -1;

    (void)unused;
    open_ranks(ranks);
    assert_int_equal(parts_send(ranks[0], 0, large, 3000), STATUS_OK);
    assert_int_equal(transport_receive(ranks[0], &from, letter, &length), STATUS_OK); /* lost */
    assert_int_equal(parts_receive(ranks[0], &from, &got, &n), STATUS_COMM);
    assert_non_null(
        strstr(status_message(), "to stand at byte 1016 of 3000, after 0 that arrived"));
    free(large);
    close_ranks(ranks);
}

static void orders_and_events_are_told_apart(void **unused)
{
    struct transport *ranks[N_RANKS];
    struct arena *arena = NULL;
    const struct event event = {.kind = EVENT_READY};
    const struct order order = {.kind = ORDER_STOP};
    struct mail mail;

    (void)unused;
    open_ranks(ranks);
    assert_int_equal(arena_create(&arena), STATUS_OK);
    assert_int_equal(mail_event(ranks[0], &event), STATUS_OK);
    assert_int_equal(mail_order(ranks[0], 0, &order), STATUS_OK);
    assert_int_equal(parts_send(ranks[0], 0, "nonsense", 8), STATUS_OK);
    assert_int_equal(mail_receive(ranks[0], arena, &mail), STATUS_OK);
    assert_false(mail.is_order);
    assert_int_equal(mail.event.kind, EVENT_READY);
    assert_int_equal(mail_receive(ranks[0], arena, &mail), STATUS_OK);
    assert_true(mail.is_order);
    assert_int_equal(mail.order.kind, ORDER_STOP);
    assert_int_equal(mail_receive(ranks[0], arena, &mail), STATUS_COMM);
    assert_string_equal(status_message(), "rank 0 sent neither an event nor an order");
    arena_destroy(arena);
    close_ranks(ranks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_arrives),
        cmocka_unit_test(ranks_are_told_apart),
        cmocka_unit_test(missing_letters_are_noticed),
        cmocka_unit_test(orders_and_events_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
