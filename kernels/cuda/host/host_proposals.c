/* What the substitute proposes: what tests put into struct host_gpu. It remembers what it was asked
 * for, so that they see whether somebody asks twice. */
#include "kernels/cuda/host/host_plan.h"

#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gpu_proposals {
    struct gpu_plan wanted;
    bool is_taken; /* one of them became a plan */
};

static bool is_same(const struct gpu_plan *a, const struct gpu_plan *b)
{
    const struct gpu_convolution *g = &a->convolution, *h = &b->convolution;
    const struct gpu_product *p = &a->product, *q = &b->product;

    if (a->is_product != b->is_product)
        return false;
    if (a->is_product)
        return p->math == q->math && p->m == q->m && p->n == q->n && p->k == q->k &&
               p->factor == q->factor && p->is_left_transposed == q->is_left_transposed &&
               p->is_right_transposed == q->is_right_transposed && p->has_bias == q->has_bias &&
               p->has_addend == q->has_addend && p->is_out_bf16 == q->is_out_bf16 &&
               p->alignment == q->alignment;
    return g->part == h->part && g->math == h->math && g->n == h->n && g->h == h->h &&
           g->w == h->w && g->c == h->c && g->k == h->k && g->r == h->r && g->s == h->s &&
           g->p == h->p && g->q == h->q && g->stride == h->stride && g->padding == h->padding &&
           g->is_out_bf16 == h->is_out_bf16 && g->alignment == h->alignment &&
           g->wants_ready == h->wants_ready;
}

/* All requests since the context was opened. */
struct requests {
    struct gpu_plan *items; /* owned */
    int64_t n, capacity;
};

static struct requests *requests(void)
{
    static struct requests all;

    return &all;
}

void host_requests_forget(void)
{
    free(requests()->items);
    *requests() = (struct requests){0};
}

static enum status note(const struct gpu_plan *wanted)
{
    enum status status = STATUS_OK;
    struct requests *all = requests();

    host_gpu()->n_asked++;
    for (int64_t i = 0; i < all->n; i++)
        if (is_same(&all->items[i], wanted)) {
            host_gpu()->n_asked_again++;
            return STATUS_OK;
        }
    TRY(heap_grow(&all->items, &all->capacity, all->n + 1, sizeof *all->items));
    all->items[all->n++] = *wanted;
done:
    return status;
}

static enum status propose(const struct gpu_plan *wanted, struct gpu_proposals **out)
{
    enum status status = STATUS_OK;
    struct gpu_proposals *proposals = NULL;

    TRY(note(wanted));
    TRY_ALLOC(proposals, heap_alloc(1, sizeof *proposals));
    proposals->wanted = *wanted;
    *out = proposals;
done:
    return status;
}

static bool widens(const struct gpu_plan *wanted)
{
    const struct gpu_convolution *g = &wanted->convolution;

    return !wanted->is_product && g->math == GPU_MATH_BF16 && !g->is_out_bf16;
}

enum status host_propose_convolution(struct gpu_context *context,
                                     const struct gpu_convolution *convolution,
                                     struct gpu_proposals **out)
{
    const struct gpu_plan wanted = {.convolution = *convolution};
    enum status status = host_gpu_enter("propose_convolution");

    (void)context;
    assert(convolution->math == GPU_MATH_BF16 || !convolution->is_out_bf16);
    if (status == STATUS_OK && host_gpu()->lacks_convolutions)
        return fail(STATUS_UNSUPPORTED, "propose_convolution: made to lack all");
    if (host_gpu()->lacks_widening && widens(&wanted))
        return fail(STATUS_UNSUPPORTED, "propose_convolution: made to lack f32 out of bf16");
    return status == STATUS_OK ? propose(&wanted, out) : status;
}

enum status host_propose_product(struct gpu_context *context, const struct gpu_product *product,
                                 struct gpu_proposals **out)
{
    const struct gpu_plan wanted = {.is_product = true, .product = *product};
    enum status status = host_gpu_enter("propose_product");

    (void)context;
    assert(product->factor != 0);
    assert(!product->is_out_bf16 || (product->math == GPU_MATH_BF16 && !product->has_bias));
    return status == STATUS_OK ? propose(&wanted, out) : status;
}

int host_proposals_count(const struct gpu_proposals *proposals)
{
    (void)proposals;
    return host_gpu()->n_proposals;
}

/* Products never are. */
static bool is_compiled(const struct gpu_plan *wanted, int i)
{
    bool is_widening = host_gpu()->compiles_widening && widens(wanted);

    return !wanted->is_product && (is_widening || host_gpu()->proposals[i].answer.is_compiled);
}

enum status host_proposal_look(struct gpu_proposals *proposals, int i, struct gpu_proposal *out)
{
    const struct host_proposal *proposal = &host_gpu()->proposals[i];
    enum status status = host_gpu_enter("proposal_look");

    if (status == STATUS_OK && proposal->look != STATUS_OK)
        status = fail(proposal->look, "proposal_look: made to fail for proposal %d", i);
    if (status != STATUS_OK)
        return status;
    *out = proposal->answer;
    out->is_compiled = is_compiled(&proposals->wanted, i);
    return STATUS_OK;
}

static void name_plan(struct gpu_plan *plan, int i)
{
    const char *kind = plan->is_product ? "product" : "convolution";

    if (i == 0)
        snprintf(plan->name, sizeof plan->name, "%s", kind);
    else
        snprintf(plan->name, sizeof plan->name, "%s %d", kind, i);
}

enum status host_proposal_plan(struct gpu_proposals *proposals, int i, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    const struct host_proposal *proposal = &host_gpu()->proposals[i];
    struct gpu_plan *plan = NULL;

    TRY(host_gpu_enter("proposal_plan"));
    if (proposal->plan != STATUS_OK)
        TRY(fail(proposal->plan, "proposal_plan: made to fail for proposal %d", i));
    assert(!proposals->is_taken);
    TRY_ALLOC(plan, heap_alloc(1, sizeof *plan));
    *plan = proposals->wanted;
    name_plan(plan, i);
    proposals->is_taken = true;
    host_gpu()->n_plans++;
    host_gpu()->n_compiled += is_compiled(&proposals->wanted, i);
    *out = plan;
done:
    return status;
}

void host_proposals_destroy(struct gpu_proposals *proposals)
{
    free(proposals);
}
