"""struct_tags.py notices a tag that two files define, and an implementation of what no header declares."""

import pathlib
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).resolve().parent / "struct_tags.py"


def check(files, words):
    """What the script says of a tree of these files; no words: nothing, and it ends well."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
    if (done.returncode == 0) != (words == "") or words not in done.stdout:
        sys.exit(f"of {files}: expected {words or 'no problem'!r}, exit code {done.returncode}\n{done.stdout}{done.stderr}")


def main():
    block = "struct block {\n    int n;\n};\n"
    slots = "struct readback_slots {\n    int n;\n};\n"
    backends = {"kernels/cpu/a.c": slots, "kernels/cuda/kernels/b.cu": slots}
    check({"src/base/a.c": block, "kernels/b.h": "struct block;\n"}, "")
    check({"src/base/a.c": block, "kernels/cuda/kernels/b.cu": block},
          "struct block is defined in kernels/cuda/kernels/b.cu, src/base/a.c")
    check({"kernels/kernels.h": "struct readback_slots; /* opaque */\n", **backends}, "")
    check({"kernels/kernels.h": "struct other;\n", **backends}, "kernels/kernels.h does not declare it")
    check({"src/base/a.c": "int n;\n"}, "0 structs")


if __name__ == "__main__":
    main()
