/* A history comes back from a checkpoint by the names of its columns, and from those of the form
 * before. */
#include "train/keep/history.h"

#include "base/hash.h"
#include "support/cmocka.h"

#include <math.h>
#include <string.h>

enum { N_EPOCHS = 3 };

struct saved {
    struct arena *arena;
    struct weight_tensor tensors[HISTORY_MAX_TENSORS + 2];
    struct weights weights;
};

static void fill(struct history *history, const char *metric)
{
    history_begin(history, metric);
    for (int i = 0; i < N_EPOCHS; i++) {
        double *row = history_add(history);
        assert_non_null(row);
        for (int c = 0; c < N_HISTORY; c++)
            assert_true(isnan(row[c]));
        row[HISTORY_EPOCH] = i + 1;
        row[HISTORY_LOSS] = 0.1 / (i + 3);
        row[HISTORY_METRIC] = i == 1 ? 0.75 : NAN;
    }
}

static void read_back(struct saved *saved, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        saved->tensors[i].bare = saved->tensors[i].name;
    saved->weights = (struct weights){.tensors = saved->tensors, .n = n};
}

static void save(struct saved *saved, const struct history *history)
{
    int64_t n = 1;

    assert_int_equal(arena_create(&saved->arena), STATUS_OK);
    saved->tensors[0] = (struct weight_tensor){.name = "conv1.weight"};
    assert_int_equal(history_save(history, saved->arena, saved->tensors, &n), STATUS_OK);
    assert_int_equal(n, 1 + history_columns(history));
    read_back(saved, n);
}

static void expect_rows(const struct history *history, bool has_metric)
{
    assert_int_equal(history->n, N_EPOCHS);
    for (int i = 0; i < N_EPOCHS; i++) {
        const double *row = history->rows + (size_t)i * N_HISTORY;
        assert_true(row[HISTORY_EPOCH] == i + 1);
        assert_true(row[HISTORY_LOSS] == 0.1 / (i + 3));
        assert_true(isnan(row[HISTORY_VALIDATION_LOSS]));
        if (has_metric && i == 1)
            assert_true(row[HISTORY_METRIC] == 0.75);
        else
            assert_true(isnan(row[HISTORY_METRIC]));
    }
}

/* The metric comes back under its own name alone: the sweep may ask for another by now. */
static void columns_go_by_name(void **unused)
{
    static const char *const metrics[] = {"UA", "RA", NULL, "loss"};
    struct history history, found;
    struct saved saved;

    (void)unused;
    fill(&history, "UA");
    save(&saved, &history);
    assert_non_null(weights_find(&saved.weights, "checkpoint.history.UA"));
    for (int i = 0; i < 4; i++) {
        history_begin(&found, metrics[i]);
        assert_int_equal(history_columns(&found), i < 2 ? N_HISTORY : N_HISTORY - 1);
        assert_int_equal(history_restore(&found, &saved.weights, N_EPOCHS), STATUS_OK);
        expect_rows(&found, i == 0);
        history_release(&found);
    }
    history_release(&history);
    arena_destroy(saved.arena);
}

static void saved_order_is_found(void **unused)
{
    struct history history;
    struct saved saved;
    struct weight_tensor ordered[HISTORY_MAX_TENSORS + 1];
    int64_t n = 0;

    (void)unused;
    fill(&history, "UA");
    save(&saved, &history);
    history_find(&saved.weights, ordered, &n);
    assert_int_equal(n, N_HISTORY);
    assert_memory_equal(ordered, saved.tensors + 1, (size_t)n * sizeof *ordered);
    history_release(&history);
    arena_destroy(saved.arena);
}

/* One matrix without names; which metric it was is told by a checksum of its name. */
static void form_before_is_read(void **unused)
{
    struct history history, found;
    double matrix[N_EPOCHS][N_HISTORY + 1];
    struct saved saved = {0};

    (void)unused;
    fill(&history, "UA");
    for (int i = 0; i < N_EPOCHS; i++) {
        memcpy(matrix[i], history.rows + (size_t)i * N_HISTORY, N_HISTORY * sizeof(double));
        matrix[i][N_HISTORY] = i == 1 ? (double)crc32_bytes("UA", 2) : NAN;
    }
    saved.tensors[0] = (struct weight_tensor){.name = "checkpoint.history",
                                              .dtype = DTYPE_F64,
                                              .n_dims = 1,
                                              .shape = {N_EPOCHS * (N_HISTORY + 1)},
                                              .values = matrix};
    read_back(&saved, 1);
    for (int i = 0; i < 2; i++) {
        history_begin(&found, i == 0 ? "UA" : "TA");
        assert_int_equal(history_restore(&found, &saved.weights, N_EPOCHS), STATUS_OK);
        expect_rows(&found, i == 0);
        assert_int_equal(history_restore(&found, &saved.weights, N_EPOCHS + 1), STATUS_BAD_DATA);
        assert_int_equal(found.n, 0);
        history_release(&found);
    }
    history_release(&history);
}

static void missing_rows_are_refused(void **unused)
{
    struct history history, found;
    struct saved saved;

    (void)unused;
    fill(&history, NULL);
    save(&saved, &history);
    history_begin(&found, NULL);
    assert_int_equal(history_restore(&found, &saved.weights, N_EPOCHS - 1), STATUS_BAD_DATA);
    assert_non_null(strstr(status_message(), "has 3 rows, 2 epochs are done"));
    saved.weights.n = 1;
    assert_int_equal(history_restore(&found, &saved.weights, N_EPOCHS), STATUS_BAD_DATA);
    assert_int_equal(found.n, 0);
    assert_int_equal(history_restore(&found, &saved.weights, 0), STATUS_OK);
    history_release(&found);
    history_release(&history);
    arena_destroy(saved.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_go_by_name),
        cmocka_unit_test(saved_order_is_found),
        cmocka_unit_test(form_before_is_read),
        cmocka_unit_test(missing_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
