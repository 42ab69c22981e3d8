"""A real Slurm on one machine, for tests: a controller, and nodes with pretended GPUs.

It runs on the loopback as root, without systemd, control groups or an accounting database, from
the packages that `install.sh` installs. All daemons are children of this process and end with it;
files and ports are the cluster's own, so that several clusters run beside each other. Nodes are
told apart, and everything is found again, by the environment of the processes. To try
things by hand: `python tests/slurm/cluster.py` starts one and a shell in it.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "setpriv")
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

GPUS = {"n1": 2, "n2": 1}
"""So few that jobs wait for them, and not the same on every node."""

NULL_DEVICE = os.makedev(1, 3)

CONTROLLER = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
# A job of a lost node waits until its credential (s) has expired before it is tried again.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/start
TaskEpilog={folder}/end
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
GresTypes=gpu
SlurmdParameters=config_overrides
MpiDefault=none
MailProg=/bin/true
PropagateResourceLimits=NONE
# A lost node is noticed, and a returned one used again, within seconds.
ReturnToService=2
SlurmdTimeout=10
MessageTimeout=10
KillWait=2
# Without an accounting database only squeue tells how a job ended, and only for so long (s).
MinJobAge=3600
"""
NODE = """\
NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} \
CPUs=8 RealMemory=64000 Gres=gpu:{gpus}
"""
GPU = "NodeName={name} Name=gpu File={folder}/gpu[0-{last}] Flags=nvidia_gpu_env\n"
PARTITION = "PartitionName=main Nodes=ALL Default=YES State=UP\n"

# Snakemake drops every SLURM_* variable, the path of the configuration too, before it calls srun.
SRUN = '#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {srun} "$@"\n'

TRACE = """\
#!/bin/sh
echo {event} $(date +%s.%N) $SLURM_JOB_ID $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES >> {folder}/trace
"""


def missing() -> str | None:
    """Why no cluster can be started here, None if one can."""
    if os.geteuid() != 0:
        return "Slurm's daemons need root"
    absent = [program for program in PROGRAMS if shutil.which(program, path=SYSTEM_PATH) is None]
    if absent:
        return f"{', '.join(absent)} not installed; tests/slurm/install.sh does"
    return None


class Cluster:
    """A running Slurm; leaving the `with` block ends it and whatever runs in it.

    Args:
        folder: an empty folder for everything the daemons write; a short path, because that of a
            socket may have 107 characters.
        gpus: how many GPUs each node pretends to have, by the node's name.
    """

    def __init__(self, folder: Path, gpus: dict[str, int]):
        self.folder = folder
        self.gpus = gpus
        inherited = {key: value for key, value in os.environ.items() if "SLURM" not in key}
        self.environment = inherited | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder}:{os.environ['PATH']}:{SYSTEM_PATH}",
        }
        self._daemons: list[subprocess.Popen] = []

    def __enter__(self) -> Cluster:
        try:
            self._configure()
            self._start_controller()
            for name in self.gpus:
                self.start_node(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill(SLURM_CONF=self.environment["SLURM_CONF"])

    def run(self, *command: str) -> str:
        """What a command, one of Slurm's for example, prints."""
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def start_node(self, name: str) -> None:
        """Start a node and wait until it takes jobs."""
        self._start("slurmd", "-D", "-N", name, SLURMD_NODENAME=name)
        wait_until(lambda: self._state(name) in ("idle", "mixed", "allocated"))

    def stop_daemon(self, name: str) -> None:
        """Kill the daemon of a node and let its jobs go on, as an upgrade of Slurm may."""
        for daemon in self._daemons:
            if daemon.args[-1] == name:
                daemon.kill()
                daemon.wait()

    def kill_node(self, name: str) -> None:
        """Kill everything on a node, as a power failure does."""
        self._kill(SLURM_CONF=self.environment["SLURM_CONF"], SLURMD_NODENAME=name)

    def trace(self) -> list[list[str]]:
        """Start and end of every task so far: event, time (s), job, node, CUDA_VISIBLE_DEVICES."""
        return [line.split() for line in (self.folder / "trace").read_text().splitlines()]

    def _configure(self) -> None:
        values = {"host": socket.gethostname().split(".")[0], "folder": self.folder}
        port, *ports = free_ports(1 + len(self.gpus))
        configuration, devices = CONTROLLER.format(port=port, **values), ""
        for (name, gpus), node_port in zip(self.gpus.items(), ports, strict=True):
            configuration += NODE.format(name=name, port=node_port, gpus=gpus, **values)
            devices += GPU.format(name=name, last=gpus - 1, **values)
        for number in range(max(self.gpus.values())):
            os.mknod(self.folder / f"gpu{number}", 0o600 | stat.S_IFCHR, NULL_DEVICE)
        (self.folder / "munge").mkdir(mode=0o700)
        (self.folder / "munge/key").write_bytes(os.urandom(1024))
        (self.folder / "munge/key").chmod(0o600)
        (self.folder / "slurm.conf").write_text(configuration + PARTITION)
        (self.folder / "gres.conf").write_text(devices)
        (self.folder / "trace").touch()
        scripts = {
            "srun": SRUN.format(srun=shutil.which("srun", path=SYSTEM_PATH), **values),
            "start": TRACE.format(event="start", **values),
            "end": TRACE.format(event="end", **values),
        }
        for name, script in scripts.items():
            (self.folder / name).write_text(script)
            (self.folder / name).chmod(0o755)

    def _start_controller(self) -> None:
        munge = self.folder / "munge"
        options = {name: munge / name for name in ("socket", "pid-file", "log-file", "seed-file")}
        arguments = [f"--{name}={path}" for name, path in options.items()]
        self._start("munged", "--foreground", "--force", f"--key-file={munge / 'key'}", *arguments)
        wait_until((munge / "socket").exists)
        self._start("slurmctld", "-D")
        wait_until(lambda: self._succeeds("scontrol", "ping"))

    def _start(self, *command: str, **environment: str) -> None:
        """Start a daemon that is ended when this process ends, however it does."""
        log = (self.folder / f"{command[0]}.log").open("ab")
        with log:
            daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._daemons.append(daemon)

    def _state(self, node: str) -> str:
        return self.run("sinfo", "--noheader", "--nodes", node, "--format=%T").strip()

    def _succeeds(self, *command: str) -> bool:
        try:
            self.run(*command)
        except subprocess.CalledProcessError:
            return False
        return True

    def _kill(self, **environment: str) -> None:
        """Kill all processes with these variables in their environment, and reap the daemons."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if environment.items() <= process.environ().items():
                    parent = process.parent()
                    if parent and parent.name() == "slurmstepd":  # these hide their environment
                        parent.kill()
                    process.kill()
        for daemon in self._daemons:
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    with ExitStack() as stack:
        create = partial(socket.create_server, ("127.0.0.1", 0))
        sockets = [stack.enter_context(create()) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} does not hold after {seconds} s")
        time.sleep(0.1)


if __name__ == "__main__":
    with TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder), GPUS) as cluster:
        subprocess.run([os.environ.get("SHELL", "/bin/bash")], env=cluster.environment)
