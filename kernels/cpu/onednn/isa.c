/* The names of the instruction sets that oneDNN may choose. */
#include "kernels/cpu/onednn/library.h"

#include <stddef.h>

static const struct {
    dnnl_cpu_isa_t isa;
    const char *name;
} names[] = {
#if DNNL_VERSION_MAJOR >= 3
    {dnnl_cpu_isa_avx512_core_amx_fp16, "AVX-512 with AMX and fp16"},
    {dnnl_cpu_isa_avx512_core_fp16, "AVX-512 with fp16"},
    {dnnl_cpu_isa_avx2_vnni_2, "AVX2 with VNNI and bf16"},
#endif
    {dnnl_cpu_isa_avx512_core_amx, "AVX-512 with AMX"},
    {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with bf16"},
    {dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI"},
    {dnnl_cpu_isa_avx512_core, "AVX-512"},
    {dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI"},
    {dnnl_cpu_isa_avx2, "AVX2"},
    {dnnl_cpu_isa_avx, "AVX"},
    {dnnl_cpu_isa_sse41, "SSE4.1"},
};

const char *library_isa(void)
{
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].isa == isa)
            return names[i].name;
    return "plain C++";
}
