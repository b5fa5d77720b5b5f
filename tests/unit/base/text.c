/* Growing text, number conversions, spelling suggestions. */
#include "base/text.h"

#include "base/random.h"
#include "support/cmocka.h"
#include "support/outcome.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_append(void **state)
{
    struct text text = {0};

    (void)state;
    assert_string_equal(text_value(&text), "");
    for (int i = 0; i < 1000; i++)
        text_append(&text, "%d,", i);
    text_append_bytes(&text, "a\0b", 3);
    ok(text_finish(&text));
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4 + 3);
    assert_memory_equal(text_value(&text), "0,1,2,3,", 8);
    assert_memory_equal(text.data + text.length - 7, "999,a\0b", 8); /* and the closing zero */
    text_release(&text);
    assert_null(text.data);
}

static void test_append_too_much(void **state)
{
    struct text text = {0};

    (void)state;
    text_append(&text, "x");
    text_append_bytes(&text, "", INT64_MAX / 2);
    text_append(&text, "y");
    assert_int_equal(text_finish(&text), STATUS_OUT_OF_MEMORY);
    assert_string_equal(status_message(), "out of memory composing a text");
    text_release(&text);
}

static void test_from_double(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0"},
        {3.0, "3"},
        {-1.0, "-1"},
        {0.1, "0.1"},
        {1e-4, "0.0001"},
        {1e-5, "1e-5"},
        {5e-324, "5e-324"},
        {0.5, "0.5"},
        {1e15, "1e15"},
        {100000, "100000"},
        {1e6, "1000000"},
        {123456789, "123456789"},
        {1e22, "1e22"},
        {1.5e300, "1.5e300"},
        {-2.5e-10, "-2.5e-10"},
        {0.2616, "0.2616"},
        {1.0 / 3, "0.3333333333333333"},
    };
    char buffer[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(text_from_double(rows[i].value, buffer), rows[i].text);
}

/* All sorts of bit patterns come back as they went. */
static void test_round_trip(void **state)
{
    const struct random_key key = {.seed = 1, .purpose = RANDOM_SYNTHESIS};
    char buffer[32];

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        struct philox_block bits = random_block(&key, i);
        double value, back = 0.0;
        memcpy(&value, bits.words, sizeof value);
        if (i % 2 == 1) /* ordinary sizes too */
            value = random_normal(&key, i);
        if (!isfinite(value))
            continue;
        assert_true(text_to_double(text_from_double(value, buffer), &back));
        assert_memory_equal(&back, &value, sizeof value);
        assert_true(strlen(buffer) < sizeof buffer);
    }
}

/* Digits of a number's text, zeros at either end apart. */
static int significant_digits(const char *text)
{
    int n = 0, n_zeros = 0; /* since the last other digit */

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '1' && *text <= '9') {
            n += (n > 0 ? n_zeros : 0) + 1;
            n_zeros = 0;
        } else if (*text == '0') {
            n_zeros++;
        }
    }
    return n;
}

/* No text with fewer digits reads back as the same number, however few digits were written. */
static void test_shortest(void **state)
{
    const struct random_key key = {.seed = 2, .purpose = RANDOM_SYNTHESIS};
    char written[40], shorter[40], buffer[32];

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        double value = 0, back = 0;
        int digits = 1 + (int)(i % 17), power = (int)random_below(&key, i, 600) - 300;
        snprintf(written, sizeof written, "%.*ge%d", digits, random_normal(&key, i), power);
        value = strtod(written, NULL);
        if (!isfinite(value) || value == 0)
            continue;
        (void)text_from_double(value, buffer);
        int n = 0;
        do
            snprintf(shorter, sizeof shorter, "%.*g", ++n, value);
        while (strtod(shorter, NULL) != value);
        assert_true(text_to_double(buffer, &back) && back == value);
        assert_int_equal(significant_digits(buffer), n);
    }
}

static void test_to_double(void **state)
{
    static const char *const bad[] = {"", " ", "1 ", " 1", "1x", "0x10", "one", "1,5", "--1", "1e"};
    double value = 7.0;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_to_double(bad[i], &value));
    assert_true(value == 7.0);
    assert_true(text_to_double("-1.5e-3", &value));
    assert_true(value == -1.5e-3);
}

static void test_to_int64(void **state)
{
    static const char *const bad[] = {"",   " 1", "1 ",  "1.0", "1e3", "9223372036854775808",
                                      "x1", "-",  "0x10"};
    int64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_to_int64(bad[i], &value));
    assert_int_equal(value, 7);
    assert_true(text_to_int64("-9223372036854775808", &value));
    assert_true(value == INT64_MIN);
    assert_true(text_to_int64("007", &value));
    assert_int_equal(value, 7);
}

static void test_distance(void **state)
{
    char long_word[101];

    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("abc", ""), 3);
    assert_int_equal(text_distance("sparsity", "sparsity"), 0);
    assert_int_equal(text_distance("sparsity", "sparcity"), 1);
    assert_int_equal(text_distance("sparsity", "sparsit"), 1);
    assert_int_equal(text_distance("sparsity", "psarsity"), 1); /* a swap is one */
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    memset(long_word, 'a', 100);
    long_word[100] = '\0';
    assert_int_equal(text_distance(long_word, long_word), 0);
    assert_true(text_distance(long_word, "a") >= 63);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"method", "sparsity", "lora.rank", "seeds", "seed"};
    enum { N = sizeof words / sizeof *words };

    (void)state;
    assert_string_equal(text_nearest("sparsty", words, N), "sparsity");
    assert_string_equal(text_nearest("lora.rnak", words, N), "lora.rank");
    assert_string_equal(text_nearest("seed", words, N), "seed");
    assert_string_equal(text_nearest("methods", words, N), "method");
    assert_null(text_nearest("banana", words, N));
    assert_null(text_nearest("seed", words, 0));
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(text_starts_with("module.conv1", "module."));
    assert_false(text_starts_with("mod", "module."));
    assert_true(text_ends_with("a.yaml", ".yaml"));
    assert_false(text_ends_with("yaml", ".yaml"));
    assert_true(text_ends_with("x", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),      cmocka_unit_test(test_append_too_much),
        cmocka_unit_test(test_from_double), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_shortest),    cmocka_unit_test(test_to_double),
        cmocka_unit_test(test_to_int64),    cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest),     cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
