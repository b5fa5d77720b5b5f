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
# Runs that wait for each other at rungs, and of which most are stopped there.
EARLY = f"""name: early
config:
  model: {{{VIT}, weights: base.h5}}
  data: {{dataset: cifar10, path: data}}
  forget.indices: list.txt
  train: {{epochs: 45, batch_size: 8}}
  eval: {{batch_size: 40}}
parameters:
  unlearn.method: {{values: [finetune, prune_finetune, lora]}}
  train.lr: [1e-2, 1e-3]
metric: {{name: TA, goal: maximize}}
early_terminate: {{type: sha, min_iter: 5, eta: 3}}
checkpoint: {{every: 0.05s}}
resources: {{threads: 1}}
on_failure: {{crash_limit: 1000}}
"""
SWEEPS = {"sweep": SWEEP, "early": EARLY}


class Workbench:
    """The folder of a campaign: `inputs` with the undisturbed results beside them, `cases` one folder each."""

    def __init__(self, binary, root, preloads):
        self.program, self.root, self.preloads = Program(binary), root, preloads
        shutil.rmtree(self.program.folder)  # cases have folders of their own
        self.program.folder = self.inputs = root / "inputs"
        self.inputs.mkdir(parents=True)
        (root / "cases").mkdir()
        self.seconds, self.wanted = 0.0, {}

    def prepare(self):
        (self.inputs / "list.txt").write_text("".join(f"{i}\n" for i in range(0, 30, 3)))
        self.program.must("data", "synth", "--out", "data", "--train", 40, "--test", 20)
        (self.inputs / "base.yaml").write_text(BASE)
        for name, text in SWEEPS.items():
            (self.inputs / f"{name}.yaml").write_text(text)
        self.program.must("train", "base.yaml", "--out", "base.h5")
        self.program.must("train", "base.yaml", "--out", "other.h5", "--set", "base.train.lr=0.05")
        self.program.must("sweep", "early.yaml", "--out", "early-done")
        begin = time.monotonic()
        self.program.must("sweep", "sweep.yaml", "--out", "sweep-done")
        self.seconds = time.monotonic() - begin
        self.wanted = {name: bits_of(self.done(name)) for name in SWEEPS}
        if not {b"stopped_early", b"done"} <= {v for k, v in self.wanted["early"].items() if k.endswith("/state")}:
            raise SystemExit("early.yaml is to end with runs done and runs stopped")

    def done(self, sweep="sweep"):
        """The undisturbed results of a sweep."""
        return self.inputs / f"{sweep}-done"

    def case_folder(self, name, with_results):
        """A folder with all inputs, and `out` when the case begins with a finished sweep."""
        folder = self.root / "cases" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for source in self.inputs.iterdir():
            if not source.name.endswith("-done"):
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / source.name)
        if with_results:
            shutil.copytree(self.done(), folder / "out")
        return folder

    def runs(self):
        """Ids in the order in which the undisturbed sweep did them."""
        return [event["run"] for event in journal(self.done()) if event["event"] == "done"]
