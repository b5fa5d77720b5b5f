/* Which oneDNN this is and which instructions it uses here. */
#include "kernels/cpu/cpu.h"

#include <dnnl.h>
#include <stdio.h>

static const char *isa_name(void)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } names[] = {
        {dnnl_cpu_isa_avx512_core_amx, "AVX-512 with AMX"},
        {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 with bf16"},
        {dnnl_cpu_isa_avx512_core_vnni, "AVX-512 with VNNI"},
        {dnnl_cpu_isa_avx512_core, "AVX-512"},
        {dnnl_cpu_isa_avx2_vnni, "AVX2 with VNNI"},
        {dnnl_cpu_isa_avx2, "AVX2"},
        {dnnl_cpu_isa_avx, "AVX"},
        {dnnl_cpu_isa_sse41, "SSE4.1"},
    };
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].isa == isa)
            return names[i].name;
    return "plain C++";
}

void cpu_describe(char *text, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();

    snprintf(text, bytes, "oneDNN %d.%d.%d, %s", version->major, version->minor, version->patch,
             isa_name());
}
