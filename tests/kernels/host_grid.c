/* The host as a runner of CUDA kernels: right kernels give right values in every order of threads
 * and blocks, wrong ones are found. */
#include "kernels/cuda/host/grid.h"
#include "kernels/cuda/host/host_gpu.h"
#include "kernels/host_kernels.h"

#include "support/cmocka.h"
#include "support/outcome.h"

#include <math.h>
#include <string.h>

enum { N = HOST_BLOCKS * HOST_THREADS, N_ORDERS = 8 };

typedef enum status launcher(struct gpu_stream *stream, float *out);

/* Starts from NaN; the status is that of the launch, or of the kernel. */
static enum status run(launcher *launch, uint64_t order, float out[N])
{
    struct gpu_stream *stream = NULL;

    memset(out, 0xFF, N * sizeof *out);
    ok(gpu_host.stream_create(NULL, &stream));
    host_grid_scramble(order);
    enum status status = launch(stream, out);
    if (status == STATUS_OK)
        status = gpu_host.stream_synchronize(stream);
    gpu_host.stream_destroy(stream);
    return status;
}

static void check_values(launcher *launch, float (*wanted)(int block, int thread))
{
    float out[N];

    for (uint64_t order = 0; order < N_ORDERS; order++) {
        ok(run(launch, order, out));
        for (int i = 0; i < N; i++)
            if (out[i] != wanted(i / HOST_THREADS, i % HOST_THREADS))
                fail_msg("order %d: [%d] is %g, expected %g", (int)order, i, (double)out[i],
                         (double)wanted(i / HOST_THREADS, i % HOST_THREADS));
    }
}

static float sum_of_block(int block, int thread)
{
    (void)block, (void)thread;
    return HOST_THREADS * (HOST_THREADS + 1) / 2;
}

static float sum_of_warp(int block, int thread)
{
    (void)block, (void)thread;
    return 32 * 33 / 2;
}

static float shuffled(int block, int thread)
{
    int lane = thread % 32, down = lane + 20 < 32 ? lane + 20 : lane;
    int half = lane < 16 ? 1000000 * (lane ^ 8) : 0;

    (void)block;
    return (float)(down + 100 * 7 + 10000 * (lane ^ 1)) + (float)half;
}

static float reversed(int block, int thread)
{
    (void)block;
    return (float)(HOST_THREADS - 1 - thread);
}

static float place(int block, int thread)
{
    return (float)(thread % 8 + 10 * (thread / 8 % 4) + 100 * (thread / 32) + 1000 * (block % 2) +
                   10000 * (block / 2 % 3) + 100000 * (block / 6));
}

static void test_right(void **state)
{
    (void)state;
    check_values(launch_sum_by_barriers, sum_of_block);
    check_values(launch_sum_by_shuffles, sum_of_warp);
    check_values(launch_shuffle_values, shuffled);
    check_values(launch_dynamic_shared, reversed);
    check_values(launch_places, place);
}

/* How many of the values are not what they would be with the barrier in its place. */
static int count_wrong(launcher *launch, uint64_t order)
{
    float out[N];
    int n = 0;

    ok(run(launch, order, out));
    for (int i = 0; i < N; i++)
        n += out[i] != (float)((i + 1) % HOST_THREADS);
    return n;
}

static void test_missing_barrier(void **state)
{
    (void)state;
    for (uint64_t order = 0; order < N_ORDERS; order++) {
        assert_true(count_wrong(launch_read_without_barrier, order) > N / 10);
        assert_true(count_wrong(launch_write_without_barrier, order) > N / 10);
    }
}

static void test_unwritten(void **state)
{
    float out[N];

    (void)state;
    ok(run(launch_shared_unwritten, 0, out));
    for (int i = 0; i < N; i++)
        assert_true(i % HOST_THREADS == 0 ? isnan(out[i]) : out[i] == 1);
    ok(run(launch_shuffle_from_outside, 0, out));
    for (int i = 0; i < N; i++)
        assert_true(i % 32 <= 1 ? isnan(out[i]) : out[i] == 1);
}

/* Blocks come in another order at every launch, and all of them come. */
static void test_block_order(void **state)
{
    struct gpu_stream *stream = NULL;
    float first[N] = {0}, second[N] = {0};
    int n_same = 0;

    (void)state;
    ok(gpu_host.stream_create(NULL, &stream));
    ok(launch_block_order(stream, first));
    ok(launch_block_order(stream, second));
    ok(gpu_host.stream_synchronize(stream));
    gpu_host.stream_destroy(stream);
    assert_true(first[0] == HOST_BLOCKS && second[0] == HOST_BLOCKS);
    for (int i = 1; i <= HOST_BLOCKS; i++)
        n_same += first[i] == second[i];
    assert_true(n_same < HOST_BLOCKS / 2);
}

struct mistake {
    launcher *launch;
    const char *wanted; /* words of the message, "…" between them */
};

static const struct mistake mistakes[] = {
    {launch_exit_before_barrier,
     "exit_before_barrier_kernel, block (…), order …: __syncthreads diverges: "
     "thread …host_kernels.cu:…, thread 5 left the kernel"},
    {launch_two_barriers,
     "two_barriers_kernel, block (…), order …: __syncthreads diverges: thread … waits "
     "at …host_kernels.cu:…, thread … at …host_kernels.cu:"},
    {launch_shuffle_after_exit, "__shfl_xor_sync diverges: thread … waits at …host_kernels.cu:… "
                                "for thread 9, which left the kernel"},
    {launch_shuffle_beside_barrier, "__shfl_xor_sync diverges: thread … for thread 3, which waits "
                                    "in __syncthreads at …host_kernels.cu:"},
    {launch_shuffle_two_places, "__shfl_xor_sync diverges: thread …, which waits in "
                                "__shfl_xor_sync at …host_kernels.cu:"},
    {launch_mask_without_self,
     "__shfl_xor_sync at …: mask fffffffe does not name the caller, called by lane … of 32"},
    {launch_mask_beyond_block, "__shfl_xor_sync at …: mask ffffffff names lanes the block does not "
                               "have, called by lane … of 8"},
    {launch_too_much_shared,
     "too much shared memory: got 65536 bytes in 2 arrays, expected at most 49152 in 8"},
    {launch_too_many_threads,
     "sum_by_barriers_kernel: block is 1025 x 1 x 1 threads, expected 1 to 1024, at most 64 in z"},
    {launch_no_blocks, "sum_by_barriers_kernel: grid is 0 x 1 x 1 blocks, expected 1 to 2^31 − 1 "
                       "in x and to 65535 in y, z"},
};

/* Whether the pieces of `pattern` around each "…" follow one another in `text`. */
static bool has_pieces(const char *text, const char *pattern)
{
    static const char gap[] = "…";
    char piece[200];

    while (*pattern != '\0') {
        const char *end = strstr(pattern, gap);
        size_t n = end != NULL ? (size_t)(end - pattern) : strlen(pattern);
        memcpy(piece, pattern, n);
        piece[n] = '\0';
        text = strstr(text, piece);
        if (text == NULL)
            return false;
        text += n;
        pattern += end != NULL ? n + strlen(gap) : n;
    }
    return true;
}

/* In every order; and what comes after the message was read runs again. */
static void test_mistakes(void **state)
{
    float out[N];

    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        for (uint64_t order = 0; order < N_ORDERS; order++) {
            assert_int_equal(run(mistakes[i].launch, order, out), STATUS_DEVICE);
            if (!has_pieces(status_message(), mistakes[i].wanted))
                fail_msg("'%s', expected '%s'", status_message(), mistakes[i].wanted);
            ok(run(launch_sum_by_shuffles, order, out));
        }
}

/* As on a GPU, what was enqueued behind an error does not run. */
static void test_after_mistake(void **state)
{
    struct gpu_stream *stream = NULL;
    float out[N], after[N] = {0};

    (void)state;
    ok(gpu_host.stream_create(NULL, &stream));
    ok(launch_exit_before_barrier(stream, out));
    ok(launch_sum_by_shuffles(stream, after));
    assert_int_equal(gpu_host.stream_synchronize(stream), STATUS_DEVICE);
    gpu_host.stream_destroy(stream);
    for (int i = 0; i < N; i++)
        assert_true(after[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),     cmocka_unit_test(test_missing_barrier),
        cmocka_unit_test(test_unwritten), cmocka_unit_test(test_block_order),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_after_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
