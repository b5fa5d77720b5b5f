"""`prunelora eval` of a vision transformer that is not the published one: its size comes from the manifest beside the
weights, or from --set where there is none.   evaluate.py PRUNELORA
"""

import json
import sys

from cli import Program, fail

BASE = """name: base
config:
  model: {arch: simple_vit, vit: {patch: 8, layers: 1, heads: 2, width: 16, mlp: 24}}
  data: {path: data, mean: published, std: published}
  base.train: {epochs: 0}
"""
SIZE = ("patch=8", "layers=1", "heads=2", "width=16", "mlp=24")


def check_overwriting(program):
    """Weights that others start from are left alone, and nothing is trained for nothing."""
    before, whole = program.files(), (program.folder / "base.h5").read_bytes()
    train = ("train", "base.yaml", "--out", "base.h5", "--set", "model.vit.width=32")
    code, out, err = program.run(*train)
    if code != 2 or "'base.h5' is there already" not in err or "load" in err:
        fail(f"train over what is there: exit {code}\n{out}{err}")
    if program.files() != before or (program.folder / "base.h5").read_bytes() != whole:
        fail("train that was refused wrote something")
    program.must(*train, "--force")
    if (program.folder / "base.h5").read_bytes() == whole:
        fail("train --force left the old weights")
    print("ok train writes over weights only when told")


def main():
    with Program(sys.argv[1]) as program:
        program.must("data", "synth", "--out", "data", "--train", 40, "--test", 20)
        (program.folder / "base.yaml").write_text(BASE)
        program.must("train", "base.yaml", "--out", "base.h5")
        options = ["--model", "simple_vit", "--data", "data", "--threads", "1", "--json"]
        of_manifest = json.loads(program.must("eval", *options, "--weights", "base.h5"))
        program.must("weights", "convert", "base.h5", "--out", "alone.safetensors")
        (program.folder / "alone.safetensors.json").unlink(missing_ok=True)
        options += ["--weights", "alone.safetensors", "--mean", "0.4914,0.4822,0.4465", "--std", "0.2471,0.2435,0.2616"]
        sets = [part for size in SIZE for part in ("--set", f"model.vit.{size}")]
        of_options = json.loads(program.must("eval", *options, *sets))
        if of_manifest != of_options or of_manifest["test_accuracy_all"] is None:
            fail(f"from the manifest {of_manifest}, from --set {of_options}")
        for given, message in (((), "conv_proj.weight"),
                               ((*sets, "--set", "model.vit.heads=3"), "heads")):
            code, out, err = program.run("eval", *options, *given)
            if code == 0 or message not in err:
                fail(f"eval {given}: exit {code}\n{out}{err}")
        print("ok eval of a small vision transformer")
        check_overwriting(program)


main()
