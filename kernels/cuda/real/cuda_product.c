/* Matrix products by cuBLASLt. It thinks in columns: our row-major out[m, n] is its [n, m], so the
 * factors change places, and the bias, one value per row there, is one per column here. */
#include "kernels/cuda/real/cuda_gpu.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

/* 32 MiB: what cuBLAS advises for the fastest algorithms of this generation of GPUs. */
static const size_t most_workspace_bytes = (size_t)32 << 20;

/* More than the first is looked at only where that cannot be used. */
enum { MOST_PROPOSALS = 16 };

/* A product in the library's words. */
struct product_call {
    struct gpu_product product;
    cublasLtMatmulDesc_t operation;               /* owned, as all that follow */
    cublasLtMatrixLayout_t first, second, result; /* first: our right factor */
};

struct product_proposals {
    struct gpu_proposals base;
    struct product_call call; /* owned, until a plan takes it */
    cublasLtMatmulHeuristicResult_t found[MOST_PROPOSALS];
};

struct product_plan {
    struct gpu_plan base;
    struct product_call call; /* owned */
    cublasLtMatmulAlgo_t algorithm;
};

static void operation_destroy(cublasLtMatmulDesc_t operation)
{
    if (operation != NULL)
        (void)cublasLtMatmulDescDestroy(operation);
}

static void call_release(struct product_call *call)
{
    operation_destroy(call->operation);
    if (call->first != NULL)
        (void)cublasLtMatrixLayoutDestroy(call->first);
    if (call->second != NULL)
        (void)cublasLtMatrixLayoutDestroy(call->second);
    if (call->result != NULL)
        (void)cublasLtMatrixLayoutDestroy(call->result);
    *call = (struct product_call){0};
}

/* ---- the operation ---- */

static enum status set_bias(cublasLtMatmulDesc_t operation, const void *bias)
{
    enum status status = STATUS_OK;
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;

    TRY(cublas_check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_EPILOGUE,
                                                    &epilogue, sizeof epilogue)));
    TRY(cublas_check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                    &bias, sizeof bias)));
done:
    return status;
}

/* bias: only where the product has one. *out is owned by the caller. */
static enum status describe_operation(const struct gpu_product *p, const void *bias,
                                      cublasLtMatmulDesc_t *out)
{
    static const cublasComputeType_t computes[] = {
        [GPU_MATH_FP32] = CUBLAS_COMPUTE_32F,
        [GPU_MATH_TF32] = CUBLAS_COMPUTE_32F_FAST_TF32,
        [GPU_MATH_BF16] = CUBLAS_COMPUTE_32F,
    };
    enum status status = STATUS_OK;
    cublasLtMatmulDesc_t operation = NULL;
    const cublasOperation_t first = p->is_right_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = p->is_left_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;

    TRY(cublas_check(cublasLtMatmulDescCreate(&operation, computes[p->math], CUDA_R_32F)));
    TRY(cublas_check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &first,
                                                    sizeof first)));
    TRY(cublas_check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSB, &second,
                                                    sizeof second)));
    if (p->has_bias)
        TRY(set_bias(operation, bias));
    *out = operation;
    operation = NULL;
done:
    operation_destroy(operation);
    return status;
}

/* ---- a plan ---- */

static void destroy(struct gpu_plan *base)
{
    struct product_plan *plan = (struct product_plan *)base;

    call_release(&plan->call);
    free(plan);
}

/* The bias stands in the library's description of the operation: where there is one, it is
 * described anew, and the plan stays as it is. */
static enum status run(const struct gpu_plan *base, struct gpu_stream *stream,
                       const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    const struct product_plan *plan = (const struct product_plan *)base;
    const struct product_call *call = &plan->call;
    const float added = call->product.has_addend ? 1 : 0;
    const void *addend = call->product.has_addend ? operands->addend : operands->out;
    cublasLtMatmulDesc_t biased = NULL;

    if (call->product.has_bias)
        TRY(describe_operation(&call->product, operands->bias, &biased));
    TRY(cublas_check(cublasLtMatmul(
        stream->cublas, biased != NULL ? biased : call->operation, &call->product.factor,
        operands->right, call->first, operands->left, call->second, &added, addend, call->result,
        operands->out, call->result, &plan->algorithm, operands->workspace.data,
        plan->base.workspace_bytes, stream->stream)));
done:
    operation_destroy(biased);
    return status;
}

/* ---- the factors ---- */

/* [rows, columns] of ours, dense, as cuBLASLt sees it. */
static enum status describe_matrix(bool is_bf16, int64_t rows, int64_t columns,
                                   cublasLtMatrixLayout_t *out)
{
    return cublas_check(cublasLtMatrixLayoutCreate(out, is_bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                                   (uint64_t)columns, (uint64_t)rows, columns));
}

static enum status describe_matrices(struct product_call *call)
{
    enum status status = STATUS_OK;
    const struct gpu_product *p = &call->product;
    bool is_bf16 = p->math == GPU_MATH_BF16;

    TRY(p->is_right_transposed ? describe_matrix(is_bf16, p->n, p->k, &call->first)
                               : describe_matrix(is_bf16, p->k, p->n, &call->first));
    TRY(p->is_left_transposed ? describe_matrix(is_bf16, p->k, p->m, &call->second)
                              : describe_matrix(is_bf16, p->m, p->k, &call->second));
    TRY(describe_matrix(p->is_out_bf16, p->m, p->n, &call->result));
done:
    return status;
}

static enum status set_preference(cublasLtMatmulPreference_t preference, uint32_t alignment)
{
    static const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    enum status status = STATUS_OK;
    /* partial sums of a divided product are added in a fixed order, in f32 */
    const uint32_t reductions =
        CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

    TRY(cublas_check(
        cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                             &most_workspace_bytes, sizeof most_workspace_bytes)));
    TRY(cublas_check(cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions)));
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++)
        TRY(cublas_check(cublasLtMatmulPreferenceSetAttribute(preference, alignments[i], &alignment,
                                                              sizeof alignment)));
done:
    return status;
}

/* ---- what there is ---- */

static enum status ask(struct product_proposals *proposals)
{
    enum status status = STATUS_OK;
    cublasLtMatmulPreference_t preference = NULL;
    const struct product_call *call = &proposals->call;
    int n = 0;

    TRY(cublas_check(cublasLtMatmulPreferenceCreate(&preference)));
    TRY(set_preference(preference, (uint32_t)call->product.alignment));
    TRY(cublas_check(cublasLtMatmulAlgoGetHeuristic(
        proposals->base.context->cublas, call->operation, call->first, call->second, call->result,
        call->result, preference, MOST_PROPOSALS, proposals->found, &n)));
    proposals->base.n = n;
done:
    if (preference != NULL)
        (void)cublasLtMatmulPreferenceDestroy(preference);
    return status;
}

static enum status propose(struct gpu_proposals *base, const void *wanted)
{
    enum status status = STATUS_OK;
    struct product_proposals *proposals = (struct product_proposals *)base;

    proposals->call.product = *(const struct gpu_product *)wanted;
    /* not looked behind while an algorithm is chosen: only its alignment counts */
    const void *bias = (const void *)(uintptr_t)proposals->call.product.alignment;
    TRY(describe_operation(&proposals->call.product, bias, &proposals->call.operation));
    TRY(describe_matrices(&proposals->call));
    TRY(ask(proposals));
done:
    return status;
}

static void release(struct gpu_proposals *base)
{
    call_release(&((struct product_proposals *)base)->call);
}

/* All were asked for as we want them; a proposal may still say that it will not run. */
static enum status look(struct gpu_proposals *base, int i, struct gpu_proposal *out)
{
    const struct product_proposals *proposals = (struct product_proposals *)base;
    enum status status = cublas_check(proposals->found[i].state);

    if (status == STATUS_OK)
        *out = (struct gpu_proposal){.is_wanted = true};
    return status;
}

static enum status plan(struct gpu_proposals *base, int i, struct gpu_plan **out)
{
    enum status status = STATUS_OK;
    struct product_proposals *proposals = (struct product_proposals *)base;
    const cublasLtMatmulHeuristicResult_t *found = &proposals->found[i];
    struct product_plan *made = NULL;
    int id = 0;

    TRY(cublas_check(cublasLtMatmulAlgoConfigGetAttribute(&found->algo, CUBLASLT_ALGO_CONFIG_ID,
                                                          &id, sizeof id, NULL)));
    TRY_ALLOC(made, heap_alloc(1, sizeof *made));
    made->base.workspace_bytes = found->workspaceSize;
    snprintf(made->base.name, sizeof made->base.name, "cublasLt algorithm %d", id);
    made->algorithm = found->algo;
    made->call = proposals->call;
    proposals->call = (struct product_call){0};
    *out = &made->base;
done:
    return status;
}

const struct planner planner_product = {
    .proposals_bytes = sizeof(struct product_proposals),
    .propose = propose,
    .look = look,
    .plan = plan,
    .release = release,
    .run = run,
    .destroy = destroy,
};
