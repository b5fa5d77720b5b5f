"""Pictures to a data set to results: what PIL makes of the same files, real ones among them; then training, evaluation
and a sweep on images that are not 32 pixels wide.

usage: import_pictures.py PRUNELORA SHARED_DATA
"""

import json
import pathlib
import random
import sys
import tarfile

from cli import Program, fail, skip

try:
    import numpy
    from PIL import Image
except ImportError as missing:
    skip(f"Python module {missing.name} is not installed")

PER_CLASS = {"train": 12, "test": 3}
SIZE = 24
BASE = """name: base
config:
  model: {{arch: resnet20{weights}}}
  data: {{dataset: images, path: data{std}}}
  base.train: {{epochs: 2, batch_size: 16}}
"""
STD = ", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]"
SWEEP = """  train: {epochs: 1, batch_size: 16}
parameters:
  unlearn.method: [original, retrain, finetune, prune_lora]
  forget.class: [1]
resources: {threads: 1}
"""


def read_data(folder):
    """(header, {"train": (labels, images), "test": …}) from the files' description alone"""
    header = json.loads((folder / "images.json").read_text())
    shape = (3, header["height"], header["width"])
    tables = {}
    for name in ("train", "test"):
        records = numpy.fromfile(folder / f"{name}_images.bin", numpy.uint8).reshape(header[name], -1)
        tables[name] = records[:, 0], records[:, 1:].reshape(-1, *shape)
    return header, tables


def by_pil(path, size):
    """Resize(size, antialiased) and CenterCrop(size) of torchvision, in PIL's own words."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    short = min(width, height)
    if short != size:
        image = image.resize((size * width // short, size * height // short), Image.BILINEAR)
    left, top = (round((side - size) / 2) for side in image.size)
    return numpy.asarray(image.crop((left, top, left + size, top + size))).transpose(2, 0, 1)


def compare(what, root, data, size, tolerance):
    header, tables = read_data(data)
    worst, n = 0, 0
    for table, (labels, images) in tables.items():
        paths = [(k, p) for k, name in enumerate(header["classes"]) for p in sorted((root / table / name).iterdir())]
        if [k for k, _ in paths] != labels.tolist():
            fail(f"{what}: labels of {table} are not the classes in order of names")
        for (_, path), image in zip(paths, images):
            worst = max(worst, int(numpy.abs(by_pil(path, size).astype(int) - image).max()))
            n += 1
    if worst > tolerance or n == 0:
        fail(f"{what}: {worst} levels from PIL, up to {tolerance} wanted ({n} pictures)")
    print(f"ok {what}: {n} pictures, at most {worst} levels from PIL")


def make_pictures(root):
    """Three classes of coloured noise of all shapes, as JPEG and PNG of every kind there is."""
    rng = random.Random(4)
    noise = numpy.random.RandomState(4)
    kinds = [("RGB", "jpg"), ("L", "jpg"), ("RGB", "png"), ("L", "png"), ("P", "png"), ("1", "png")]
    for table, n in PER_CLASS.items():
        for k, name in enumerate(("Zebra", "ant", "bee")):
            (root / table / name).mkdir(parents=True)
            for i in range(n):
                shape = rng.choice(((24, 24), (25, 70), (61, 30), (200, 143), (9, 11), (301, 24)))
                mode, extension = kinds[i % len(kinds)]
                coarse = noise.randint(0, 256, (4, 4, 3)).astype(numpy.uint8)
                coarse[..., k] //= 3
                image = Image.fromarray(coarse).resize(shape, Image.BICUBIC).convert(mode)
                image.save(root / table / name / f"{i:02}.{extension}", quality=90)


def check_made(program):
    root = program.folder / "pictures"
    make_pictures(root)
    out = program.must("data", "import", "pictures", "--out", "data", "--size", SIZE, "--threads", 3)
    compare("made pictures", root, program.folder / "data", SIZE, 1)
    program.must("data", "import", "pictures", "--out", "again", "--size", SIZE, "--threads", 1)
    for name in ("images.json", "train_images.bin", "test_images.bin"):
        if (program.folder / "data" / name).read_bytes() != (program.folder / "again" / name).read_bytes():
            fail(f"{name} depends on the number of threads")
    before = program.files()
    code, _, err = program.run("data", "import", "pictures", "--out", "again", "--size", 8)
    if code != 2 or "'again' has 'images.json' already" not in err or program.files() != before:
        fail(f"--out of a set that is there: exit {code}\n{err}")
    program.must("data", "import", "pictures", "--out", "again", "--size", 8, "--force")
    if "36 training and 9 test images of 24 x 24 pixels, 0 left out" not in out or "Zebra" not in out:
        fail(out)
    Image.new("CMYK", (30, 30)).save(root / "train" / "ant" / "cmyk.jpg")
    code, _, err = program.run("data", "import", "pictures", "--out", "never")
    if code != 2 or "cmyk.jpg' is CMYK" not in err or (program.folder / "never").exists():
        fail(f"a CMYK picture: exit {code}\n{err}")
    (root / "train" / "ant" / "cmyk.jpg").unlink()


def check_real(program, archive):
    if not archive.exists():
        print(f"not checked: there is no {archive}")
        return
    root, n = program.folder / "real", {}
    with tarfile.open(archive) as tar:
        for member in tar:
            parent = str(pathlib.PurePosixPath(member.name).parent)
            if member.isfile() and member.name.endswith(".jpg") and n.get(parent, 0) < 25:
                n[parent] = n.get(parent, 0) + 1
                (root / parent).mkdir(parents=True, exist_ok=True)
                (root / member.name).write_bytes(tar.extractfile(member).read())
    program.must("data", "import", "real", "--out", "real32")
    compare("CIFAR-10 as JPEG", root, program.folder / "real32", 32, 0)
    program.must("data", "import", "real", "--out", "real20", "--size", 20)
    compare("CIFAR-10 as JPEG, shrunk", root, program.folder / "real20", 20, 1)


def check_program(program):
    (program.folder / "base.yaml").write_text(BASE.format(weights="", std=STD))
    code, _, err = program.run("train", "base.yaml", "--out", "base.onnx", timeout=5)
    if code != 2 or "'base.onnx': the name does not say which format" not in err or (program.folder / "base.onnx.run").exists():
        fail(f"--out base.onnx: exit {code}\n{err}")
    program.must("train", "base.yaml", "--out", "base.safetensors")
    (program.folder / "sweep.yaml").write_text(BASE.format(weights=", weights: base.safetensors", std="") + SWEEP)
    program.must("plan", "sweep.yaml")
    program.must("sweep", "sweep.yaml", "--out", "results")
    table = json.loads(program.must("report", "results", "--format", "json"))
    original = next(row for row in table if row["unlearn.method"] == "original")
    metrics = json.loads(program.must("eval", "--model", "resnet20", "--weights", "base.safetensors", "--data", "data",
                                      "--dataset", "images", "--forget-class", 1, "--json"))
    if len(table) != 4 or any(row["state"] != "done" for row in table) or original["RA"] != metrics["RA"]:
        fail(f"a sweep on {SIZE} x {SIZE} images: {table}")
    code, _, err = program.run("plan", "sweep.yaml", "--set", "forget.class=3")
    if code != 2 or "'forget.class' is 3, but images has classes 0 to 2" not in err:
        fail(f"a class that is not there: exit {code}\n{err}")
    print(f"ok trained, evaluated and swept on {SIZE} x {SIZE} images of 3 classes")


def main():
    with Program(sys.argv[1]) as program:
        check_made(program)
        check_real(program, pathlib.Path(sys.argv[2]) / "cifar10-jpeg.tar.gz")
        check_program(program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
