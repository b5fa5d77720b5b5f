/* The host substitute of a GPU: the same table as the real one, computing in plain C, for tests of
 * the cuda backend on machines without a GPU. It is stricter than a GPU wherever that shows a
 * mistake:
 *   nothing runs before somebody waits for it, so what is read too early is old;
 *   device memory begins as NaN bytes and cannot be touched by host code outside of the stream;
 *   copies want pinned memory, and read it when they run, not when they are enqueued;
 *   while a stream is capturing, nothing may be allocated or waited for. */
#ifndef KERNELS_CUDA_HOST_HOST_GPU_H
#define KERNELS_CUDA_HOST_HOST_GPU_H

#include "kernels/cuda/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOST_MOST_PROPOSALS = 4 };

/* What the substitute pretends to be, and what it counted. */
struct host_gpu {
    struct gpu_machine machine;
    struct gpu_properties properties;
    size_t memory_bytes, used_bytes; /* of device memory: there is, is allocated */
    /* The entry of struct gpu that fails, after so many calls of it that do not; NULL: none. As on
     * a GPU, everything fails after that: only another process would help. */
    const char *failing;
    int64_t fails_after;
    bool is_broken;
    /* As a library may: no convolution from bf16 to f32, or only compiled ones. */
    bool lacks_widening, compiles_widening;
    bool lacks_convolutions; /* all but products */
    /* What is proposed for every convolution and product, the best first. */
    struct host_proposal {
        struct gpu_proposal answer;
        enum status look, plan; /* how these fail, this proposal's alone; OK: they do not */
    } proposals[HOST_MOST_PROPOSALS];
    int n_proposals;
    int64_t n_asked, n_asked_again; /* for proposals; for those of an earlier request */
    int64_t n_plans;                /* that exist */
    int64_t n_compiled;             /* plans that took a compiler's seconds, in reality */
    int64_t n_alloc, n_wait, n_launch, n_capture; /* calls */
    int64_t n_run;                                /* enqueued work that was executed */
    int64_t n_enqueued; /* kernels, copies, plans and launches that were not recorded */
};
struct host_gpu *host_gpu(void); /* the only one; tests change and read it */
void host_gpu_reset(void);       /* as at start: one GPU, healthy */

extern const struct gpu gpu_host;

/* ---- inside the substitute ---- */
void host_versions(char *text, size_t bytes);

void host_requests_forget(void); /* what was asked for before is new again */
/* Every entry of the table begins with it; fails DEVICE as host_gpu()->failing says. */
CHECKED enum status host_gpu_enter(const char *entry);
/* Shows or hides all device memory to host code. */
void host_memory_show(bool is_shown);
/* Fails DEVICE unless all of [memory, memory + bytes) was allocated; `is_pinned`: as host memory.
 */
CHECKED enum status host_memory_check(const void *memory, size_t bytes, bool is_pinned,
                                      const char *what);
enum status host_alloc(struct gpu_context *context, size_t bytes, void **out);
void host_release(struct gpu_context *context, void *memory);
enum status host_alloc_host(struct gpu_context *context, size_t bytes, void **out);
void host_release_host(struct gpu_context *context, void *memory);
enum status host_memory_info(struct gpu_context *context, size_t *free_bytes, size_t *total_bytes);

enum status host_copy(struct gpu_stream *stream, void *to, const void *from, size_t bytes,
                      bool is_up);
enum status host_zero(struct gpu_stream *stream, void *memory, size_t bytes);
enum status host_stream_create(struct gpu_context *context, struct gpu_stream **out);
void host_stream_destroy(struct gpu_stream *stream);
enum status host_stream_synchronize(struct gpu_stream *stream);
void host_stream_drain(struct gpu_stream *stream);
bool host_stream_is_capturing(void); /* any */
void host_stream_run_all(void);      /* as cudaFree does before it frees */

enum status host_event_create(struct gpu_context *context, struct gpu_event **out);
void host_event_destroy(struct gpu_event *event);
enum status host_event_record(struct gpu_event *event, struct gpu_stream *stream);
enum status host_event_query(struct gpu_event *event, bool *is_passed);
enum status host_event_synchronize(struct gpu_event *event);

enum status host_capture_begin(struct gpu_stream *stream);
enum status host_capture_end(struct gpu_stream *stream, struct gpu_graph **out);
void host_capture_abandon(struct gpu_stream *stream);
enum status host_graph_launch(struct gpu_graph *graph, struct gpu_stream *stream);
void host_graph_destroy(struct gpu_graph *graph);

enum status host_propose_convolution(struct gpu_context *context,
                                     const struct gpu_convolution *convolution,
                                     struct gpu_proposals **out);
enum status host_propose_product(struct gpu_context *context, const struct gpu_product *product,
                                 struct gpu_proposals **out);
int host_proposals_count(const struct gpu_proposals *proposals);
enum status host_proposal_look(struct gpu_proposals *proposals, int i, struct gpu_proposal *out);
enum status host_proposal_plan(struct gpu_proposals *proposals, int i, struct gpu_plan **out);
void host_proposals_destroy(struct gpu_proposals *proposals);
size_t host_plan_workspace_bytes(const struct gpu_plan *plan);
const char *host_plan_name(const struct gpu_plan *plan);
enum status host_plan_run(const struct gpu_plan *plan, struct gpu_stream *stream,
                          const struct gpu_operands *operands);
void host_plan_destroy(struct gpu_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
