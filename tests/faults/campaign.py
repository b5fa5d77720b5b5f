"""A campaign of faults. Each case disturbs a small sweep by faults of one kind and starts it again as a user would;
then every metric and weight must be, bit for bit, those of the undisturbed sweep, no finished run may have been
repeated, and results.h5 must have been readable throughout.

Goes round by round through all kinds until so many faults have been caused. With --ledger, a call that is cut short
goes on where it was. What fails keeps its folder, and the command that repeats it is printed. Run by run.sh.
"""

import argparse
import os
import pathlib
import resource
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent / "train"))

from case import Case  # noqa: E402
from kinds import KINDS, known  # noqa: E402
from ledger import Ledger  # noqa: E402
from workbench import Workbench  # noqa: E402

SLOW_EVERY = 10  # rounds


def arguments():
    parser = argparse.ArgumentParser(prog="tests/faults/run.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, metavar="BUILD_FOLDER", help="where prunelora was built")
    parser.add_argument("--short", action="store_true", help="one case of each kind that waits for no deadline")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first case (default 1)")
    parser.add_argument("--faults", type=int, default=1000, metavar="N", help="at least so many (default 1000)")
    parser.add_argument("--cases", type=int, metavar="N", help="no more than so many")
    parser.add_argument("--ledger", type=pathlib.Path, metavar="FILE", help="a line per fault; go on where it ends")
    parser.add_argument("--kind", choices=sorted(KINDS), help="only this kind")
    return parser.parse_args()


def round_of(kinds, number, wants):
    """The kinds of a round's cases, in order."""
    if wants.kind:
        return [wants.kind]
    names = []
    for name, kind in kinds.items():
        if kind.is_slow and (wants.short or number % SLOW_EVERY != 0):
            continue
        names += [name] * (1 if wants.short else kind.share)
    return names


def plan(kinds, wants):
    """Endless: (case number, kind). A short campaign is one round."""
    number, case = 0, 0
    while number == 0 or not wants.short:
        for name in round_of(kinds, number, wants):
            yield case, name
            case += 1
        number += 1


def tell_failure(bench, case, problem, wants):
    kept = pathlib.Path(tempfile.mkdtemp(prefix=f"faults-{case.name}-")) / "case"
    if case.folder is not None:
        shutil.copytree(case.folder, kept, symlinks=True)
    print(f"FAILED {case.name}: {problem}\n  its folder: {kept}\n  again: tests/faults/run.sh {wants.build} "
          f"--kind {case.kind} --seed {case.seed} --cases 1", flush=True)


def play_all(bench, kinds, ledger, wants):
    first, n_failed, n_cases = ledger.next_case(), 0, 0
    for number, name in plan(kinds, wants):
        if number < first:
            continue
        enough = ledger.caused() >= wants.faults and not wants.short
        if enough or (wants.cases is not None and n_cases >= wants.cases):
            break
        n_cases += 1
        case = Case(bench, name, wants.seed + number, kinds[name].sweep)
        entries, problem = case.run(kinds[name].play)
        ledger.add([dict(entry, case=number) for entry in entries])
        if problem:
            n_failed += 1
            tell_failure(bench, case, problem, wants)
        else:
            n = sum(entry["result"] == "survived" for entry in entries)
            why = "".join(f", skipped: {e['reason']}" for e in entries if e["result"] == "skipped")
            print(f"ok {case.name}: {n} faults, {sum(e['seconds'] for e in entries):.1f} s{why}; "
                  f"{ledger.caused()} in all", flush=True)
        shutil.rmtree(bench.root / "cases" / case.name, ignore_errors=True)
    return n_failed


def main():
    wants = arguments()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # trainers that die of SIGSEGV leave no dump
    with tempfile.TemporaryDirectory(prefix="faults-") as root:
        build = wants.build.resolve()
        bench = Workbench(build / "prunelora", pathlib.Path(root), build / "tests" / "faults")
        bench.prepare()
        version = bench.program.must("--version").strip()
        print(f"{version}, {os.cpu_count()} processors, undisturbed sweep {bench.seconds:.2f} s", flush=True)
        kinds, left_out = known(bench.program)
        for name, why in left_out.items():
            print(f"left out {name}: {why}")
        if wants.kind in left_out:
            return 77
        ledger = Ledger(wants.ledger)
        n_failed = play_all(bench, kinds, ledger, wants)
    print(ledger.table(kinds))
    n_failed = max(n_failed, ledger.count("failed"))
    survived = ledger.count("survived")
    if n_failed or not survived:
        print(f"{ledger.caused()} faults caused, {survived} survived")
        return 1
    print(f"{survived} faults caused and survived: the bits of the undisturbed sweep, no finished run repeated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
