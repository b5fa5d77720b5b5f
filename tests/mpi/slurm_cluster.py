"""A Slurm of one node that belongs to a test: munged, slurmctld and slurmd with every file in one temporary folder, on
loopback, on free ports. It neither reads nor touches a Slurm of the system.

No cgroups (proctrack/linuxproc, task/none), so that it also runs in a container, and without systemd.
"""

import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 30
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")

# cred_expire: a requeued job waits that long, 120 s by default. sched_interval: it is then looked for every 60 s.
CONFIG = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
PlugStackConfig={folder}/plugstack.conf
MailProg=/bin/true
TmpFS={folder}/tmp
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmctldDebug=debug2
KillWait=5
MinJobAge=600
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=10 State=UP
"""


def missing():
    """Why there can be no cluster here, or None."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    absent = [name for name in DAEMONS + CLIENTS if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(absent)} (Debian: munge slurmctld slurmd slurm-client)" if absent else None


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class CannotStart(Exception):
    pass


class Cluster:
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="slurm-"))
        self.daemons = {}
        # Variables of a job around this test would be taken for this cluster's.
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("SLURM_", "SBATCH_", "SRUN_", "PMI", "OMPI_"))}
        self.environment["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        self.environment["SLURM_CONF"] = str(self.folder / "slurm.conf")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if len(self.daemons) == len(DAEMONS):
            self.end_jobs()
        for daemon in reversed(self.daemons.values()):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_jobs(self):
        """Processes of a job outlive the daemons."""
        self.run("scancel", f"--user={getpass.getuser()}")
        deadline = time.monotonic() + 15
        while self.ask("squeue", "-h").strip() and time.monotonic() < deadline:
            time.sleep(0.1)

    def start(self):
        for name in ("state", "spool", "tmp"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)  # munged's socket must be reachable
        (self.folder / "plugstack.conf").touch()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(CONFIG.format(
            host=host, ports=free_ports(2), user=getpass.getuser(), folder=self.folder))
        self.start_daemon("munged", "--foreground", *(f"--{what}={self.folder}/munge.{ending}" for what, ending in (
            ("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))))
        self.wait_for("munged", lambda: (self.folder / "munge.socket").exists())
        self.start_daemon("slurmctld", "-D", "-f", self.folder / "slurm.conf")
        self.start_daemon("slurmd", "-D", "-N", host, "-f", self.folder / "slurm.conf")
        self.wait_for("slurmctld and slurmd", lambda: self.ask("sinfo", "-h", "-o", "%T").strip() == "idle")

    def start_daemon(self, name, *words):
        with open(self.folder / f"{name}.out", "wb") as out:
            self.daemons[name] = subprocess.Popen(
                [shutil.which(name, path=self.environment["PATH"]), *map(str, words)], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, env=self.environment, cwd=self.folder, start_new_session=True)

    def wait_for(self, what, is_ready):
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            dead = [name for name, daemon in self.daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise CannotStart(f"{' and '.join(dead) or what} did not start\n{self.logs()}")
            time.sleep(0.1)

    def logs(self):
        """The end of what each daemon said."""
        text = ""
        for path in sorted(self.folder.glob("*.out")):
            lines = [line for line in path.read_text(errors="replace").splitlines() if "debug" not in line]
            text += "\n".join([f"--- {path.name}", *lines[-20:], ""])
        return text

    def run(self, *words, **variables):
        """Returns (exit code, standard output, standard error) of a Slurm command."""
        done = subprocess.run(list(map(str, words)), env=dict(self.environment, **variables), capture_output=True,
                              text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def ask(self, *words):
        return self.run(*words)[1]

    def job(self, number):
        """What scontrol says of a job, as a dictionary."""
        words = self.ask("scontrol", "show", "job", number, "-o").split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_job(self, number, is_over, timeout=400):
        """Waits until is_over(job) and returns the job; None after the timeout."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            job = self.job(number)
            if job and is_over(job):
                return job
            time.sleep(0.2)
        return None


def is_over(job):
    return job["JobState"] not in ("PENDING", "CONFIGURING", "RUNNING", "SIGNALING", "COMPLETING", "REQUEUED", "SUSPENDED")
