"""A sweep that takes seconds: generated images, a base model trained on them, and sweep.yaml beside it."""

BASE = """name: base
config:
  model: {{arch: resnet20}}
  data: {{dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}}
  base.train: {{epochs: {epochs}, batch_size: {batch_size}}}
"""
HEAD = """name: small
config:
  model: {arch: resnet20, weights: base.h5}
  data: {dataset: cifar10, path: data}
"""


def prepare(program, sweep, images=(120, 40), epochs=1, batch_size=32):
    """Writes data/ with `images` to train and to test, base.h5 trained for `epochs`, and sweep.yaml, whose text is HEAD
    followed by `sweep`: more settings first, indented as in HEAD, then parameters and what else there is."""
    n_train, n_test = images
    program.must("data", "synth", "--out", "data", "--train", n_train, "--test", n_test)
    (program.folder / "base.yaml").write_text(BASE.format(epochs=epochs, batch_size=batch_size))
    (program.folder / "sweep.yaml").write_text(HEAD + sweep)
    program.must("train", "base.yaml", "--out", "base.h5")
