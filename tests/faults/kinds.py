"""Every kind of fault a campaign knows."""

import errno
import signal
from typing import Callable, NamedTuple

import damage
import deaths
import stops
import storage
import surroundings


class Kind(NamedTuple):
    play: Callable
    share: int = 1         # cases of this kind in a round
    is_slow: bool = False  # it waits for deadlines of 30 s: not in a short campaign, and once in ten rounds
    sweep: str = "sweep"


KINDS = {
    "trainer_killed": Kind(deaths.shoot_trainers(signal.SIGKILL), 2),
    "trainer_segv": Kind(deaths.shoot_trainers(signal.SIGSEGV)),
    "trainer_abort": Kind(deaths.shoot_trainers(signal.SIGABRT)),
    "trainer_suspended": Kind(deaths.suspend(deaths.one_trainer)),
    "trainer_hung": Kind(deaths.hang_trainers, is_slow=True),
    "rank_suspended": Kind(deaths.suspend(deaths.one_rank)),
    "rank_suspended_too_long": Kind(deaths.suspend_rank_too_long, is_slow=True),
    "job_suspended": Kind(deaths.suspend(deaths.everybody)),
    "rank_killed": Kind(deaths.kill_ranks(lambda dice: 1)),
    "rank_0_killed": Kind(deaths.kill_ranks(lambda dice: 0)),
    "rank_0_killed_recovery": Kind(deaths.kill_ranks(lambda dice: 0, recovery=True), is_slow=True),
    "rank_killed_recovery": Kind(deaths.kill_ranks_for_good, is_slow=True),
    "launcher_killed": Kind(deaths.kill_job(only_launcher=True)),
    "job_killed": Kind(deaths.kill_job(only_launcher=False), 2),
    "early_trainer_killed": Kind(deaths.shoot_trainers(signal.SIGKILL), sweep="early"),
    "early_job_killed": Kind(deaths.kill_job(only_launcher=False), sweep="early"),
    "early_sigusr1": Kind(stops.signals(signal.SIGUSR1), sweep="early"),
    "early_disk_full": Kind(storage.fail_with(errno.ENOSPC), sweep="early"),
    "sigterm": Kind(stops.signals(signal.SIGTERM)),
    "sigint": Kind(stops.signals(signal.SIGINT)),
    "sigusr1": Kind(stops.signals(signal.SIGUSR1)),
    "stop_command": Kind(stops.stop_command),
    "stop_before": Kind(stops.stop_before),
    "disk_full": Kind(storage.fail_with(errno.ENOSPC), 2),
    "disk_really_full": Kind(storage.fill_disk),
    "disk_quota": Kind(storage.fail_with(errno.EDQUOT)),
    "disk_broken": Kind(storage.fail_with(errno.EIO), 2),
    "disk_read_only": Kind(storage.fail_with(errno.EROFS)),
    "journal_cut": Kind(damage.cut_journal, 2),
    "journal_end_damaged": Kind(damage.spoil_journal_end),
    "journal_damaged": Kind(damage.spoil_journal),
    "journal_repaired": Kind(damage.repair_journal),
    "checkpoint_cut": Kind(damage.spoil_checkpoints(damage.cut)),
    "checkpoint_flipped": Kind(damage.spoil_checkpoints(damage.flip)),
    "checkpoint_half_written": Kind(damage.spoil_checkpoints(damage.half_write)),
    "checkpoint_deleted": Kind(damage.spoil_checkpoints(damage.delete)),
    "result_cut": Kind(damage.spoil_results("run.h5", damage.cut)),
    "result_flipped": Kind(damage.spoil_results("run.h5", damage.flip), 2),
    "result_deleted": Kind(damage.spoil_results("run.h5", damage.delete)),
    "table_damaged": Kind(damage.spoil_table),
    "weights_damaged": Kind(damage.spoil_results("weights.h5", damage.cut, damage.flip, damage.delete)),
    "weights_swapped": Kind(surroundings.swap(surroundings.swap_weights, "base.h5")),
    "list_swapped": Kind(surroundings.swap(surroundings.swap_list, "list.txt")),
    "pixels_swapped": Kind(surroundings.swap(surroundings.swap_pixels, "data")),
    "lock_deleted": Kind(surroundings.delete_lock),
    "second_sweep": Kind(surroundings.start_second),
    "folder_moved": Kind(surroundings.move_folder(is_replaced=False)),
    "folder_replaced": Kind(surroundings.move_folder(is_replaced=True)),
    "clock_set": Kind(surroundings.set_clock),
    "logs_flooded": Kind(surroundings.flood_logs),
}

# What a kind needs of the program: (a command and its --help, a word that must be in it). Without it, it is left out.
NEEDS = {
    "journal_repaired": (("verify", "--help"), "--repair"),
    "weights_damaged": (("verify", "--help"), "--repair"),
    "result_flipped": (("verify", "--help"), "--repair"),
}


def known(program):
    """The kinds whose needs the program meets, and why the others are left out."""
    kinds, left_out = dict(KINDS), {}
    for name, (command, word) in NEEDS.items():
        code, out, err = program.run(*command)
        if code != 0 or word not in out + err:
            del kinds[name]
            left_out[name] = f"prunelora {' '.join(command)} does not say '{word}'"
    return kinds, left_out
