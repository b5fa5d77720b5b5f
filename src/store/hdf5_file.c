/* HDF5 files as images in memory: making, writing, verifying, opening. */
#include "store/hdf5_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Our files end with this line, behind what HDF5 itself considers the file; every HDF5 program
 * ignores it, and one that changes the file overwrites or drops it. */
static const char trailer_start[] = "\nprunelora crc32 ";
enum { TRAILER_START = sizeof trailer_start - 1, TRAILER_BYTES = TRAILER_START + 8 + 1 };

struct first_error { /* the innermost entry of the library's error stack */
    char text[512];
    bool is_memory;
};

static herr_t note_error(unsigned n, const H5E_error2_t *error, void *context)
{
    struct first_error *first = context;

    if (n == 0) {
        snprintf(first->text, sizeof first->text, "%s", error->desc != NULL ? error->desc : "?");
        first->is_memory = error->maj_num == H5E_RESOURCE;
    }
    return 0;
}

enum status hdf5_result(int64_t result, const char *expression)
{
    struct first_error first = {.text = "no reason given"};

    if (result >= 0)
        return STATUS_OK;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_error, &first);
    return fail(first.is_memory ? STATUS_OUT_OF_MEMORY : STATUS_BAD_DATA, "HDF5: %s (%s)",
                first.text, expression);
}

void hdf5_close(hid_t id)
{
    if (id >= 0)
        H5Idec_ref(id);
}

/* Messages come from hdf5_check alone. */
static void silence(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static enum status put_heading(hid_t file, const char *format, int64_t format_version)
{
    enum status status = STATUS_OK;
    char created[32], library[32];

    clock_timestamp(created);
    snprintf(library, sizeof library, "%d.%d.%d", H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
    TRY(hdf5_put_text(file, "format", format));
    TRY(hdf5_put_integer(file, "format_version", format_version));
    TRY(hdf5_put_text(file, "program", "prunelora " PRUNELORA_VERSION));
    TRY(hdf5_put_text(file, "commit", PRUNELORA_COMMIT));
    TRY(hdf5_put_text(file, "created", created));
    TRY(hdf5_put_text(file, "hdf5", library));
done:
    return status;
}

enum status hdf5_compose(const char *format, int64_t format_version, hid_t *out)
{
    enum status status = STATUS_OK;
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t access = H5I_INVALID_HID, creation = H5I_INVALID_HID, file = H5I_INVALID_HID;

    silence();
    TRY(hdf5_check(access = H5Pcreate(H5P_FILE_ACCESS)));
    TRY(hdf5_check(H5Pset_fapl_core(access, 1 << 20, 0)));
    /* The 1.8 format: checksummed metadata, creation order at the root, readable everywhere. */
    TRY(hdf5_check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18)));
    TRY(hdf5_check(creation = H5Pcreate(H5P_FILE_CREATE)));
    TRY(hdf5_check(H5Pset_link_creation_order(creation, order)));
    TRY(hdf5_check(H5Pset_attr_creation_order(creation, order)));
    TRY(hdf5_check(file = H5Fcreate("in memory", H5F_ACC_TRUNC, creation, access)));
    TRY(put_heading(file, format, format_version));
    *out = file;
    file = H5I_INVALID_HID; /* handed over */
done:
    hdf5_close(file);
    hdf5_close(creation);
    hdf5_close(access);
    return status;
}

static void make_trailer(const void *bytes, int64_t n, char trailer[TRAILER_BYTES + 1])
{
    snprintf(trailer, TRAILER_BYTES + 1, "%s%08x\n", trailer_start,
             (unsigned)crc32_bytes(bytes, (size_t)n));
}

/* Not a copy by H5Fget_file_image: in HDF5 1.10 it clears a flag of the superblock behind its
 * checksum. */
static enum status borrow_image(hid_t file, const void **out, int64_t *n)
{
    enum status status = STATUS_OK;
    hid_t access = H5I_INVALID_HID;
    ssize_t bytes = 0;
    void *handle = NULL;

    TRY(hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL)));
    TRY(hdf5_check(access = H5Fget_access_plist(file)));
    TRY(hdf5_check(H5Fget_vfd_handle(file, access, &handle)));
    TRY(hdf5_check(bytes = H5Fget_file_image(file, NULL, 0))); /* asks for the length only */
    *out = *(void **)handle; /* the core driver's handle is the address of its memory */
    *n = bytes;
done:
    hdf5_close(access);
    return status;
}

static enum status write_image(hid_t file, const char *path)
{
    enum status status = STATUS_OK;
    const void *borrowed = NULL;
    int64_t n = 0;
    char *image = NULL;

    TRY(borrow_image(file, &borrowed, &n));
    TRY_ALLOC(image, heap_alloc(n + TRAILER_BYTES + 1, 1));
    memcpy(image, borrowed, (size_t)n);
    make_trailer(image, n, image + n);
    TRY(file_write(path, image, (size_t)(n + TRAILER_BYTES)));
done:
    free(image);
    return status;
}

enum status hdf5_finish(hid_t file, enum status composed, const char *path)
{
    enum status status =
        composed == STATUS_OK ? write_image(file, path) : fail_context(composed, "'%s'", path);

    hdf5_close(file);
    return status;
}

/* A checksum line that is there must be right; a file without one is another program's. */
static enum status check_trailer(const char *bytes, int64_t n)
{
    char wanted[TRAILER_BYTES + 1];
    int64_t body = n - TRAILER_BYTES;

    if (body < 0 || memcmp(bytes + body, trailer_start, TRAILER_START) != 0)
        return STATUS_OK;
    make_trailer(bytes, body, wanted);
    if (memcmp(bytes + body, wanted, TRAILER_BYTES) != 0)
        return fail(STATUS_BAD_DATA, "is damaged: its checksum is not that of its content");
    return STATUS_OK;
}

enum status hdf5_open_image(const void *bytes, int64_t n, hid_t *out)
{
    enum status status = STATUS_OK;
    hid_t access = H5I_INVALID_HID, file = H5I_INVALID_HID;

    silence();
    TRY(check_trailer(bytes, n));
    TRY(hdf5_check(access = H5Pcreate(H5P_FILE_ACCESS)));
    TRY(hdf5_check(H5Pset_fapl_core(access, 1 << 20, 0)));
    TRY(hdf5_check(H5Pset_file_image(access, (void *)(uintptr_t)bytes, (size_t)n)));
    TRY(hdf5_check(file = H5Fopen("in memory", H5F_ACC_RDONLY, access)));
    *out = file;
done:
    hdf5_close(access);
    return status;
}

static enum status check_format(hid_t file, const char *format, int64_t format_version)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    const char *found = NULL;
    int64_t version = 0;

    TRY(arena_create(&arena));
    TRY(hdf5_get_text(file, "format", arena, &found));
    if (strcmp(found, format) != 0)
        TRY(fail(STATUS_BAD_DATA, "is of format '%.60s', expected '%s'", found, format));
    TRY(hdf5_get_integer(file, "format_version", &version));
    if (version > format_version)
        TRY(fail(STATUS_BAD_DATA,
                 "has version %lld of format '%s', but this program reads up to %lld; read it with "
                 "the program that wrote it or a newer one",
                 (long long)version, format, (long long)format_version));
done:
    arena_destroy(arena);
    return status;
}

enum status hdf5_finish_reading(hid_t file, enum status status, const char *path)
{
    hdf5_close(file);
    return status != STATUS_OK ? fail_context(status, "'%s'", path) : STATUS_OK;
}

enum status hdf5_open(const char *path, const char *format, int64_t format_version, hid_t *out)
{
    enum status status = STATUS_OK;
    char *bytes = NULL;
    int64_t n = 0;
    hid_t file = H5I_INVALID_HID;

    TRY(file_read(path, &bytes, &n));
    status = hdf5_open_image(bytes, n, &file);
    if (status == STATUS_OK)
        status = check_format(file, format, format_version);
    if (status == STATUS_OK)
        *out = file;
    else
        status = hdf5_finish_reading(file, status, path);
done:
    free(bytes);
    return status;
}
