"""Everything of a results folder that must be the same whatever happened on the way to it."""

import h5py

# What tells of the way, not of the result.
WAY = {"attempt", "host", "started", "created", "exit_signal", "error", "seconds_train", "seconds_eval",
       "seconds_other", "images_per_second", "peak_memory", "program", "commit", "command", "time"}


def add_attributes(found, path, holder):
    for name, value in holder.attrs.items():
        if name not in WAY:
            found[f"{path}@{name}"] = value.tobytes() if hasattr(value, "tobytes") else repr(value).encode()


def add_file(found, path, prefix):
    """Every data set and attribute of an HDF5 file."""
    with h5py.File(path) as file:
        add_attributes(found, prefix, file)

        def visit(name, item):
            if name.rsplit("/", 1)[-1] in WAY:
                return
            add_attributes(found, f"{prefix}/{name}", item)
            if isinstance(item, h5py.Dataset):
                found[f"{prefix}/{name}"] = item[()].tobytes()

        file.visititems(visit)


def add_row(found, table, row, run):
    for column in table.dtype.names:
        if column not in WAY:
            value = row[column]
            found[f"{run}/results.h5/{column}"] = value if isinstance(value, bytes) else value.tobytes()


def bits_of(folder):
    """Name → bytes: the rows of results.h5, and of each run the run.h5 and the weights that count. That a run stopped
    early paused first, which its run.h5 tells, is part of the way."""
    found = {}
    with h5py.File(folder / "results.h5") as file:
        table = file["runs"][:]
    for row in table:
        run = row["id"].decode()
        add_row(found, table, row, run)
        attempt = folder / "runs" / run / f"a{int(row['attempt'])}"
        add_file(found, attempt / "run.h5", f"{run}/run.h5")
        if row["state"] == b"stopped_early":
            for name in ("state", "message"):
                del found[f"{run}/run.h5@{name}"]
        if (attempt / "weights.h5").exists():
            add_file(found, attempt / "weights.h5", f"{run}/weights.h5")
    return found


def difference(found, wanted):
    """The first thing in which they differ, or ""."""
    for name in sorted(found.keys() ^ wanted.keys()):
        return f"{name} is only in one of the two"
    for name, value in sorted(wanted.items()):
        if found[name] != value:
            return f"{name} differs"
    return ""
