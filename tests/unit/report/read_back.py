"""What pandas and json make of `prunelora report`: every value of the sample results, typed."""
import json
import subprocess
import sys
import tempfile

try:
    import pandas
except ImportError:
    print("skipped: this Python has no pandas")
    sys.exit(77)

sample, prunelora = sys.argv[1:3]


def report(folder, *options):
    done = subprocess.run([prunelora, "report", folder, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sample, folder], check=True)
    runs = json.loads(report(folder, "--format", "json"))
    report(folder, "--format", "csv", "--out", folder + "/runs.csv")
    table = pandas.read_csv(folder + "/runs.csv")

assert len(runs) == 6 and len(table) == 6
assert list(table.columns) == list(runs[0])
assert all(list(run) == list(runs[0]) for run in runs)
assert runs[0]["UA"] == 0.5 and runs[0]["lora.rank"] == 4 and runs[0]["train.lr"] == 1e-3
assert type(runs[0]["lora.rank"]) is int and runs[0]["data.augment"] is False
assert runs[0]["train.milestones"] == [100, 150]
assert runs[3]["lora.rank"] is None, "finetune does not read lora.rank"
assert runs[4]["UA"] is None and runs[4]["error"] == 'loss is nan, at "step 3"'
assert runs[4]["name"] == '0004-ft,"x"'
assert table["error"][4] == runs[4]["error"] and table["name"][4] == runs[4]["name"]
assert table["UA"].isna().tolist() == [False] * 4 + [True] * 2
assert str(table["UA"].dtype) == "float64" and str(table["seed"].dtype) == "int64"
assert str(table["data.augment"].dtype) == "bool"
means = table[table.state == "done"].groupby(["unlearn.method", "lora.rank"])["UA"].mean()
assert abs(means["lora", 4.0] - 0.6) < 1e-15
print("read back", len(runs), "runs")
