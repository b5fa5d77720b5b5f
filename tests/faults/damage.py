"""Files that are cut, flipped, half-written or gone between two starts: journal, checkpoints, results."""

import os
import signal
import subprocess

from disturbed import Broken, send


def cut(path, dice):
    os.truncate(path, dice.randrange(path.stat().st_size))


def flip(path, dice):
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def delete(path, _):
    path.unlink()


def half_write(path, dice):
    """As a writer that was killed leaves it: the file as it was, and a temporary one beside it."""
    data = path.read_bytes()
    path.with_name(f"{path.name}.{dice.randint(2, 4000000)}.tmp").write_bytes(data[:dice.randrange(len(data))])


def verify(case, *options):
    done = subprocess.run([case.bench.program.binary, "verify", "out", *options], cwd=case.folder, capture_output=True,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def find_damaged(case, runs):
    """`verify` names these runs, and sets what is damaged aside when asked to."""
    code, said = verify(case)
    if code != 1 or any(run not in said for run in runs):
        raise Broken(f"verify: exit code {code}, wanted 1 and {runs} named: {said}")
    code, said = verify(case, "--repair")
    if code not in (0, 1):
        raise Broken(f"verify --repair: exit code {code}: {said}")


# ---- the journal of a finished sweep ----

def cut_journal(case):
    sweep = case.begin(with_results=True)
    path = sweep.out / "journal.jsonl"
    for _ in range(3):
        data = path.read_bytes()
        kept = case.dice.randrange(len(data))
        path.write_bytes(data[:kept])
        case.caused(bytes=kept, of=len(data))
        sweep.finish()
        is_torn = kept > 0 and data[kept - 1:kept] != b"\n"
        if is_torn and "cut short or damaged and dropped" not in sweep.said():
            raise Broken(f"a journal cut at byte {kept} of {len(data)} is passed over in silence")
    sweep.check()


def spoil_journal_end(case):
    """The last line is not what was written; what it said is done again."""
    sweep = case.begin(with_results=True)
    path = sweep.out / "journal.jsonl"
    data = path.read_bytes()
    last = data[:-1].rfind(b"\n") + 1
    if case.dice.random() < 0.5:
        data += bytes(case.dice.choice((0, 255, 123, 34)) for _ in range(case.dice.randint(1, 300)))
    else:
        at = case.dice.randrange(last, len(data) - 1)
        data = data[:at] + bytes([data[at] ^ 1 << case.dice.randrange(7)]) + data[at + 1:]
    path.write_bytes(data)
    case.caused(bytes=len(data))
    sweep.finish()
    sweep.check()


def spoil_journal(case):
    """A line before the last is damaged: refused by name, nothing touched; with the file back all is well."""
    sweep = case.begin(with_results=True)
    path = sweep.out / "journal.jsonl"
    data = path.read_bytes()
    at = case.dice.randrange(data[:-1].rfind(b"\n"))
    path.write_bytes(data[:at] + bytes([data[at] ^ 1 << case.dice.randrange(8)]) + data[at + 1:])
    case.caused(byte=at)
    spoilt = path.read_bytes()
    if sweep.run() != 2 or "is damaged" not in sweep.said() or path.read_bytes() != spoilt:
        raise Broken(f"damaged at byte {at}: exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
    path.write_bytes(data)
    sweep.finish()
    sweep.check()


def repair_journal(case):
    """A damaged line in the middle, and `verify --repair` instead of a copy: no run is repeated."""
    sweep = case.begin(with_results=True)
    path = sweep.out / "journal.jsonl"
    data = path.read_bytes()
    at = case.dice.randrange(data[:-1].rfind(b"\n"))
    path.write_bytes(data[:at] + bytes([data[at] ^ 1 << case.dice.randrange(8)]) + data[at + 1:])
    case.caused(byte=at)
    code, said = verify(case, "--repair")
    if code not in (0, 1):
        raise Broken(f"verify --repair, damaged at byte {at}: exit code {code}: {said}")
    sweep.finish()
    sweep.check()


# ---- checkpoints of an interrupted sweep ----

def spoil_checkpoints(how):
    def play(case):
        sweep = case.begin()
        for _ in range(case.dice.randint(1, 3)):
            sweep.start()
            sweep.wait_for(lambda: list(sweep.out.glob("runs/*/a*/ckpt/step-*.h5")))
            sweep.pause(case.dice, 0.5)
            sweep.look()
            for pid in [sweep.process.pid, *sorted(sweep.seen - set(sweep.trainers()))]:
                send(pid, signal.SIGKILL)
            if sweep.wait() == 0:
                case.late()
                break
            found = sorted(sweep.out.glob("runs/*/a*/ckpt/step-*.h5"))
            for path in case.dice.sample(found, case.dice.randint(1, len(found)) if found else 0):
                how(path, case.dice)
                case.caused(file=str(path.relative_to(sweep.out)))
        sweep.finish()
        sweep.check()

    return play


# ---- results of a finished sweep ----

def spoil_results(name, *hows):
    """This file of finished runs: those runs are repeated, no other. A start sees what is gone or has another size;
    `verify` reads every byte."""

    def play(case):
        sweep = case.begin(with_results=True)
        chosen, n_flipped = case.dice.sample(case.bench.runs(), case.dice.randint(1, 3)), 0
        for run in chosen:
            how = case.dice.choice(hows)
            how(sweep.out / "runs" / run / "a1" / name, case.dice)
            n_flipped += how is flip
            case.caused(run=run, how=how.__name__)
        if n_flipped or case.dice.random() < 0.5:
            find_damaged(case, chosen)
        sweep.finish(allowed=(0, 3))
        if name not in "".join(path.read_text() for path in case.folder.glob("start-*.log")):
            raise Broken(f"what happened to {name} is not said: {sweep.said()[-600:]}")
        sweep.check(repeated=chosen)

    return play


def spoil_table(case):
    """results.h5 and what else follows from the journal and the runs is made again."""
    sweep = case.begin(with_results=True)
    sweep.reader.end()  # what is damaged here need not be readable
    sweep.reader.problem = None
    for name in ("results.h5", "status.json", "plan.json", "sweep.yaml"):
        how = case.dice.choice((cut, flip, delete))
        how(sweep.out / name, case.dice)
        case.caused(file=name, how=how.__name__)
    sweep.finish()
    sweep.check()
