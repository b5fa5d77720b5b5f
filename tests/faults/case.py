"""One case of a campaign: a kind of fault, a seed, the sweep it strikes, and the faults it has caused."""

import random
import time
import traceback

from disturbed import Broken, Disturbed, Late


class Skipped(Exception):
    """This machine cannot do it."""


class Case:
    def __init__(self, bench, kind, seed, sweep="sweep"):
        self.sweep_name = sweep
        self.bench, self.kind, self.seed = bench, kind, seed
        self.name, self.dice = f"{kind}-{seed}", random.Random(f"{kind}-{seed}")
        self.faults, self.sweep, self.n_late, self.folder = [], None, 0, None

    def begin(self, ranks=None, with_results=False, **options):
        """The sweep, with or without mpirun where `ranks` leaves it to the dice."""
        if self.folder is None:
            self.make_folder(with_results)
        n_ranks = self.dice.choice((0, 2)) if ranks is None else ranks
        self.sweep = Disturbed(self.bench, self.folder, n_ranks, self.sweep_name, **options)
        return self.sweep

    def make_folder(self, with_results=False):
        self.folder = self.bench.case_folder(self.name, with_results)

    def caused(self, **parameters):
        """A fault has struck: what it was."""
        self.faults.append(dict(parameters, ranks=self.sweep.ranks))

    def late(self):
        self.n_late += 1

    def play_to_end(self, play):
        """Also what came too late leaves a sweep that must be right."""
        try:
            play(self)
        except Late:
            self.late()
            self.sweep.wait()
            self.sweep.finish(allowed=(0, 3, 75))
            self.sweep.check()

    def run(self, play):
        """One entry per fault for the ledger, and what went wrong, if anything."""
        begin, problem, skipped = time.monotonic(), None, None
        try:
            self.play_to_end(play)
        except Skipped as reason:
            skipped = str(reason)
        except Broken as broken:
            problem = str(broken)
        except Exception:  # noqa: BLE001: a file that cannot be read is a finding as well, and the campaign goes on
            problem = traceback.format_exc(limit=-3)
        finally:
            if self.sweep is not None:
                self.sweep.end_all()
        result = "failed" if problem else "survived"
        outcomes = [{"fault": fault, "result": result} for fault in self.faults] + [{"result": "late"}] * self.n_late
        if skipped:
            outcomes = [{"result": "skipped", "reason": skipped}]
        elif problem:
            outcomes = outcomes or [{"result": "failed"}]
            outcomes[0]["problem"] = problem
        seconds = time.monotonic() - begin
        return [dict({"kind": self.kind, "seed": self.seed}, **outcome, seconds=round(seconds / len(outcomes), 3))
                for outcome in outcomes], problem
