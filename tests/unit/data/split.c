/* Splits by class: every image once, ascending, hashed. */
#include "data/dataset.h"

#include "support/cifar_files.h"
#include "support/cmocka.h"
#include "support/outcome.h"
#include "support/split_of_class.h"

#include <stdio.h>
#include <string.h>

static int load(void **state)
{
    struct temporary_folder folder;
    struct dataset *dataset = NULL;

    temporary_folder_open(&folder);
    write_cifar10(&folder, 4); /* labels 0..7 in training, 5..9 in test */
    ok(dataset_load(DATASET_CIFAR10, folder.path, &dataset));
    temporary_folder_close(&folder);
    *state = dataset;
    return 0;
}

static int unload(void **state)
{
    dataset_destroy(*state);
    return 0;
}

/* Ascending, of the class or not, and together all n images. */
static void check_lists(const struct image_table *table, int forget_class, const int32_t *lists[2],
                        const int64_t counts[2])
{
    assert_int_equal(counts[0] + counts[1], table->n);
    for (int list = 0; list < 2; list++) {
        for (int64_t i = 0; i < counts[list]; i++) {
            assert_true(i == 0 || lists[list][i] > lists[list][i - 1]);
            assert_in_range(lists[list][i], 0, table->n - 1);
            assert_int_equal(table->labels[lists[list][i]] == forget_class, list == 0);
        }
    }
}

static void test_lists(void **state)
{
    const struct dataset *dataset = *state;

    for (int class = -1; class < 8; class ++) {
        struct split *split = NULL;
        ok(split_of_class(dataset, class, &split));
        assert_int_equal(split->forget_class, class);
        check_lists(&dataset->train, class, (const int32_t *[]){split->forget, split->retain},
                    (const int64_t[]){split->n_forget, split->n_retain});
        check_lists(&dataset->test, class,
                    (const int32_t *[]){split->test_forget, split->test_retain},
                    (const int64_t[]){split->n_test_forget, split->n_test_retain});
        assert_true(class < 0 ? split->n_forget == 0 : split->n_forget > 0);
        split_destroy(split);
    }
    split_destroy(NULL);
}

static void test_hash(void **state)
{
    struct dataset *dataset = *state;
    struct split *a = NULL, *b = NULL, *other = NULL;

    ok(split_of_class(dataset, 3, &a));
    ok(split_of_class(dataset, 3, &b));
    ok(split_of_class(dataset, 4, &other));
    assert_int_equal(strlen(a->hash), 64);
    assert_string_equal(a->hash, b->hash);
    assert_string_not_equal(a->hash, other->hash);
    split_destroy(b);
    dataset->hash[0] = dataset->hash[0] == '0' ? '1' : '0'; /* other pixels, same labels */
    ok(split_of_class(dataset, 3, &b));
    assert_string_not_equal(a->hash, b->hash);
    split_destroy(a);
    split_destroy(b);
    split_destroy(other);
}

static void test_bad_class(void **state)
{
    struct split *split = NULL;

    assert_int_equal(split_of_class(*state, 10, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(), "forget.class must be in [0, 10), got 10");
    assert_int_equal(split_of_class(*state, 9, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "forget.class is 9, but no training image has that label");
    assert_null(split);
}

/* Images of a list by class. */
static void count_classes(const struct dataset *dataset, const int32_t *images, int64_t n,
                          int64_t counts[10])
{
    memset(counts, 0, 10 * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[dataset->train.labels[images[i]]]++;
}

static struct split_request request_of(int class, double validation, uint64_t split_seed)
{
    struct split_request request = {
        .within = -1, .validation = validation, .split_seed = split_seed};

    if (class >= 0) {
        request.forget = FORGET_WHOLE_CLASSES;
        small_set_add(&request.classes, class);
    }
    return request;
}

static struct split *make(const struct dataset *dataset, struct split_request request)
{
    struct split *split = NULL;

    ok(split_create(dataset, &request, &split));
    return split;
}

/* Every training image is in one list, each ascending. */
static void check_partition(const struct dataset *dataset, const struct split *split)
{
    const int32_t *lists[] = {split->forget, split->retain, split->validation};
    const int64_t counts[] = {split->n_forget, split->n_retain, split->n_validation};
    int64_t n_seen = 0;

    for (int list = 0; list < 3; list++) {
        for (int64_t i = 0; i < counts[list]; i++)
            assert_true(i == 0 || lists[list][i] > lists[list][i - 1]);
        n_seen += counts[list];
    }
    assert_int_equal(n_seen, dataset->train.n);
    for (int32_t image = 0; image < dataset->train.n; image++) {
        int n_lists = 0;
        for (int list = 0; list < 3; list++)
            for (int64_t i = 0; i < counts[list]; i++)
                n_lists += lists[list][i] == image;
        assert_int_equal(n_lists, 1);
    }
}

/* 20 training images with 1 2 3 4 4 3 2 1 of the classes 0..7. */
static void test_validation_is_stratified(void **state)
{
    static const int64_t half[10] = {1, 1, 2, 2, 2, 1, 1, 0}; /* ties to the first class */
    struct split *share = make(*state, request_of(-1, 0.5, 7));
    struct split *count = make(*state, request_of(-1, 10, 7));
    int64_t counts[10];

    check_partition(*state, share);
    assert_int_equal(share->n_validation, 10);
    count_classes(*state, share->validation, share->n_validation, counts);
    assert_memory_equal(counts, half, sizeof counts);
    assert_int_equal(count->n_validation, 10);
    assert_memory_equal(share->validation, count->validation, 10 * sizeof *count->validation);
    assert_string_equal(share->hash, count->hash); /* written differently, the same */
    split_destroy(share);
    split_destroy(count);
}

/* What is forgotten does not change it: base training and unlearning leave out the same images. */
static void test_validation_is_fixed(void **state)
{
    struct split *base = make(*state, request_of(-1, 6, 1));
    struct split *other = make(*state, request_of(-1, 6, 2));

    assert_true(memcmp(base->validation, other->validation, 6 * sizeof *base->validation) != 0);
    assert_string_not_equal(base->hash, other->hash);
    for (int class = 2; class < 6; class ++) {
        struct split *split = make(*state, request_of(class, 6, 1));
        check_partition(*state, split);
        assert_int_equal(split->n_validation, 6);
        assert_memory_equal(split->validation, base->validation, 6 * sizeof *base->validation);
        assert_true(split->n_forget > 0);
        split_destroy(split);
    }
    split_destroy(base);
    split_destroy(other);
}

/* A hash is part of every run's id. */
static void test_hash_without_validation(void **state)
{
    struct split *split = make(*state, request_of(3, 0, 99));

    assert_int_equal(split->n_validation, 0);
    assert_string_equal(split->hash,
                        "f0084f4bc07442351b6dcaaa4fae9383684aa20efb54e170a8e586e75e65513d");
    split_destroy(split);
}

static void test_bad_validation(void **state)
{
    static const struct {
        double validation;
        const char *message;
    } cases[] = {
        {0.01, "data.validation is 0.01 of 20 training images, which is none"},
        {20, "data.validation is 20, which leaves none of the 20 training images to train on"},
        {0.99, "data.validation is 0.99, which leaves none of the 20 training images to train on"},
    };
    struct split *split = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct split_request request = request_of(-1, cases[i].validation, 0);
        assert_int_equal(split_create(*state, &request, &split), STATUS_BAD_CONFIG);
        assert_string_equal(status_message(), cases[i].message);
    }
    assert_null(split);
}

static bool is_in(const int32_t *images, int64_t n, int32_t image)
{
    for (int64_t i = 0; i < n; i++)
        if (images[i] == image)
            return true;
    return false;
}

static void test_classes(void **state)
{
    const struct dataset *dataset = *state;
    struct split_request request = request_of(3, 4, 1);

    small_set_add(&request.classes, 6);
    struct split *split = make(dataset, request);
    check_partition(dataset, split);
    assert_int_equal(split->forget_class, -1);
    assert_int_equal(small_set_count(&split->classes), 2);
    for (int64_t i = 0; i < dataset->train.n; i++) {
        int label = dataset->train.labels[i];
        bool is_forgotten = (label == 3 || label == 6) &&
                            !is_in(split->validation, split->n_validation, (int32_t)i);
        assert_int_equal(is_in(split->forget, split->n_forget, (int32_t)i), is_forgotten);
    }
    for (int64_t i = 0; i < dataset->test.n; i++) {
        int label = dataset->test.labels[i];
        assert_int_equal(is_in(split->test_forget, split->n_test_forget, (int32_t)i),
                         label == 3 || label == 6);
    }
    split_destroy(split);
    request = request_of(3, 0, 0); /* one of several is the class itself */
    struct split *one = make(dataset, request), *same = NULL;
    ok(split_of_class(dataset, 3, &same));
    assert_string_equal(one->hash, same->hash);
    split_destroy(one);
    split_destroy(same);
}

static struct split_request draw_of(double fraction, int64_t count, int within, uint64_t seed)
{
    return (struct split_request){.forget = FORGET_DRAWN,
                                  .fraction = fraction,
                                  .count = count,
                                  .within = within,
                                  .seed = seed,
                                  .setting = fraction > 0 ? "forget.fraction" : "forget.count"};
}

static void test_draws(void **state)
{
    const struct dataset *dataset = *state;
    struct split *some = make(dataset, draw_of(0.25, 0, -1, 1));
    struct split *more = make(dataset, draw_of(0, 8, -1, 1));
    struct split *same = make(dataset, draw_of(0, 5, -1, 1));
    struct split *other = make(dataset, draw_of(0, 5, -1, 2));

    check_partition(dataset, some);
    assert_int_equal(some->n_forget, 5); /* of 20 */
    assert_int_equal(more->n_forget, 8);
    assert_int_equal(some->forget_class, -1);
    assert_int_equal(some->n_test_forget, 0);
    assert_int_equal(some->n_test_retain, dataset->test.n);
    for (int64_t i = 0; i < some->n_forget; i++)
        assert_true(is_in(more->forget, more->n_forget, some->forget[i]));
    assert_string_equal(some->hash, same->hash);
    assert_string_not_equal(some->hash, other->hash);
    split_destroy(some);
    split_destroy(more);
    split_destroy(same);
    split_destroy(other);
}

static void test_draw_within(void **state)
{
    const struct dataset *dataset = *state;
    struct split_request request = draw_of(0, 2, 4, 7);

    request.validation = 6;
    struct split *split = make(dataset, request);
    check_partition(dataset, split);
    assert_int_equal(split->n_forget, 2);
    assert_int_equal(split->n_validation, 6);
    for (int64_t i = 0; i < split->n_forget; i++)
        assert_int_equal(dataset->train.labels[split->forget[i]], 4);
    split_destroy(split);
}

static void test_bad_draws(void **state)
{
    static const struct {
        double fraction;
        int64_t count;
        int within;
        const char *message;
    } cases[] = {
        {0.01, 0, -1, "forget.fraction is 0.01 of 20 training images, which is none"},
        {1, 0, -1, "forget.fraction leaves none of the 20 training images to retain"},
        {0, 20, -1, "forget.count leaves none of the 20 training images to retain"},
        {0, 5, 3, "forget.count is 5, but there are 4 training images of class 3"},
        {0.5, 0, 9, "forget.fraction is 0.5 of 0 training images of class 9, which is none"},
    };
    struct split *split = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct split_request request =
            draw_of(cases[i].fraction, cases[i].count, cases[i].within, 0);
        assert_int_equal(split_create(*state, &request, &split), STATUS_BAD_CONFIG);
        assert_string_equal(status_message(), cases[i].message);
    }
    assert_null(split);
}

/* A message without the folder of the file it names. */
static void check_message(const struct temporary_folder *folder, const char *wanted)
{
    const char *place = strstr(status_message(), folder->path);

    assert_non_null(place);
    assert_string_equal(place + strlen(folder->path) + 1, wanted);
    assert_true(strncmp(status_message(), "forget.indices ", 15) == 0);
}

static void test_list(void **state)
{
    static const struct {
        const char *text, *message; /* NULL: as the first */
    } cases[] = {
        {"3\n17\n0\n", NULL},
        {"0\n3\r\n17", NULL},
        {"3\n17\n0\n3\n", "list.txt:4: 3 is already in line 1; remove one of them"},
        {"3\n20\n", "list.txt:2: 20 is not a training image; those are 0 to 19"},
        {"-1\n", "list.txt:1: -1 is not a training image; those are 0 to 19"},
        {"3\n\n4\n", "list.txt:2: the line is empty; write one index, counted from 0"},
        {"3 4\n", "list.txt:1: '3 4' is not an index; write one number, counted from 0"},
        {"1.5\n", "list.txt:1: '1.5' is not an index; write one number, counted from 0"},
        {"", "list.txt:1: the file is empty; write one index per line, counted from 0"},
    };
    static const int32_t wanted[] = {0, 3, 17};
    struct temporary_folder folder;
    char path[600];

    temporary_folder_open(&folder);
    snprintf(path, sizeof path, "%s/list.txt", folder.path);
    struct split_request request = {
        .forget = FORGET_LISTED, .within = -1, .file = path, .setting = "forget.indices"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct split *split = NULL;
        write_bytes(&folder, "list.txt", cases[i].text, strlen(cases[i].text));
        enum status status = split_create(*state, &request, &split);
        if (cases[i].message == NULL) {
            ok(status);
            check_partition(*state, split);
            assert_int_equal(split->n_forget, 3);
            assert_memory_equal(split->forget, wanted, sizeof wanted);
            assert_int_equal(split->n_test_forget, 0);
        } else {
            assert_int_equal(status, STATUS_BAD_DATA);
            check_message(&folder, cases[i].message);
            assert_null(split);
        }
        split_destroy(split);
    }
    temporary_folder_close(&folder);
}

static void test_list_of_validation(void **state)
{
    struct split *base = make(*state, request_of(-1, 6, 1)), *split = NULL;
    struct temporary_folder folder;
    char path[600], text[64], message[160];

    temporary_folder_open(&folder);
    snprintf(path, sizeof path, "%s/list.txt", folder.path);
    struct split_request request = request_of(-1, 6, 1);
    request.forget = FORGET_LISTED;
    request.file = path;
    request.setting = "forget.indices";
    assert_int_equal(split_create(*state, &request, &split), STATUS_IO);
    assert_non_null(strstr(status_message(), "list.txt' does not exist"));
    int n = snprintf(text, sizeof text, "%d\n%d\n", (int)base->retain[2], (int)base->validation[3]);
    write_bytes(&folder, "list.txt", text, (size_t)n);
    assert_int_equal(split_create(*state, &request, &split), STATUS_BAD_DATA);
    snprintf(message, sizeof message,
             "list.txt:2: image %d is for validation (data.validation), so no model is trained on "
             "it",
             (int)base->validation[3]);
    check_message(&folder, message);
    temporary_folder_close(&folder);
    split_destroy(base);
}

/* Record i has coarse label i % 4 and fine label i % 8, so a superclass has two classes. */
static void test_superclass(void **state)
{
    enum { N = 16 };
    static uint8_t records[N * RECORD100];
    struct temporary_folder folder;
    struct dataset *dataset = NULL;
    struct split_request request = {.forget = FORGET_SUPERCLASS, .superclass = 1, .within = -1};
    struct split *split = NULL;

    for (int i = 0; i < N; i++) {
        records[i * RECORD100] = (uint8_t)(i % 4);
        records[i * RECORD100 + 1] = (uint8_t)(i % 8);
    }
    temporary_folder_open(&folder);
    write_bytes(&folder, "train.bin", records, sizeof records);
    write_bytes(&folder, "test.bin", records, sizeof records);
    ok(dataset_load(DATASET_CIFAR100, folder.path, &dataset));
    temporary_folder_close(&folder);
    split = make(dataset, request);
    check_partition(dataset, split);
    assert_int_equal(split->n_forget, 4);
    assert_int_equal(split->n_test_forget, 4);
    assert_int_equal(split->n_test_retain, 12);
    assert_int_equal(small_set_count(&split->classes), 2);
    assert_true(small_set_has(&split->classes, 1) && small_set_has(&split->classes, 5));
    split_destroy(split);
    request.superclass = 4;
    split = NULL;
    assert_int_equal(split_create(dataset, &request, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "forget.superclass is 4, but no training image has that coarse label");
    assert_int_equal(split_create(*state, &request, &split), STATUS_BAD_CONFIG);
    assert_string_equal(status_message(),
                        "forget.superclass needs cifar100: other data sets have no coarse labels");
    dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, load, unload),
        cmocka_unit_test_setup_teardown(test_hash, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_class, load, unload),
        cmocka_unit_test_setup_teardown(test_validation_is_stratified, load, unload),
        cmocka_unit_test_setup_teardown(test_validation_is_fixed, load, unload),
        cmocka_unit_test_setup_teardown(test_hash_without_validation, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_validation, load, unload),
        cmocka_unit_test_setup_teardown(test_classes, load, unload),
        cmocka_unit_test_setup_teardown(test_draws, load, unload),
        cmocka_unit_test_setup_teardown(test_draw_within, load, unload),
        cmocka_unit_test_setup_teardown(test_bad_draws, load, unload),
        cmocka_unit_test_setup_teardown(test_list, load, unload),
        cmocka_unit_test_setup_teardown(test_list_of_validation, load, unload),
        cmocka_unit_test_setup_teardown(test_superclass, load, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
