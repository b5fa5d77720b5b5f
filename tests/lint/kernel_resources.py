"""What the compiler made of our kernels: registers and shared memory of each, and how many blocks of 256 threads a
multiprocessor takes. Fails on spilled registers and on local memory. Usage: kernel_resources.py ROOT [NVCC]; exits 77
without nvcc."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ARCHITECTURES = ("80", "90")
THREADS, MOST_THREADS, REGISTERS = 256, 2048, 65536  # of a block; of a multiprocessor
SHARED_BYTES = {"80": 164 * 1024, "90": 228 * 1024}

ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\d+)'")
FUNCTION = re.compile(r"Function properties for (\w+)")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
WRITTEN = re.compile(r"\b__global__\s+void\s+(?:__launch_bounds__\(\w+\)\s+)?(\w+)")
USED = re.compile(r"Used (\d+) registers(?:.*?, (\d+) bytes smem)?")


def report_of(nvcc, root, path, folder):
    options = ["-std=c++17", "-Xptxas", "-v", f"-I{root}", f"-I{root}/src", "-fatbin", "-o", f"{folder}/code"]
    for name in ARCHITECTURES:
        options += ["-gencode", f"arch=compute_{name},code=sm_{name}"]
    result = subprocess.run([nvcc, *options, str(path)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{path}: nvcc fails:\n{result.stderr}")
    return result.stderr.splitlines()


def kernels_of(lines):
    """A dictionary per compiled function; those the compiler added to a kernel count with it."""
    kernel = None
    for line in lines:
        if found := ENTRY.search(line):
            kernel = {"symbol": found[1], "sm": found[2], "local": 0, "spilled": 0}
        elif found := MEMORY.search(line):
            kernel["local"] += int(found[1])
            kernel["spilled"] += int(found[2]) + int(found[3])
        elif (found := USED.search(line)) and "registers" not in kernel:
            kernel["registers"] = int(found[1])
            kernel["shared"] = int(found[2] or 0)
            yield kernel


def demangled(symbols):
    result = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True)
    names = [re.sub(r"\((?:int|bool)\)", "", name.removeprefix("void ")) for name in result.stdout.splitlines()]
    return dict(zip(symbols, [re.sub(r"\(.*", "", name) for name in names]))


def unseen(text, kernels, names):
    """The kernels that a file has and the compiler does not speak of, for one of the architectures."""
    seen = {(names[kernel["symbol"]].split("<")[0], kernel["sm"]) for kernel in kernels}
    written = WRITTEN.findall(text)
    if len(written) != len(re.findall(r"\b__global__\b", text)):
        sys.exit("a kernel's name is not understood")
    return [f"{name} for sm_{sm}" for name in written for sm in ARCHITECTURES if (name, sm) not in seen]


def blocks_of(kernel):
    """Registers are dealt by warp in units of 256; a block needs 1 KiB of shared memory besides its own."""
    per_warp = (kernel["registers"] * 32 + 255) // 256 * 256
    by_registers = REGISTERS // per_warp // (THREADS // 32)
    by_shared = SHARED_BYTES[kernel["sm"]] // (kernel["shared"] + 1024)
    return min(by_registers, by_shared, MOST_THREADS // THREADS)


def main():
    root, nvcc = pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    if shutil.which(nvcc) is None:  # CMake's word for what it has not found may be a name that ends in -NOTFOUND
        print("skipped: there is no nvcc")
        return 77
    kernels, names, n_files = [], {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((root / "kernels").rglob("*.cu")):
            found = list(kernels_of(report_of(nvcc, root, path, folder)))
            names |= demangled(sorted({kernel["symbol"] for kernel in found}))
            if missing := unseen(path.read_text(), found, names):
                sys.exit(f"{path}: the compiler does not speak of {', '.join(missing)}")
            kernels += found
            n_files += 1
    problems = 0
    print(f"{'kernel':48} {'sm':>3} {'registers':>9} {'shared':>7} {'blocks':>6} {'local':>6} {'spilled':>7}")
    for kernel in sorted(kernels, key=lambda k: (names[k["symbol"]], k["sm"])):
        problems += kernel["local"] > 0 or kernel["spilled"] > 0
        print(
            f"{names[kernel['symbol']]:48} {kernel['sm']:>3} {kernel['registers']:>9} {kernel['shared']:>7} "
            f"{blocks_of(kernel):>6} {kernel['local']:>6} {kernel['spilled']:>7}"
        )
    print(f"{n_files} files, {len(kernels)} kernels, {problems} with local memory or spilled registers")
    return 1 if problems or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
