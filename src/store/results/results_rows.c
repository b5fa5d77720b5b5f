/* Columns are packed into rows here, with texts of fixed length (the longest of the column, UTF-8,
 * zero-padded): numpy and pandas read such a table without help, variable-length texts would come
 * as objects. The columns of a compound type cannot carry attributes, so `units` and `long_name`
 * of the data set are JSON objects by column name. */
#include "store/results/results_rows.h"

#include "store/hdf5_file.h"
#include "store/results/column_notes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct row_layout { /* of one row in memory */
    size_t *offsets, *widths;
    size_t row_bytes;
    hid_t type; /* owned */
};

static size_t longest_text(const struct result_column *column, int64_t n_rows)
{
    size_t longest = 1; /* HDF5 knows no text of length 0 */

    for (int64_t i = 0; i < n_rows; i++) {
        size_t length = column->texts[i] != NULL ? strlen(column->texts[i]) : 0;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static enum status layout_alloc(struct row_layout *layout, struct arena *arena, int64_t n_columns)
{
    enum status status = STATUS_OK;

    TRY_ALLOC(layout->offsets, ARENA_ARRAY(arena, n_columns, size_t));
    TRY_ALLOC(layout->widths, ARENA_ARRAY(arena, n_columns, size_t));
done:
    return status;
}

/* Offsets from the widths. */
static void layout_place(struct row_layout *layout, int64_t n_columns)
{
    layout->row_bytes = 0;
    for (int64_t i = 0; i < n_columns; i++) {
        layout->offsets[i] = layout->row_bytes;
        layout->row_bytes += layout->widths[i];
    }
}

static enum status insert_column(hid_t row, const struct result_column *column, size_t offset,
                                 size_t width)
{
    enum status status = STATUS_OK;
    hid_t type = H5I_INVALID_HID;

    if (column->kind == COLUMN_TEXT) {
        TRY(hdf5_check(type = H5Tcopy(H5T_C_S1)));
        TRY(hdf5_check(H5Tset_size(type, width)));
        TRY(hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8)));
        TRY(hdf5_check(H5Tset_strpad(type, H5T_STR_NULLPAD)));
    } else {
        TRY(hdf5_check(
            type = H5Tcopy(column->kind == COLUMN_INTEGER ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE)));
    }
    TRY(hdf5_check(H5Tinsert(row, column->name, offset, type)));
done:
    hdf5_close(type);
    return status != STATUS_OK ? fail_context(status, "column '%s'", column->name) : STATUS_OK;
}

static enum status layout_make_type(struct row_layout *layout, const struct result_column *columns,
                                    int64_t n_columns)
{
    enum status status = STATUS_OK;

    TRY(hdf5_check(layout->type = H5Tcreate(H5T_COMPOUND, layout->row_bytes)));
    for (int64_t i = 0; i < n_columns; i++)
        TRY(insert_column(layout->type, &columns[i], layout->offsets[i], layout->widths[i]));
done:
    return status;
}

static void pack_column(const struct result_column *column, int64_t n_rows, size_t row_bytes,
                        char *first)
{
    for (int64_t i = 0; i < n_rows; i++) {
        char *cell = first + (size_t)i * row_bytes;
        if (column->kind == COLUMN_INTEGER)
            memcpy(cell, &column->integers[i], sizeof(int64_t));
        else if (column->kind == COLUMN_FLOAT)
            memcpy(cell, &column->floats[i], sizeof(double));
        else if (column->texts[i] != NULL) /* the rest of the cell is zero already */
            memcpy(cell, column->texts[i], strlen(column->texts[i]));
    }
}

static enum status put_notes(hid_t dataset, const struct results *results)
{
    enum status status = STATUS_OK;
    struct column_notes notes = {0};

    TRY(column_notes_create(&notes));
    for (int64_t i = 0; i < results->n_columns; i++) {
        const struct result_column *column = &results->columns[i];
        TRY(column_notes_add(&notes, column->name, column->units, column->long_name));
    }
    TRY(column_notes_write(&notes, dataset));
done:
    column_notes_release(&notes);
    return status;
}

static enum status write_rows(hid_t file, const struct row_layout *layout, const char *rows,
                              const struct results *results)
{
    enum status status = STATUS_OK;
    const hsize_t n_rows = (hsize_t)results->n_rows;
    hid_t space = H5I_INVALID_HID, dataset = H5I_INVALID_HID;

    TRY(hdf5_check(space = H5Screate_simple(1, &n_rows, NULL)));
    TRY(hdf5_check(dataset = H5Dcreate2(file, "runs", layout->type, space, H5P_DEFAULT, H5P_DEFAULT,
                                        H5P_DEFAULT)));
    if (n_rows > 0)
        TRY(hdf5_check(H5Dwrite(dataset, layout->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows)));
    TRY(put_notes(dataset, results));
done:
    hdf5_close(dataset);
    hdf5_close(space);
    return status;
}

enum status results_rows_put(hid_t file, const struct results *results)
{
    enum status status = STATUS_OK;
    struct arena *arena = NULL;
    struct row_layout layout = {.type = H5I_INVALID_HID};
    char *rows = NULL;

    assert(results->n_columns > 0);
    TRY(arena_create(&arena));
    TRY(layout_alloc(&layout, arena, results->n_columns));
    for (int64_t i = 0; i < results->n_columns; i++)
        layout.widths[i] = results->columns[i].kind == COLUMN_TEXT
                               ? longest_text(&results->columns[i], results->n_rows)
                               : 8;
    layout_place(&layout, results->n_columns);
    TRY(layout_make_type(&layout, results->columns, results->n_columns));
    TRY_ALLOC(rows, arena_alloc(arena, results->n_rows, layout.row_bytes));
    for (int64_t i = 0; i < results->n_columns; i++)
        pack_column(&results->columns[i], results->n_rows, layout.row_bytes,
                    rows + layout.offsets[i]);
    TRY(write_rows(file, &layout, rows, results));
done:
    hdf5_close(layout.type);
    arena_destroy(arena);
    return status != STATUS_OK ? fail_context(status, "/runs") : STATUS_OK;
}

/* ---- reading ---- */

static enum status describe_member(hid_t type, unsigned i, struct arena *arena,
                                   struct result_column *column, size_t *width)
{
    enum status status = STATUS_OK;
    char *name = H5Tget_member_name(type, i);
    hid_t member = H5I_INVALID_HID;

    if (name == NULL)
        return fail(STATUS_BAD_DATA, "column %u has no name", i);
    TRY_ALLOC(column->name, arena_strdup(arena, name));
    TRY(hdf5_check(member = H5Tget_member_type(type, i)));
    H5T_class_t class = H5Tget_class(member);
    bool is_text = class == H5T_STRING && H5Tis_variable_str(member) == 0;
    if (!is_text && class != H5T_INTEGER && class != H5T_FLOAT)
        TRY(fail(STATUS_BAD_DATA, "column '%s' is neither text of fixed length nor a number",
                 name));
    column->kind = is_text ? COLUMN_TEXT : class == H5T_INTEGER ? COLUMN_INTEGER : COLUMN_FLOAT;
    *width = is_text ? H5Tget_size(member) : 8;
done:
    hdf5_close(member);
    H5free_memory(name);
    return status;
}

static enum status describe_columns(hid_t dataset, struct arena *arena, struct row_layout *layout,
                                    struct results *out)
{
    enum status status = STATUS_OK;
    struct result_column *columns = NULL;
    hid_t type = H5I_INVALID_HID;

    TRY(hdf5_check(type = H5Dget_type(dataset)));
    int n_columns = H5Tget_class(type) == H5T_COMPOUND ? H5Tget_nmembers(type) : -1;
    if (n_columns < 1)
        TRY(fail(STATUS_BAD_DATA, "is not a table"));
    TRY_ALLOC(columns, ARENA_ARRAY(arena, n_columns, struct result_column));
    TRY(layout_alloc(layout, arena, n_columns));
    for (int i = 0; i < n_columns; i++)
        TRY(describe_member(type, (unsigned)i, arena, &columns[i], &layout->widths[i]));
    layout_place(layout, n_columns);
    TRY(layout_make_type(layout, columns, n_columns));
    out->columns = columns;
    out->n_columns = n_columns;
done:
    hdf5_close(type);
    return status;
}

static enum status unpack_texts(struct arena *arena, const char *first, int64_t n_rows,
                                const size_t bytes[2], const char *const **out)
{
    enum status status = STATUS_OK;
    const char **texts = NULL;

    TRY_ALLOC(texts, ARENA_ARRAY(arena, n_rows, const char *));
    for (int64_t i = 0; i < n_rows; i++)
        TRY_ALLOC(texts[i],
                  arena_format(arena, "%.*s", (int)bytes[1], first + (size_t)i * bytes[0]));
    *out = texts;
done:
    return status;
}

static enum status unpack_numbers(struct arena *arena, const char *first, int64_t n_rows,
                                  size_t row_bytes, void **out)
{
    enum status status = STATUS_OK;
    char *numbers = NULL;

    TRY_ALLOC(numbers, arena_alloc(arena, n_rows, 8));
    for (int64_t i = 0; i < n_rows; i++)
        memcpy(numbers + i * 8, first + (size_t)i * row_bytes, 8);
    *out = numbers;
done:
    return status;
}

static enum status unpack(struct arena *arena, const struct row_layout *layout, const char *rows,
                          struct results *out)
{
    enum status status = STATUS_OK;
    struct result_column *columns = (struct result_column *)(uintptr_t)out->columns;

    for (int64_t i = 0; i < out->n_columns; i++) {
        const char *first = rows + layout->offsets[i];
        const size_t bytes[2] = {layout->row_bytes, layout->widths[i]};
        void *numbers = NULL;
        if (columns[i].kind == COLUMN_TEXT) {
            TRY(unpack_texts(arena, first, out->n_rows, bytes, &columns[i].texts));
            continue;
        }
        TRY(unpack_numbers(arena, first, out->n_rows, layout->row_bytes, &numbers));
        columns[i].integers = columns[i].kind == COLUMN_INTEGER ? numbers : NULL;
        columns[i].floats = columns[i].kind == COLUMN_FLOAT ? numbers : NULL;
    }
done:
    return status;
}

static enum status get_notes(hid_t dataset, struct arena *arena, struct results *out)
{
    enum status status = STATUS_OK;
    struct result_column *columns = (struct result_column *)(uintptr_t)out->columns;
    struct column_notes notes = {0};

    TRY(column_notes_read(&notes, dataset));
    for (int64_t i = 0; i < out->n_columns; i++)
        TRY(column_notes_find(&notes, columns[i].name, arena, &columns[i].units,
                              &columns[i].long_name));
done:
    column_notes_release(&notes);
    return status;
}

enum status results_rows_get(hid_t file, struct arena *arena, struct results *out)
{
    enum status status = STATUS_OK;
    struct row_layout layout = {.type = H5I_INVALID_HID};
    hid_t dataset = H5I_INVALID_HID;
    int64_t shape[8] = {0};
    int n_dims = 0;
    char *rows = NULL;

    TRY(hdf5_check(dataset = H5Dopen2(file, "runs", H5P_DEFAULT)));
    TRY(hdf5_shape(dataset, &n_dims, shape, &out->n_rows));
    if (n_dims != 1)
        TRY(fail(STATUS_BAD_DATA, "has %d dimensions, expected one", n_dims));
    TRY(describe_columns(dataset, arena, &layout, out));
    TRY_ALLOC(rows, heap_alloc(out->n_rows, layout.row_bytes));
    if (out->n_rows > 0)
        TRY(hdf5_check(H5Dread(dataset, layout.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows)));
    TRY(unpack(arena, &layout, rows, out));
    TRY(get_notes(dataset, arena, out));
done:
    free(rows);
    hdf5_close(layout.type);
    hdf5_close(dataset);
    return status != STATUS_OK ? fail_context(status, "/runs") : STATUS_OK;
}
