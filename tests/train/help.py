"""Help of every command: a screen of 24 x 80 with an example, a manual page troff has nothing to say about, completion
in bash; and what `cmake --install` puts where.

usage: help.py PRUNELORA CMAKE BUILD_FOLDER COMPLETION_BASH
"""

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time

from cli import Program, fail

SCRIPT = r"""
source "$1"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1}
    _prunelora
    printf '%s\n' "${COMPREPLY[@]}"
}
complete_line "$2"
"""


def commands_of(program, chain=()):
    """Every command with its verbs, as lists of words."""
    words = program.must(*chain, "--help=words").splitlines()
    for name in (line.split()[1] for line in words if line.startswith("command ")):
        if chain and name == chain[-1]:
            continue
        inner = program.must(*chain, name, "--help=words")
        if any(line.startswith("option ") for line in inner.splitlines()):
            yield [*chain, name]
        else:
            yield from commands_of(program, (*chain, name))


def options_of(program, command):
    words = program.must(*command, "--help=words").splitlines()
    return {name for line in words if line.startswith("option ") for name in line.split()[1:]}


def check_screen(program, command):
    screen = program.must(*command, "--help")
    lines = screen.splitlines()
    if len(lines) > 24 or max(map(len, lines)) > 79:
        fail(f"{command}: {len(lines)} lines of at most {max(map(len, lines))} columns do not fit a screen\n{screen}")
    if not screen.startswith("usage: ") or "\nexample: " not in screen or screen != program.must(*command, "-h"):
        fail(f"{command}: no usage or example, or -h is something else\n{screen}")
    example = shlex.split(screen[screen.index("\nexample: ") + len("\nexample: "):].replace("\\\n", ""))
    if command and example[example.index("prunelora") + 1] != command[0]:
        fail(f"{command}: the example is of another command: {example}")
    known = options_of(program, command)
    unknown = [w for w in example if w.startswith("--") and w.split("=")[0] not in known] if command else []
    missing = [name for name in known if name not in screen]
    if unknown or missing:
        fail(f"{command}: example has unknown {unknown}, help lacks {missing}")


def check_page(program, command):
    page = program.must(*command, "--help=man")
    name = "-".join(["prunelora", *command])
    plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
    wanted = [f".TH {name.upper()} 1", f"{name} - ", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH EXIT STATUS",
              *(options_of(program, command) if command else ["mpirun"])]
    if missing := [word for word in wanted if word not in plain]:
        fail(f"{name}.1 lacks {missing}\n{page}")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=page, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0 or done.stderr:
            fail(f"{name}.1: {done.stderr}")


def candidates(program, script, line):
    done = subprocess.run(["bash", "--norc", "-c", SCRIPT, "bash", script, line], cwd=program.folder,
                          env=program.environment, capture_output=True, text=True, check=False)
    if done.stderr:
        fail(f"completing '{line}': {done.stderr}")
    return set(done.stdout.split())


def check_completion(program, script):
    (program.folder / "results").mkdir()
    (program.folder / "sweep.yaml").write_text("")
    cases = {  # what is typed: what must be offered, what must not
        "": ({"plan", "sweep", "status", "data", "weights"}, {"trainer", "complete", "--help"}),
        "st": ({"status", "stop"}, {"sweep"}),
        "status --": ({"--watch", "--exit-code", "--help"}, {"watch", "--set"}),
        "status ": ({"results"}, {"sweep.yaml", "status"}),
        "plan s": ({"sweep.yaml"}, {"sweep", "settings"}),
        "sweep sweep.yaml --r": ({"--retry-failed"}, {"--fresh"}),
        "sweep sweep.yaml --device ": ({"auto", "cuda", "cpu", "ref"}, {"sweep.yaml"}),
        "sweep sweep.yaml --device=c": ({"cuda", "cpu"}, {"auto"}),
        "sweep sweep.yaml -o res": ({"results"}, {"sweep.yaml"}),
        "sweep sweep.yaml --set train.o": ({"train.optimizer="}, {"train.lr="}),
        "sweep sweep.yaml --set train.optimizer=a": ({"adam"}, {"sgd", "train.optimizer=adam"}),
        "sweep sweep.yaml --set unlearn.method=prune_l": ({"prune_lora"}, {"lora"}),
        "plan sweep.yaml --set model.arch=resnet5": ({"resnet56", "resnet50"}, {"resnet20"}),
        "report results --by unlearn.method,prune.s": ({"unlearn.method,prune.sparsity"}, {"prune.sparsity"}),
        "data ": ({"synth", "verify"}, {"data", "results"}),
        "data synth --": ({"--out", "--train", "--seed"}, {"--dataset"}),
        "weights ": ({"inspect", "convert", "merge", "diff"}, {"results"}),
        "weights inspect s": ({"sweep.yaml"}, {"settings"}),
        "settings prune.": ({"prune.sparsity"}, {"train.lr"}),
    }
    for typed, (wanted, unwanted) in cases.items():
        found = candidates(program, script, f"{program.binary} {typed}")
        if not wanted <= found or unwanted & found:
            fail(f"'{typed}': wanted {wanted}, not {unwanted}, found {found}")
    print(f"ok {len(cases)} completions")


def check_key(program, script):
    """The tabulator in a real shell."""
    child, ours = pty.fork()
    if child == 0:
        os.environ.update(PATH=f"{pathlib.Path(program.binary).parent}:{os.environ['PATH']}", TERM="dumb", PS1="$ ")
        os.chdir(program.folder)
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    os.write(ours, f"source {script}; echo rea''dy\n".encode())
    out, is_typed, end = "", False, time.monotonic() + 30
    wanted = re.compile(r"prunelora sweep sweep\.yaml --set train\.optimizer=adam")
    while not wanted.search(out) and time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            out += os.read(ours, 4096).decode(errors="replace").replace("\x07", "")
        if not is_typed and "\nready" in out:
            is_typed = True
            os.write(ours, b"prunelora sw\tsweep.\t--set train.opt\ta\t")
    os.write(ours, b"\x03\nexit\n")
    os.close(ours)
    os.waitpid(child, 0)
    if not wanted.search(out):
        fail(f"the tabulator made {out!r}")
    print("ok tabulator")


def check_install(program, cmake, build, pages):
    prefix = program.folder / "there"
    subprocess.run([cmake, "--install", build, "--prefix", prefix], check=True, capture_output=True)
    installed = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if p.is_file()}
    wanted = {"bin/prunelora", "share/bash-completion/completions/prunelora",
              *(f"share/man/man1/{'-'.join(['prunelora', *page])}.1" for page in pages)}
    if not wanted <= installed:
        fail(f"not installed: {wanted - installed}; there are {installed}")
    version = subprocess.run([prefix / "bin" / "prunelora", "--version"], check=True, capture_output=True, text=True)
    if not version.stdout.startswith("prunelora "):
        fail(f"the installed program says {version.stdout}")
    print("ok installed")


def main():
    binary, cmake, build, script = sys.argv[1:5]
    with Program(binary) as program:
        commands = list(commands_of(program))
        if len(commands) < 12 or ["data", "synth"] not in commands or ["weights", "inspect"] not in commands:
            fail(f"commands: {commands}")
        check_screen(program, [])
        check_page(program, [])
        for command in commands:
            check_screen(program, command)
            check_page(program, command)
        print(f"ok help and pages of {len(commands)} commands")
        for command in ([], ["plan"]):
            code, _, err = program.run(*command, "--help=html")
            if code != 2 or "--help=html: want man, words or nothing" not in err:
                fail(f"{command} --help=html: exit {code}, {err}")
        check_completion(program, script)
        check_key(program, script)
        check_install(program, cmake, build, [[], *commands])
    return 0


if __name__ == "__main__":
    sys.exit(main())
