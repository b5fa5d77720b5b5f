/* Errors. Every fallible function returns `enum status`; only fail() makes a status that is not OK.
 * It keeps one message per thread, lower case and without full stop: the fact first, then got and
 * wanted. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

/* Journals hold these numbers: new ones go to the end. */
enum status {
    STATUS_OK = 0,
    STATUS_BAD_CONFIG,    /* the user's settings are wrong                     → exit 2 */
    STATUS_BAD_DATA,      /* a file's content is wrong                         → exit 2 */
    STATUS_IO,            /* the machine refused to read or write              → exit 3 */
    STATUS_OUT_OF_MEMORY, /* host or device                                    → exit 3 */
    STATUS_DEVICE,        /* a numeric library or device failed                → exit 3 */
    STATUS_COMM,          /* MPI, a pipe, a lost process                       → exit 3 */
    STATUS_UNSUPPORTED,   /* asked for something this build or backend lacks   → exit 3 */
    STATUS_DIVERGED,      /* NaN or Inf in a loss                              → exit 1 */
    STATUS_CANCELLED,     /* stopped on request with work left                 → exit 75 */
    STATUS_STORAGE,       /* where results go is full, read-only or broken     → exit 3 */
    STATUS_CHANGED_INPUT, /* a file is not what the sweep was planned with     → exit 3 */
};
enum { N_STATUSES = STATUS_CHANGED_INPUT + 1 };

#define CHECKED __attribute__((warn_unused_result))

/* Jumps to the function's one cleanup label, `done`, when `expression` is not OK. Needs a local
 * `status`. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != STATUS_OK)                                                                   \
            goto done;                                                                             \
    } while (0)

/* As TRY for functions that return memory or NULL (having called fail themselves). */
#define TRY_ALLOC(pointer, expression)                                                             \
    do {                                                                                           \
        (pointer) = (expression);                                                                  \
        if ((pointer) == NULL) {                                                                   \
            status = STATUS_OUT_OF_MEMORY;                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Stores the message (with the place in our source) in this thread's record and returns `code`. */
#ifdef __clang_analyzer__ /* which cannot see that what comes back is never STATUS_OK */
#define fail(code, ...) (fail_at((code), __FILE__, __LINE__, __VA_ARGS__), (code))
#else
#define fail(code, ...) fail_at((code), __FILE__, __LINE__, __VA_ARGS__)
#endif
enum status fail_at(enum status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts where the caller was before the message: "run 0042-…: <message>". Returns `code` unchanged.
 */
enum status fail_context(enum status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum { STATUS_MESSAGE_BYTES = 2048 };
const char *status_message(void);       /* this thread's last message; "" if there was none */
const char *status_origin(void);        /* "src/store/pickle/pickle.c:123" of the last fail */
int status_exit_code(enum status code); /* 0, 1, 2, 3 or 75 as above */

#endif
