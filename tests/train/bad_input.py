"""Bad input: each mistake gets a message that names it, its exit code, and nothing is written.

usage: bad_input.py PRUNELORA
"""

import pickle
import sys
import zipfile

from cli import Program
from small_sweep import HEAD, prepare

GOOD = HEAD + """  train: {epochs: 1, batch_size: 32}
parameters:
  unlearn.method: {values: [finetune, lora]}
  forget.class: 3
"""


class Evil:
    def __reduce__(self):
        import os
        return os.system, ("touch evil",)


def damage(folder):
    """Beside the good files, bad ones."""
    with zipfile.ZipFile(folder / "evil.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil(), protocol=2))
        archive.writestr("archive/version", "3\n")
    whole = (folder / "base.h5").read_bytes()
    (folder / "cut.h5").write_bytes(whole[: len(whole) // 2])
    cut = folder / "cut"
    cut.mkdir()
    for source in (folder / "data").iterdir():
        (cut / source.name).write_bytes(source.read_bytes())
    batch = cut / "data_batch_2.bin"
    batch.write_bytes(batch.read_bytes()[:-100])


def cases():
    def edit(old, new):
        assert old in GOOD, old
        return GOOD.replace(old, new)

    manual = "data: {dataset: cifar10, path: data, mean: [.5, .5, .5], std: [.2, .2, .2]}"
    given = edit("data: {dataset: cifar10, path: data}", manual)
    return [
        # (name, sweep text, --set …, words that must appear in the message)
        ("unknown setting", edit("epochs: 1", "epoch: 1"), [], ["bad.yaml:5:", "train.epoch", "train.epochs"]),
        ("wrong type", edit("epochs: 1", "epochs: many"), [], ["bad.yaml:5:", "train.epochs", "many"]),
        ("sparsity out of range", GOOD + "  prune.sparsity: [0.5, 1.2]\n", [], ["bad.yaml:9:", "prune.sparsity", "1.2"]),
        ("class the data lacks", edit("forget.class: 3", "forget.class: 10"), [], ["forget.class", "10"]),
        ("missing weights", edit("base.h5", "nowhere.h5"), [], ["nowhere.h5"]),
        ("weights of another architecture", edit("resnet20", "resnet32"), [], ["base.h5", "layer1.3.conv1.weight"]),
        ("truncated weights", given.replace("base.h5", "cut.h5"), [], ["cut.h5"]),
        ("hostile pickle", given.replace("base.h5", "evil.pth"), [], ["evil.pth", "system"]),
        ("truncated data", edit("path: data", "path: cut"), [], ["data_batch_2.bin"]),
        ("empty list", edit("[finetune, lora]", "[]"), [], ["bad.yaml:7:", "unlearn.method"]),
        ("duplicate key", GOOD + "  forget.class: 4\n", [], ["bad.yaml:9:", "forget.class"]),
        ("unknown method", edit("lora]", "laro]"), [], ["laro", "lora"]),
        ("not YAML", "name: [\n", [], ["bad.yaml:"]),
        ("wrong --set", GOOD, ["--set", "train.lr=fast"], ["train.lr", "fast"]),
        ("unknown --set", GOOD, ["--set", "trian.lr=1"], ["trian.lr", "train.lr"]),
    ]


def check(program, name, text, sets, words):
    bad = program.folder / "bad.yaml"
    bad.write_text(text)
    before = program.files()
    code, out, err = program.run("sweep", "bad.yaml", "--out", "out", *sets)
    problems = [f"'{word}' is not in the message" for word in words if word not in err]
    if code != 2:
        problems.append(f"exit {code}, wanted 2")
    if program.files() != before:
        problems.append(f"wrote {sorted(set(program.files()) - set(before))}")
    if problems:
        print(f"FAILED {name}: {'; '.join(problems)}\n{out}{err}")
        return 1
    print(f"ok {name}: {err.strip().splitlines()[0]}")
    return 0


def check_unwritable(program):
    """A file where the results folder should be: root may write everywhere, so permissions prove nothing."""
    (program.folder / "good.yaml").write_text(GOOD)
    (program.folder / "taken").write_text("a file")
    before = program.files()
    code, out, err = program.run("sweep", "good.yaml", "--out", "taken/results")
    if code != 3 or "taken" not in err or program.files() != before:
        print(f"FAILED unwritable folder: exit {code}\n{out}{err}")
        return 1
    print(f"ok unwritable folder: {err.strip().splitlines()[0]}")
    return 0


def check_ranks(program):
    """On several ranks one rank speaks, all end, and mpirun passes the exit code on."""
    (program.folder / "bad.yaml").write_text(GOOD.replace("epochs: 1", "epoch: 1"))
    before = program.files()
    code, out, err = program.run("sweep", "bad.yaml", "--out", "out", ranks=3)
    if code != 2 or err.count("unknown setting") != 1 or program.files() != before:
        print(f"FAILED bad input on 3 ranks: exit {code}\n{out}{err}")
        return 1
    print("ok bad input on 3 ranks")
    return 0


def main():
    with Program(sys.argv[1]) as program:
        prepare(program, GOOD.removeprefix(HEAD), images=(60, 20))
        damage(program.folder)
        failed = sum(check(program, *case) for case in cases()) + check_unwritable(program)
        failed += check_ranks(program)
        print(f"{len(cases()) + 2 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
