"""Choosing a device, and one that fails: the reason is said, the run is repeated by a fresh trainer to the same
bits, and a rank without a GPU of its own leaves the runs to the others.

usage: device.py PRUNELORA PRUNELORA_WITH_CUDA_HOST
"""

import json
import pathlib
import sys

from cli import Program, fail, skip

try:
    import h5py
except ImportError as error:
    skip(str(error))

BASE = """name: base
config:
  model: {arch: resnet20}
  data: {dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  base.train: {epochs: 1, batch_size: 10}
"""
SWEEP = """name: small
config:
  model: {arch: resnet20, weights: base.h5}
  data: {dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}
  forget.class: 3
  eval.batch_size: 10
  train: {epochs: 1, batch_size: 5}
  base.train: {epochs: 1, batch_size: 10}
parameters:
  unlearn.method: {values: [original, lora]}
resources: {threads: 1}
"""


def weights(folder):
    found = {}
    for path in sorted(folder.rglob("weights.h5")):
        with h5py.File(path) as file:
            found.update({name: file[name][()].tobytes() for name in file})
    return found


def check_choices(program):
    code, _, err = program.run("sweep", "sweep.yaml", "--device", "gpu")
    if code != 2 or "unknown device 'gpu'; choose auto, cuda, cpu or ref" not in err:
        fail(f"--device gpu: exit {code}\n{err}")
    if pathlib.Path("/proc/driver/nvidia/version").exists():
        print("this machine has a driver: its absence is not tested")
        return
    program.environment["PRUNELORA_CUDA_MODULE"] = str(program.folder / "none.so")
    for arguments in (("sweep", "sweep.yaml", "--out", "none", "--device", "cuda"),
                      ("eval", "--model", "resnet20", "--weights", "base.h5", "--data", "data", "--device", "cuda")):
        code, out, err = program.run(*arguments)
        if code == 0 or "device 'cuda' is not in this build" not in out + err:
            fail(f"{arguments[0]} --device cuda without a GPU: exit {code}\n{out}{err}")
    print("ok what is not there is said")


def check_gpu_numbers(program):
    """--gpu of the commands that compute in this process."""
    evaluate = ("eval", "--model", "resnet20", "--weights", "base.h5", "--data", "data")
    for arguments, text in (
            (("--device", "cpu", "--gpu", "1"), "--gpu 1 chooses a GPU, but --device cpu computes on none"),
            (("--device", "cuda_host", "--gpu", "-1"), "--gpu expects a number from 0 on, got -1"),
            (("--device", "cuda_host", "--gpu", "3"), "GPU 3 was asked for, but this machine shows 3")):
        for command in (evaluate, ("train", "base.yaml", "--out", "none.h5")):
            code, out, err = program.run(*command, *arguments)
            if code == 0 or text not in out + err:
                fail(f"{command[0]} {' '.join(arguments)}: exit {code}\n{out}{err}")
    if (program.folder / "none.h5").exists():
        fail("train left weights behind a GPU that is not there")
    program.must("train", "base.yaml", "--out", "second.h5", "--device", "cuda_host", "--gpu", "2")
    if [device for device in devices_of(program.folder / "second.h5.run") if "(GPU 2)" not in device]:
        fail("train --gpu 2 computed elsewhere")
    print("ok --gpu")


def check_repeated(program):
    _, out, err = program.run("sweep", "sweep.yaml", "--out", "well", "--device", "cuda_host")
    if (out + err).count("2 of the 3 GPUs of this machine stay idle: 1 rank runs here") != 1:
        fail(f"one rank, three GPUs: not said once\n{out}{err}")
    del program.environment["PRUNELORA_TEST_GPUS"]
    program.environment["PRUNELORA_TEST_FAULT"] = f"graph_launch:1:{program.folder}/fault"
    program.must("sweep", "sweep.yaml", "--out", "ill", "--device", "cuda_host")
    del program.environment["PRUNELORA_TEST_FAULT"]
    journal = (program.folder / "ill" / "journal.jsonl").read_text()
    if "graph_launch: made to fail: an illegal memory access" not in journal:
        fail(f"the journal does not tell of the failure:\n{journal}")
    if not weights(program.folder / "well") or weights(program.folder / "well") != weights(program.folder / "ill"):
        fail("the repeated run ended in other bits")
    for device in devices_of(program.folder / "well"):
        if not device.startswith("cuda_host, host substitute (GPU 0), "):
            fail(f"device in run.h5: {device}")
    print("ok a device error ends a trainer, the run is repeated to the same bits")


def devices_of(folder):
    found = set()
    for path in folder.rglob("run.h5"):
        with h5py.File(path) as file:
            device = file.attrs["device"]
        found.add(device.decode() if isinstance(device, bytes) else device)
    return found


def check_precision(program):
    arguments = ("sweep", "sweep.yaml", "--set", "precision=bf16", "--set", "unlearn.method=lora")
    code, out, err = program.run(*arguments, "--out", "cpu16", "--device", "cpu")
    if code == 0 or "device 'cpu' does not compute in precision bf16; choose precision: fp32, or a GPU" not in out + err:
        fail(f"bf16 on the CPU: exit {code}\n{out}{err}")
    program.must(*arguments, "--out", "gpu16", "--device", "cuda_host")
    if [device for device in devices_of(program.folder / "gpu16") if ", bf16, " not in device] or not weights(
            program.folder / "gpu16"):
        fail(f"bf16: {devices_of(program.folder / 'gpu16')}")
    if weights(program.folder / "gpu16") == weights(program.folder / "well"):
        fail("bf16 left the same bits as fp32")
    print("ok a precision is computed in, or refused")


def check_more_ranks_than_gpus(program):
    code, out, err = program.run("sweep", "sweep.yaml", "--out", "two", "--device", "cuda_host", ranks=2)
    if code != 0 or "this rank would compute on GPU 1 of its machine, which shows 1" not in out + err:
        fail(f"two ranks, one GPU: exit {code}\n{out}{err}")
    rows = json.loads(program.must("report", "two", "--format", "json"))
    if [row["state"] for row in rows if "state" in row] and any(row["state"] != "done" for row in rows):
        fail(f"two ranks, one GPU: {rows}")
    if weights(program.folder / "two") != weights(program.folder / "well"):
        fail("two ranks, one GPU: other bits")
    print("ok a rank without a GPU leaves the runs to the others")


def main():
    with Program(sys.argv[1]) as program:
        program.must("data", "synth", "--out", "data", "--train", 10, "--test", 10)
        (program.folder / "sweep.yaml").write_text(SWEEP)
        (program.folder / "base.yaml").write_text(BASE)
        program.must("train", "base.yaml", "--out", "base.h5")
        check_choices(program)
        program.binary = str(pathlib.Path(sys.argv[2]).resolve())
        program.environment["PRUNELORA_TEST_GPUS"] = "3"
        check_gpu_numbers(program)
        check_repeated(program)
        check_precision(program)
        check_more_ranks_than_gpus(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
