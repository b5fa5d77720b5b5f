/* Which of a library's proposals is taken: the first that is as wanted and can be planned, whatever
 * keeps those before it from it. A function of what is proposed, never of a timing. */
#include "kernels/cuda/plans.h"

/* *out stays NULL where the proposal is not as wanted. */
static enum status try_one(const struct gpu *gpu, struct gpu_proposals *proposals, int i,
                           bool wants_ready, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    struct gpu_proposal proposal = {0};

    TRY(gpu->proposal_look(proposals, i, &proposal));
    if (proposal.is_wanted && !(wants_ready && proposal.is_compiled))
        TRY(gpu->proposal_plan(proposals, i, out));
done:
    return status;
}

static enum status refuse(enum status last, int n, bool wants_ready)
{
    if (last == STATUS_OUT_OF_MEMORY)
        return last;
    if (last != STATUS_OK)
        return fail_context(last, "none of the library's %d proposals can be used, the last", n);
    return fail(STATUS_UNSUPPORTED,
                "none of the library's %d proposals is deterministic%s and in the arithmetic asked "
                "for",
                n, wants_ready ? ", compiled beforehand" : "");
}

enum status cuda_choose(const struct gpu *gpu, struct gpu_proposals *proposals, bool wants_ready,
                        struct gpu_plan **out)
{
    enum status last = STATUS_OK;
    struct gpu_plan *plan = NULL;
    int n = gpu->proposals_count(proposals);

    /* out of memory, a later one might fit: what is taken would depend on what else is there */
    for (int i = 0; i < n && plan == NULL && last != STATUS_OUT_OF_MEMORY; i++) {
        enum status status = try_one(gpu, proposals, i, wants_ready, &plan);
        last = status != STATUS_OK ? status : last;
    }
    if (plan == NULL)
        return refuse(last, n, wants_ready);
    *out = plan;
    return STATUS_OK;
}
