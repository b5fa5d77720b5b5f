/* Matrix products by cuBLASLt. It thinks in columns: our row-major out[m, n] is its [n, m], so the
 * factors change places, and the bias, one value per row there, is one per column here. */
#include "kernels/cuda/cuda_gpu.h"

#include <stdio.h>
#include <stdlib.h>

/* 32 MiB: what cuBLAS advises for the fastest algorithms of this generation of GPUs. */
static const size_t most_workspace_bytes = (size_t)32 << 20;

struct product_plan {
    struct gpu_plan base;
    struct gpu_product product;
    cublasLtMatmulDesc_t operation;               /* owned, as all that follow */
    cublasLtMatrixLayout_t first, second, result; /* first: our right factor */
    cublasLtMatmulAlgo_t algorithm;
};

static void destroy(struct gpu_plan *base)
{
    struct product_plan *plan = (struct product_plan *)base;

    if (plan->operation != NULL)
        (void)cublasLtMatmulDescDestroy(plan->operation);
    if (plan->first != NULL)
        (void)cublasLtMatrixLayoutDestroy(plan->first);
    if (plan->second != NULL)
        (void)cublasLtMatrixLayoutDestroy(plan->second);
    if (plan->result != NULL)
        (void)cublasLtMatrixLayoutDestroy(plan->result);
    free(plan);
}

static enum status run(struct gpu_plan *base, struct gpu_stream *stream,
                       const struct gpu_operands *operands)
{
    enum status status = STATUS_OK;
    struct product_plan *plan = (struct product_plan *)base;
    const float added = plan->product.has_addend ? 1 : 0;
    const void *addend = plan->product.has_addend ? operands->addend : operands->out;

    if (plan->product.has_bias)
        TRY(cublas_check(cublasLtMatmulDescSetAttribute(plan->operation,
                                                        CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                        &operands->bias, sizeof operands->bias)));
    TRY(cublas_check(cublasLtMatmul(stream->context->cublas, plan->operation, &plan->product.factor,
                                    operands->right, plan->first, operands->left, plan->second,
                                    &added, addend, plan->result, operands->out, plan->result,
                                    &plan->algorithm, operands->workspace.data,
                                    plan->base.workspace_bytes, stream->stream)));
done:
    return status;
}

static enum status describe_operation(struct product_plan *plan)
{
    static const cublasComputeType_t computes[] = {
        [GPU_MATH_FP32] = CUBLAS_COMPUTE_32F,
        [GPU_MATH_TF32] = CUBLAS_COMPUTE_32F_FAST_TF32,
        [GPU_MATH_BF16] = CUBLAS_COMPUTE_32F,
    };
    enum status status = STATUS_OK;
    const struct gpu_product *p = &plan->product;
    const cublasOperation_t first = p->is_right_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = p->is_left_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;

    TRY(cublas_check(cublasLtMatmulDescCreate(&plan->operation, computes[p->math], CUDA_R_32F)));
    TRY(cublas_check(cublasLtMatmulDescSetAttribute(plan->operation, CUBLASLT_MATMUL_DESC_TRANSA,
                                                    &first, sizeof first)));
    TRY(cublas_check(cublasLtMatmulDescSetAttribute(plan->operation, CUBLASLT_MATMUL_DESC_TRANSB,
                                                    &second, sizeof second)));
    if (p->has_bias) {
        /* not looked behind while an algorithm is chosen: only its alignment counts */
        const void *bias = (const void *)(uintptr_t)p->alignment;
        TRY(cublas_check(cublasLtMatmulDescSetAttribute(
            plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue)));
        TRY(cublas_check(cublasLtMatmulDescSetAttribute(
            plan->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias)));
    }
done:
    return status;
}

/* [rows, columns] of ours, dense, as cuBLASLt sees it. */
static enum status describe_matrix(bool is_bf16, int64_t rows, int64_t columns,
                                   cublasLtMatrixLayout_t *out)
{
    return cublas_check(cublasLtMatrixLayoutCreate(out, is_bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                                   (uint64_t)columns, (uint64_t)rows, columns));
}

static enum status describe_matrices(struct product_plan *plan)
{
    enum status status = STATUS_OK;
    const struct gpu_product *p = &plan->product;
    bool is_bf16 = p->math == GPU_MATH_BF16;

    TRY(p->is_right_transposed ? describe_matrix(is_bf16, p->n, p->k, &plan->first)
                               : describe_matrix(is_bf16, p->k, p->n, &plan->first));
    TRY(p->is_left_transposed ? describe_matrix(is_bf16, p->k, p->m, &plan->second)
                              : describe_matrix(is_bf16, p->m, p->k, &plan->second));
    TRY(describe_matrix(p->is_out_bf16, p->m, p->n, &plan->result));
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

/* The first algorithm that cuBLASLt proposes: a function of shapes, GPU model and version. */
static enum status choose(struct gpu_context *context, struct product_plan *plan)
{
    enum status status = STATUS_OK;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t found = {0};
    const struct gpu_product *p = &plan->product;
    int n = 0, id = 0;

    TRY(cublas_check(cublasLtMatmulPreferenceCreate(&preference)));
    TRY(set_preference(preference, (uint32_t)p->alignment));
    TRY(cublas_check(cublasLtMatmulAlgoGetHeuristic(context->cublas, plan->operation, plan->first,
                                                    plan->second, plan->result, plan->result,
                                                    preference, 1, &found, &n)));
    if (n == 0)
        TRY(fail(STATUS_UNSUPPORTED, "cuBLASLt has no product [%lld, %lld] of [%lld]",
                 (long long)p->m, (long long)p->n, (long long)p->k));
    plan->algorithm = found.algo;
    plan->base.workspace_bytes = found.workspaceSize;
    TRY(cublas_check(cublasLtMatmulAlgoConfigGetAttribute(&found.algo, CUBLASLT_ALGO_CONFIG_ID, &id,
                                                          sizeof id, NULL)));
    snprintf(plan->base.name, sizeof plan->base.name, "cublasLt algorithm %d", id);
done:
    if (preference != NULL)
        (void)cublasLtMatmulPreferenceDestroy(preference);
    return status;
}

static enum status fill(struct gpu_context *context, struct gpu_plan *base, const void *wanted)
{
    enum status status = STATUS_OK;
    struct product_plan *plan = (struct product_plan *)base;

    plan->product = *(const struct gpu_product *)wanted;
    TRY(describe_operation(plan));
    TRY(describe_matrices(plan));
    TRY(choose(context, plan));
done:
    return status;
}

const struct planner planner_product = {sizeof(struct product_plan), fill, run, destroy};
