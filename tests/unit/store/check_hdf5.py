"""Reads what results.c wrote with h5py and pandas, knowing nothing of our code.

usage: check_hdf5.py FOLDER      exit 77 when h5py or pandas is not installed
"""

import json
import math
import pathlib
import sys

try:
    import h5py
    import numpy
    import pandas
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)


def check_results(path):
    with h5py.File(path) as file:
        frame = pandas.DataFrame(file["runs"][:])
        assert list(frame.columns) == ["id", "attempt", "prune.sparsity", "UA", "error"], frame
        assert list(frame["id"]) == [b"0a1b", b"22", b"ffeeddcc"], frame
        assert frame["attempt"].dtype == numpy.int64 and frame["UA"].dtype == numpy.float64
        assert list(frame["attempt"]) == [1, 2, 2**63 - 1]
        assert frame["UA"][0] == 0.5 and math.isnan(frame["UA"][1]) and frame["UA"][2] == 1
        assert frame["error"][1].decode() == "Größe passt nicht: 3×3" and frame["error"][2] == b""
        assert json.loads(file["runs"].attrs["units"])["UA"] == "1"
        assert json.loads(file["runs"].attrs["long_name"])["UA"] == "1 − accuracy on D_f"
        assert list(file["points"][:]) == [0, 1, 1, 2] and file["points"].dtype == numpy.int64
        assert file["points"].attrs["long_name"] == "row of /runs for each point of the grid"
        history = file["history"]
        assert list(history["run"][:]) == [0, 0, 1, 1, 2] and history["run"].dtype == numpy.int64
        assert history["loss"].compression == "gzip" and history["loss"].chunks is not None
        assert history["loss"].attrs["units"] == "nats" and math.isnan(history["loss"][3])
        for name, wanted in {"format": "prunelora-results", "format_version": 1, "sweep": "method: [lora]\n",
                             "command": "prunelora sweep x.yaml"}.items():
            assert file.attrs[name] == wanted, (name, file.attrs[name])
        assert file.attrs["program"].startswith("prunelora ") and file.attrs["created"].endswith("Z")
        assert "commit" in file.attrs and file.attrs["hdf5"].count(".") == 2
        link = file.get("run/lora", getlink=True)
        assert isinstance(link, h5py.ExternalLink) and link.filename == "runs/22/a2/run.h5"
        assert file["run/prune_lora/s=0.5"].attrs["id"] == "0a1b"  # follows the link


def check_run(path):
    with h5py.File(path) as file:
        assert file.attrs["state"] == "done" and file.attrs["attempt"] == 1
        assert json.loads(file.attrs["settings"]) == {"method": "prune_lora"}
        result = file["result"].attrs
        assert result["UA"] == 0.75 and math.isnan(result["js_to_retrain"])
        assert json.loads(result["units"])["seconds_train"] == "s"
        assert list(file["history/epoch"][:]) == [0, 1, 0, 1, 0]
        train = file["samples/train"]
        assert train["loss"].dtype == numpy.float32 and train["loss"][1] == 2.5
        assert list(train["label"][:]) == [3, 4, 5, 99] and list(train["part"][:]) == [0, 1, 1, 0]
        classes = file["classes/train"]
        assert classes["confusion"][:].tolist() == [[5, 0, 1], [2, 3, 0], [0, 0, 2**40]]
        assert classes["confusion"].dtype == numpy.int64 and classes["confusion"].attrs["units"] == "images"
        assert list(classes["accuracy"][:2]) == [0.75, 0.6] and math.isnan(classes["accuracy"][2])
        assert "(row)" in classes["confusion"].attrs["long_name"] and classes["accuracy"].attrs["long_name"]
        assert file["classes/test/confusion"][:].tolist() == [[5]]
        assert train["margin"].attrs["long_name"] and file["samples/test/loss"].shape == (0,)


def check_weights(path):
    with h5py.File(path) as file:
        assert list(file["/"]) == ["fc.weight", "bn.num_batches_tracked"]
        assert file["fc.weight"].dtype == numpy.float32 and file["fc.weight"].compression is None
        assert file["fc.weight"][:].tolist() == [[1, 2, 3], [4, 5, 6]]
        assert file["bn.num_batches_tracked"][()] == 7


def main():
    folder = pathlib.Path(sys.argv[1])
    check_results(folder / "results.h5")
    check_run(folder / "runs/0a1b/a1/run.h5")
    check_weights(folder / "weights.h5")
    return 0


if __name__ == "__main__":
    sys.exit(main())
