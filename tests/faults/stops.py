"""Requests to stop: signals, `prunelora stop`, --stop-before. What is left is done by the next start."""

import signal
import subprocess

from disturbed import Broken, send

MOST_STOPS = 3


def signals(number):
    def play(case):
        sweep = case.begin()
        for _ in range(case.dice.randint(1, MOST_STOPS)):
            sweep.start()
            sweep.pause(case.dice)
            is_struck = not sweep.is_over() and send(sweep.process.pid, number)
            code = sweep.wait()
            if is_struck:
                case.caused(signal=signal.Signals(number).name, exit_code=code)
            else:
                case.late()
            # mpirun itself is stopped by TERM and INT, and ends with a code of its own; and nobody has begun at once
            is_ours = (not sweep.ranks or number == signal.SIGUSR1) and sweep.new_events("start")
            if is_ours and is_struck and code not in (0, 75):
                raise Broken(f"exit code {code}: {sweep.said()[-600:]}")
            if code == 0:
                break
        sweep.finish()
        sweep.check_uncharged()
        sweep.check()

    return play


def stop_command(case):
    sweep = case.begin()
    for _ in range(case.dice.randint(1, MOST_STOPS)):
        sweep.start()
        sweep.wait_for(lambda: (sweep.out / "status.json").exists() and sweep.status()["state"] == "running")
        sweep.pause(case.dice, 0.4)
        asked = subprocess.run([case.bench.program.binary, "stop", "out"], cwd=case.folder, capture_output=True,
                               text=True, check=False, timeout=60)
        code = sweep.wait()
        if "is stopping" in asked.stdout + asked.stderr:
            case.caused(exit_code=code)
            if code not in (0, 75):
                raise Broken(f"exit code {code}: {sweep.said()[-600:]}")
        else:
            case.late()
        if code == 0:
            break
    sweep.finish()
    sweep.check_uncharged()
    sweep.check()


def stop_before(case):
    sweep = case.begin()
    for _ in range(MOST_STOPS):
        code = sweep.run(["--stop-before", "1"])
        if code == 75:
            case.caused()
        elif code == 0:
            case.late()
            break
        else:
            raise Broken(f"exit code {code}: {sweep.said()[-600:]}")
    sweep.finish()
    sweep.check_uncharged()
    sweep.check()
