/* results.h5: the table of runs, the points of the grid, every run's history, and links to the
 * runs' own files. */
#include "store/results/results.h"

#include "store/hdf5_file.h"
#include "store/results/results_rows.h"

#include <assert.h>
#include <string.h>

static const char format_name[] = "prunelora-results";
enum { FORMAT_VERSION = 1 };

static enum status put_points(hid_t file, const struct results *results)
{
    const struct hdf5_array points = {.name = "points",
                                      .units = "1",
                                      .long_name = "row of /runs for each point of the grid",
                                      .memory_type = H5T_NATIVE_INT64,
                                      .file_type = H5T_STD_I64LE,
                                      .values = results->points,
                                      .n = results->n_points};

    return hdf5_put_array(file, &points);
}

static enum status put_history(hid_t file, const struct result_history *history)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID;
    struct hdf5_array array = {.name = "run",
                               .units = "1",
                               .long_name = "row of /runs",
                               .memory_type = H5T_NATIVE_INT64,
                               .file_type = H5T_STD_I64LE,
                               .values = history->run,
                               .n = history->n_rows,
                               .is_compressed = true};

    TRY(hdf5_create_group(file, "history", &group));
    TRY(hdf5_put_array(group, &array));
    array.memory_type = H5T_NATIVE_DOUBLE;
    array.file_type = H5T_IEEE_F64LE;
    for (int64_t i = 0; i < history->n_columns; i++) {
        const struct run_series *column = &history->columns[i];
        assert(column->n == history->n_rows);
        array.name = array.long_name = column->name;
        array.units = column->units;
        array.values = column->values;
        TRY(hdf5_put_array(group, &array));
    }
done:
    hdf5_close(group);
    return status;
}

static enum status put_links(hid_t file, const struct results *results)
{
    enum status status = STATUS_OK;
    hid_t group = H5I_INVALID_HID, creation = H5I_INVALID_HID;

    TRY(hdf5_create_group(file, "run", &group));
    TRY(hdf5_check(creation = H5Pcreate(H5P_LINK_CREATE)));
    TRY(hdf5_check(H5Pset_create_intermediate_group(creation, 1))); /* a name may hold a slash */
    for (int64_t i = 0; i < results->n_links; i++) {
        const struct result_link *link = &results->links[i];
        status = hdf5_check(
            H5Lcreate_external(link->target, "/", group, link->name, creation, H5P_DEFAULT));
        if (status != STATUS_OK) {
            status = fail_context(status, "/run/%s", link->name);
            goto done;
        }
    }
done:
    hdf5_close(creation);
    hdf5_close(group);
    return status;
}

static enum status compose(hid_t file, const struct results *results)
{
    enum status status = STATUS_OK;

    for (int64_t i = 0; i < results->n_attributes; i++)
        TRY(hdf5_put_text(file, results->attribute_names[i], results->attribute_values[i]));
    TRY(results_rows_put(file, results));
    TRY(put_points(file, results));
    TRY(put_history(file, &results->history));
    TRY(put_links(file, results));
done:
    return status;
}

enum status results_write(const char *path, const struct results *results)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_compose(format_name, FORMAT_VERSION, &file);

    return status == STATUS_OK ? hdf5_finish(file, compose(file, results), path) : status;
}

static enum status get_points(hid_t file, struct arena *arena, struct results *out)
{
    enum status status = STATUS_OK;
    struct hdf5_values points = {0};

    TRY(hdf5_get_array(file, "points", H5T_NATIVE_INT64, arena, &points));
    out->points = points.values;
    out->n_points = points.n;
    for (int64_t i = 0; i < out->n_points; i++)
        if (out->points[i] < -1 || out->points[i] >= out->n_rows)
            TRY(fail(STATUS_BAD_DATA, "point %lld is row %lld, but /runs has %lld", (long long)i,
                     (long long)out->points[i], (long long)out->n_rows));
done:
    return status;
}

static enum status get_results(hid_t file, struct arena *arena, struct results *out)
{
    enum status status = STATUS_OK;
    struct results results = {0};

    TRY(results_rows_get(file, arena, &results));
    TRY(get_points(file, arena, &results));
    *out = results;
done:
    return status;
}

enum status results_read(const char *path, struct arena *arena, struct results *out)
{
    hid_t file = H5I_INVALID_HID;
    enum status status = hdf5_open(path, format_name, FORMAT_VERSION, &file);

    if (status != STATUS_OK)
        return status;
    return hdf5_finish_reading(file, get_results(file, arena, out), path);
}
