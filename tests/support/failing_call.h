/* Makes a chosen system call of the program fail, so that error paths run. The test's target needs
 * wrap_system_calls(target) in its CMakeLists.txt. */
#ifndef SUPPORT_FAILING_CALL_H
#define SUPPORT_FAILING_CALL_H

enum failing_call {
    CALL_WRITE,
    CALL_FSYNC,
    CALL_CLOSE,
    CALL_RENAME,
    CALL_READ,
    CALL_ALLOCATE, /* aligned_alloc: an arena's */
    N_FAILING_CALLS
};

/* The n-th (from 1) such call from now on fails once with `error`; the others do their work. */
void failing_call_arm(enum failing_call call, int nth, int error);
/* Each write from now on moves at most `bytes`; 0: as many as asked for. */
void failing_call_limit_writes(int bytes);
void failing_call_disarm(void); /* all */

#endif
