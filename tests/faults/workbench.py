"""What all cases of a campaign share: images, a base model, the sweep, and how it comes out undisturbed."""

import shutil
import time

from bits import bits_of
from cli import Program
from results_folder import journal

# Networks as small as they come, for many starts: a transformer in all ways of unlearning, and once one with
# batch normalisation, whose checkpoints hold more than weights.
VIT = "arch: simple_vit, vit: {patch: 8, layers: 1, heads: 2, width: 16, mlp: 32}"
BASE = f"""name: base
config:
  model: {{{VIT}}}
  data: {{dataset: cifar10, path: data, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}}
  base.train: {{epochs: 2, batch_size: 10, warmup: 0}}
"""
SWEEP = f"""name: small
config:
  model: {{{VIT}, weights: base.h5}}
  data: {{dataset: cifar10, path: data}}
  forget.indices: list.txt
  train: {{epochs: 60, batch_size: 8}}
  base.train: {{epochs: 60, batch_size: 8, warmup: 0}}
  eval: {{batch_size: 40}}
parameters:
  unlearn.method: {{values: [retrain, finetune, prune_finetune, lora, prune_lora]}}
include: [{{unlearn.method: retrain, model.arch: resnet20, base.train.epochs: 2}}]
checkpoint: {{every: 0.05s}}
resources: {{threads: 1}}
on_failure: {{crash_limit: 1000}}
"""
RUNS = 6


class Workbench:
    """The folder of a campaign: `inputs` as they were made, `done` the undisturbed results, `cases` one folder each."""

    def __init__(self, binary, root, preloads):
        self.program, self.root, self.preloads = Program(binary), root, preloads
        shutil.rmtree(self.program.folder)  # cases have folders of their own
        self.program.folder = self.inputs = root / "inputs"
        self.inputs.mkdir(parents=True)
        (root / "cases").mkdir()
        self.seconds, self.wanted = 0.0, None

    def prepare(self):
        (self.inputs / "list.txt").write_text("".join(f"{i}\n" for i in range(0, 30, 3)))
        self.program.must("data", "synth", "--out", "data", "--train", 40, "--test", 20)
        (self.inputs / "base.yaml").write_text(BASE)
        (self.inputs / "sweep.yaml").write_text(SWEEP)
        self.program.must("train", "base.yaml", "--out", "base.h5")
        self.program.must("train", "base.yaml", "--out", "other.h5", "--set", "base.train.lr=0.05")
        begin = time.monotonic()
        self.program.must("sweep", "sweep.yaml", "--out", "done")
        self.seconds = time.monotonic() - begin
        self.wanted = bits_of(self.inputs / "done")

    def case_folder(self, name, with_results):
        """A folder with all inputs, and `out` when the case begins with a finished sweep."""
        folder = self.root / "cases" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for source in self.inputs.iterdir():
            name = "out" if source.name == "done" else source.name
            if name != "out" or with_results:
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / name)
        return folder

    def runs(self):
        """Ids in the order in which the undisturbed sweep did them."""
        return [event["run"] for event in journal(self.inputs / "done") if event["event"] == "done"]
