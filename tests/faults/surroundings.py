"""What happens around a sweep: inputs replaced, the folder moved, its lock deleted, a second sweep, clocks, logs."""

import mmap
import os
import shutil
import signal
import struct
import time

from case import Skipped
from disturbed import Broken, Disturbed, send

CHANGED = " is not what the sweep was planned with"


# ---- inputs ----

def swap_weights(folder):
    shutil.copy2(folder / "other.h5", folder / "base.h5")


def swap_list(folder):
    (folder / "list.txt").write_text("1\n2\n3\n")


def swap_pixels(folder):
    """Another colour of one picture's first pixel; size and name stay."""
    path = folder / "data" / "data_batch_1.bin"
    data = bytearray(path.read_bytes())
    data[1] ^= 0x40
    path.write_bytes(data)


def swap(change, name):
    """A file changes at its path while the sweep runs, and trainers that hold the old one die."""

    def play(case):
        sweep = case.begin()
        kept = case.folder / "kept"
        (shutil.copytree if (case.folder / name).is_dir() else shutil.copy2)(case.folder / name, kept)
        sweep.start()
        sweep.wait_for(lambda: sweep.new_events("assigned"))
        sweep.pause(case.dice, 0.5)
        change(case.folder)
        for pid in sweep.trainers():
            send(pid, signal.SIGKILL)
        code = sweep.wait()
        if code == 0:
            case.late()
        elif code == 3 and CHANGED in sweep.said():
            case.caused(file=name)
        else:
            raise Broken(f"{name} changed: exit code {code}: {sweep.said()[-600:]}")
        if sweep.events("failed", "retried"):
            raise Broken(f"a run was charged: {sweep.events('failed', 'retried')[0]}")
        shutil.rmtree(case.folder / name) if (case.folder / name).is_dir() else (case.folder / name).unlink()
        os.replace(kept, case.folder / name)
        sweep.finish()
        sweep.check()

    return play


# ---- the folder ----

def refuse_second(case, sweep):
    other = Disturbed(case.bench, case.folder, 0)
    other.codes.append(None)  # its log is start-2.log
    try:
        code = other.run()
    finally:
        other.reader.end()
    said = other.said()
    if sweep.is_over():
        case.late()  # then it may have found nothing to do
    elif code != 2 or "another sweep works in this results folder" not in said:
        raise Broken(f"a second sweep: exit code {code}: {said[-600:]}")
    else:
        case.caused()


def start_second(case):
    sweep = case.begin()
    sweep.start()
    for _ in range(case.dice.randint(1, 3)):
        sweep.wait_for(lambda: sweep.new_events("start"))
        sweep.pause(case.dice, 0.3)
        if not sweep.is_over():
            refuse_second(case, sweep)
    if sweep.wait() != 0:
        raise Broken(f"the first sweep: exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
    sweep.check_uncharged()
    sweep.check()


def delete_lock(case):
    """The lock file is deleted while the sweep runs: that lets nobody in."""
    sweep = case.begin()
    sweep.start()
    sweep.wait_for(lambda: sweep.new_events("start"))
    sweep.pause(case.dice, 0.3)
    if not sweep.is_over():
        (sweep.out / "lock").unlink()
        refuse_second(case, sweep)
    if sweep.wait() != 0:
        raise Broken(f"the first sweep: exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
    sweep.check_uncharged()
    sweep.check()


def move_folder(is_replaced):
    """The results folder is moved away while the sweep runs, and put back: nothing was written where it was. Where
    another folder has taken its place, trainers may still end there what they were at."""

    def play(case):
        sweep = case.begin()
        away = case.folder / "away"
        for _ in range(case.dice.randint(1, 2)):
            sweep.start()
            sweep.wait_for(lambda: sweep.new_events("assigned"))
            sweep.pause(case.dice, 0.4)
            os.rename(sweep.out, away)
            was_over = sweep.is_over()
            if is_replaced:
                sweep.out.mkdir()
            code = sweep.wait()
            written = [path.name for path in sweep.out.iterdir()] if sweep.out.exists() else []
            if sweep.out.exists() and (not is_replaced or set(written) - {"runs"}):
                raise Broken(f"written where the folder was: {written}")
            shutil.rmtree(sweep.out, ignore_errors=True)
            os.rename(away, sweep.out)
            if was_over or code == 0:
                case.late()
                break
            if code != 3:
                raise Broken(f"exit code {code}: {sweep.said()[-600:]}")
            case.caused()
        sweep.finish()
        sweep.check(is_clean=False)  # a run may have been done that found no folder to tidy

    return play


# ---- clocks and logs ----

def set_clock(case):
    """The wall clock jumps, by seconds or by years, in all processes at once."""
    preload = case.bench.preloads / "libshifted_clock.so"
    if not preload.exists():
        raise Skipped(f"{preload.name} is not built")
    path = case.bench.root / "shift"
    path.write_bytes(struct.pack("d", 0.0))
    sweep = case.begin(environment={"LD_PRELOAD": str(preload), "SHIFTED_CLOCK": str(path)})
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 8) as shift:
        sweep.start()
        for _ in range(case.dice.randint(3, 8)):
            sweep.pause(case.dice, 0.25)
            seconds = case.dice.choice((-1, 1)) * 10 ** case.dice.uniform(0, 8)
            shift[:] = struct.pack("d", seconds)
            if sweep.is_over():
                case.late()
                break
            case.caused(seconds=round(seconds))
        code = sweep.wait()
    if code != 0:
        raise Broken(f"exit code {code}: {sweep.said()[-600:]}")
    sweep.check_uncharged()
    sweep.check()


def flood_logs(case):
    """Megabytes go into every log of the results folder while the sweep runs."""
    sweep = case.begin()
    sweep.start()
    for _ in range(case.dice.randint(2, 4)):
        sweep.pause(case.dice, 0.4)
        logs = [*sweep.out.glob("runs/*/a*/log.txt"), *sweep.out.glob("rank-*.log")]
        if sweep.is_over() or not logs:
            case.late()
            continue
        megabytes = case.dice.randint(1, 8)
        for path in logs:
            with open(path, "ab") as file:
                file.write((b"x" * 99 + b"\n") * 10000 * megabytes)
        case.caused(megabytes=megabytes, logs=len(logs))
        time.sleep(0.05)
    if sweep.wait() != 0:
        raise Broken(f"exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
    sweep.check_uncharged()
    sweep.check()
