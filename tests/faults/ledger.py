"""What a campaign has done so far: a file with one JSON object per fault, to go on from and to count."""

import json
import os


class Ledger:
    """Lines are added a case at a time, so that a call cut short repeats the case it was at."""

    def __init__(self, path):
        self.path, self.entries = path, []
        if path is not None and path.exists():
            whole = path.read_text().rpartition("\n")[0]
            self.entries = [json.loads(line) for line in whole.split("\n") if line]
            path.write_text("".join(json.dumps(entry) + "\n" for entry in self.entries))

    def add(self, entries):
        self.entries += entries
        if self.path is None:
            return
        with open(self.path, "a") as file:
            file.write("".join(json.dumps(entry) + "\n" for entry in entries))
            file.flush()
            os.fsync(file.fileno())

    def next_case(self):
        return max((entry["case"] for entry in self.entries), default=-1) + 1

    def count(self, *results):
        return sum(entry["result"] in results for entry in self.entries)

    def caused(self):
        return self.count("survived", "failed")

    def table(self, kinds):
        """Faults by kind; what could not be caused (the sweep was over first) does not count as a fault."""
        lines = ["| fault | caused | survived | came too late | seconds of sweeps |", "|---|---|---|---|---|"]
        total = [0, 0, 0, 0.0]
        for kind in kinds:
            of_kind = [entry for entry in self.entries if entry["kind"] == kind]
            n = {name: sum(entry["result"] == name for entry in of_kind)
                 for name in ("survived", "failed", "late", "skipped")}
            row = [n["survived"] + n["failed"], n["survived"], n["late"], sum(entry["seconds"] for entry in of_kind)]
            total = [a + b for a, b in zip(total, row)]
            skipped = "".join(f" (skipped: {e['reason']})" for e in of_kind[:1] if e["result"] == "skipped")
            if of_kind:
                lines.append(f"| {kind}{skipped} | {row[0]} | {row[1]} | {row[2]} | {row[3]:.0f} |")
        lines.append(f"| **all** | **{total[0]}** | **{total[1]}** | {total[2]} | {total[3]:.0f} |")
        return "\n".join(lines)
