"""Makes one golden file, or takes it from a cache: it depends on nothing but these scripts and PyTorch's version.

The cache lies in $XDG_CACHE_HOME/prunelora/golden (~/.cache by default), in a folder per content of the scripts and
version; the two newest are kept. FOLDER gets a link.

Usage: make.py SCRIPT FOLDER NAME      runs SCRIPT FOLDER NAME, which makes FOLDER/NAME.h5; its exit code is passed on
"""

import hashlib
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

KEPT = 2


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "prunelora" / "golden"


def key():
    """Of everything the files depend on; None where there is no PyTorch."""
    torch = importlib.util.find_spec("torch")
    if torch is None:
        return None
    content = hashlib.sha256((pathlib.Path(torch.origin).parent / "version.py").read_bytes())
    for script in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        content.update(script.read_bytes())
    return content.hexdigest()[:16]


def forget_older(root):
    folders = sorted(root.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    script, folder, name = sys.argv[1:]
    command = [sys.executable, str(pathlib.Path(__file__).parent / script)]
    if key() is None:
        sys.exit(subprocess.call(command + [folder, name]))
    cache = cache_root() / key()
    made, link = cache / f"{name}.h5", pathlib.Path(folder) / f"{name}.h5"
    if made.exists():
        print(f"taken from {made}")
    else:
        code = subprocess.call(command + [str(cache), name])
        if code != 0:
            sys.exit(code)
    os.utime(cache)
    forget_older(cache_root())
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(made)


if __name__ == "__main__":
    main()
