"""Processes that die or stand still: trainers, ranks, the launcher, all of them."""

import signal
import time

from disturbed import Broken, is_alive, send
from results_folder import below

MOST_SHOTS = 6


def shoot_trainers(number):
    """Trainers die of this signal, several in one sweep; it goes on by itself."""

    def play(case):
        sweep = case.begin()
        sweep.start()
        for _ in range(case.dice.randint(3, MOST_SHOTS)):
            sweep.pause(case.dice, 0.4)
            found = sweep.trainers()
            if found and not sweep.is_over() and send(case.dice.choice(found), number):
                case.caused(signal=signal.Signals(number).name)
            else:
                case.late()
            time.sleep(0.1)  # three that do not even start are another matter
        if sweep.wait() != 0:
            raise Broken(f"exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
        sweep.check()

    return play


def suspend(find):
    """Processes stand still for less than any deadline: nobody notices."""

    def play(case):
        sweep = case.begin()
        sweep.start()
        for _ in range(case.dice.randint(2, 4)):
            sweep.pause(case.dice, 0.4)
            seconds = case.dice.uniform(0.02, 0.6)
            struck = [pid for pid in find(sweep, case.dice) if send(pid, signal.SIGSTOP)]
            if struck:
                time.sleep(seconds)
                case.caused(seconds=round(seconds, 3))
            else:
                case.late()
            for pid in struck:
                send(pid, signal.SIGCONT)
        if sweep.wait() != 0:
            raise Broken(f"exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
        sweep.check_uncharged()
        sweep.check()

    return play


def one_trainer(sweep, dice):
    return [dice.choice(sweep.trainers() or [0])] if sweep.trainers() else []


def one_rank(sweep, dice):
    return [dice.choice(sorted(sweep.rank_processes().values()))] if sweep.rank_processes() else []


def everybody(sweep, _):
    return [] if sweep.is_over() else [sweep.process.pid, *below(sweep.process.pid)]


def hang_trainers(case):
    """Trainers stand still for good: after 30 s without a sign of life they are replaced."""
    sweep = case.begin(ranks=2)
    sweep.start()
    found = sweep.wait_for(lambda: len(sweep.trainers()) == 2 and len(sweep.events("assigned")) >= 2 and
                           sweep.trainers())
    for pid in found:
        if send(pid, signal.SIGSTOP):
            case.caused()
    if sweep.wait() != 0:
        raise Broken(f"exit code {sweep.codes[-1]}: {sweep.said()[-600:]}")
    sweep.check()


def kill_ranks(choose, recovery=False):
    """A rank is killed, and the job with it; the next start goes on."""

    def play(case):
        sweep = case.begin(ranks=2)
        for _ in range(case.dice.randint(2, 3)):
            sweep.start(recovery=recovery)
            if case.dice.random() < 0.8:  # else perhaps before it has begun at all
                sweep.wait_for(lambda: sweep.new_events("start"))
            sweep.pause(case.dice, 0.6)
            ranks = sweep.rank_processes()
            sweep.look()
            number = choose(case.dice)
            if number in ranks and send(ranks[number], signal.SIGKILL):
                case.caused(rank=number)
            else:
                case.late()
            if sweep.wait() == 0:
                break
        sweep.finish()
        sweep.check()

    return play


def kill_ranks_for_good(case):
    """Ranks but the first are killed under a launcher that goes on without them, and so does the sweep."""
    sweep = case.begin(ranks=4)
    sweep.start(recovery=True)
    ranks = sweep.wait_for(lambda: len(sweep.events("assigned")) >= 4 and len(sweep.rank_processes()) == 4 and
                           sweep.rank_processes())
    sweep.look()
    for number in case.dice.sample((1, 2, 3), case.dice.randint(1, 3)):
        if send(ranks[number], signal.SIGKILL):
            case.caused(rank=number)
    sweep.wait()  # the launcher's exit code is its own matter
    if sweep.status()["exit_code"] != 0:
        raise Broken(f"status.json says {sweep.status()}: {sweep.said()[-600:]}")
    sweep.check()


def suspend_rank_too_long(case):
    """A rank is given up after 30 s of silence, its run goes to the other one, and then it goes on where it was."""
    sweep = case.begin(ranks=2)
    sweep.start(recovery=case.dice.random() < 0.5)
    ranks = sweep.wait_for(lambda: {event["rank"] for event in sweep.events("assigned")} == {0, 1} and
                           len(sweep.rank_processes()) == 2 and sweep.rank_processes())
    if not send(ranks[1], signal.SIGSTOP):
        raise Broken("rank 1 is gone while rank 0 is there")
    is_lost = False
    end = time.monotonic() + 50
    while not is_lost and time.monotonic() < end and not sweep.is_over():
        is_lost = "rank 1 on" in sweep.said() and "silent and given up" in sweep.said()
        time.sleep(0.01)
    send(ranks[1], signal.SIGCONT)
    if not is_lost:
        raise Broken(f"rank 1 was not given up within 50 s: {sweep.said()[-600:]}")
    case.caused()
    sweep.wait()
    if sweep.status()["exit_code"] != 0:
        raise Broken(f"status.json says {sweep.status()}: {sweep.said()[-600:]}")
    sweep.check()


def kill_job(only_launcher):
    """The launcher, or it and every rank, is killed; the others must follow by themselves."""

    def play(case):
        sweep = case.begin()
        for _ in range(case.dice.randint(2, 3)):
            sweep.start()
            sweep.pause(case.dice)
            sweep.look()
            trainers = set(sweep.trainers())
            victims = [sweep.process.pid]
            if not only_launcher:
                victims += sorted(sweep.seen - trainers)
            if not sweep.is_over() and is_alive(victims[0]):
                for pid in victims:
                    send(pid, signal.SIGKILL)
                case.caused(processes=len(victims))
            else:
                case.late()
            if sweep.wait() == 0:
                break
        sweep.finish()
        sweep.check()

    return play
