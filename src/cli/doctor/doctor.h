/* What `prunelora doctor` looks at: one probe per finding, one row each in doctor.c's table. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "dispatch/supervise/cores.h"

enum verdict {
    VERDICT_FINE,
    VERDICT_ABSENT, /* not there, and not needed by this build */
    VERDICT_NOTE,   /* works, and could be better */
    VERDICT_BROKEN, /* sweeps will not run */
};

struct finding {
    enum verdict verdict;
    char found[512];
    char advice[512]; /* what it means here and what to do; "" when nothing */
};

struct patient {
    const char *folder; /* of results */
    struct cores cores; /* those trainers may use */
};

typedef void probe(const struct patient *patient, struct finding *out);

/* Fill in the finding: verdict, then printf-like. */
void found(struct finding *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void advise(struct finding *out, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The machine (doctor_machine.c). */
probe probe_processor, probe_ranks, probe_memory, probe_folder, probe_matmul, probe_copy;
probe probe_gpu_matmul, probe_gpu_bf16, probe_gpu_copy;
/* Programs and libraries (doctor_software.c). */
probe probe_program, probe_mpi, probe_launcher, probe_numeric, probe_hdf5, probe_readers;
probe probe_driver, probe_cuda, probe_gpu, probe_slurm;

#endif
