"""A Slurm cluster of several nodes on this machine, below one folder, with a munge of its own."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo")
PATIENCE_S = 60.0
CONFIGURATION = """
ClusterName=loop
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
SlurmdTimeout=10
SlurmdParameters=config_overrides
{nodes}
PartitionName=shared Nodes=ALL Default=YES OverSubscribe=YES
PartitionName=timing Nodes=ALL OverSubscribe=EXCLUSIVE
"""


def lacking() -> list[str]:
    """Programs that are not installed."""
    places = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return [name for name in NEEDED if not shutil.which(name, path=places)]


@dataclass
class Cluster:
    """Up inside its block; whatever ends the block ends every process of it."""

    folder: Path
    nodes: tuple[str, ...] = ("n1", "n2")
    started: list[subprocess.Popen] = field(default_factory=list)

    def __enter__(self) -> Cluster:
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        for name in ("state", *(f"spool-{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "slurm.conf").write_text(self.configuration())
        try:
            self.start_munge()
            self.start("slurmctld", "-D")
            for node in self.nodes:
                self.start("slurmd", "-D", "-N", node)
            self.wait_for(lambda: self.idle() == len(self.nodes), "nodes that are idle")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def configuration(self) -> str:
        host = socket.gethostname().partition(".")[0]
        lines = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} "
            "CPUs=2 RealMemory=4000"
            for node in self.nodes
        ]
        about = {"host": host, "port": free_port(), "folder": self.folder}
        return CONFIGURATION.format(**about, user=getpass.getuser(), nodes="\n".join(lines))

    def start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(mode=0o400)
        key.chmod(0o600)
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        kinds = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        places = {"key-file": key, "socket": self.folder / "munge.socket"}
        files = (f"--{kind}={places.get(kind, self.folder / f'munge.{kind}')}" for kind in kinds)
        self.start("munged", "--foreground", "--force", *files)
        self.wait_for((self.folder / "munge.socket").exists, "munge's socket")

    def start(self, *words: str) -> None:
        with (self.folder / f"{words[0]}.out").open("ab") as out:
            process = subprocess.Popen(words, stdout=out, stderr=out, start_new_session=True)
        self.started.append(process)

    def idle(self) -> int:
        told = asked("sinfo", "--noheader", "--Node", "--partition=shared", "--format=%T")
        return told.split().count("idle")

    def states(self) -> dict[str, tuple[str, str]]:
        """State and node of each job, by id."""
        lines = asked("squeue", "--noheader", "--array", "--format=%i|%T|%N").splitlines()
        return {row[0]: (row[1], row[2]) for row in (line.split("|") for line in lines)}

    def kill(self, node: str) -> None:
        """What happens when a node loses its power: its daemon, and every process of its jobs."""
        found = self.processes_of(node)
        for act in (psutil.Process.suspend, psutil.Process.kill):  # none hears of another's end
            for process in found:
                with suppress(psutil.Error):
                    act(process)

    def processes_of(self, node: str) -> list[psutil.Process]:
        """Its daemon, those that watch its steps, and all that these have started."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = self.mine(process)
                daemon = process.cmdline()[:1] == ["slurmd"] and process.cmdline()[-1] == node
                watches = self.watches(process, node)
                runs = mine and process.environ().get("SLURMD_NODENAME") == node
                if (mine and daemon) or watches or runs:
                    found += [process, *process.children(recursive=True)]
        return found

    def mine(self, process: psutil.Process) -> bool:
        """Whether a process has the settings of this cluster."""
        return process.environ().get("SLURM_CONF") == str(self.folder / "slurm.conf")

    def watches(self, process: psutil.Process, node: str) -> bool:
        """Whether it is a slurmstepd of the node, which has no settings that are seen from here."""
        log = str(self.folder / f"slurmd-{node}.log")
        return process.name() == "slurmstepd" and any(f.path == log for f in process.open_files())

    def end(self) -> None:
        """Stop all that was started, and what it has started."""
        for process in self.started:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 5
        for process in self.started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for process in self.left():
            with suppress(psutil.Error):
                process.kill()
        for process in self.started:
            process.wait()

    def left(self) -> list[psutil.Process]:
        """Processes of this cluster that still run, but for this one and those above it."""
        above = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.pid in above or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                named = str(self.folder) in " ".join(process.cmdline())
                watches = any(self.watches(process, node) for node in self.nodes)
                if named or watches or self.mine(process):
                    found.append(process)
        return found

    def wait_for(self, true, what: str, patience_s: float = PATIENCE_S) -> None:
        until = time.monotonic() + patience_s
        while not true():
            if time.monotonic() > until:
                raise TimeoutError(f"no {what} after {patience_s:.0f} s; logs: {self.folder}")
            time.sleep(0.2)


def asked(*words: str) -> str:
    """What a command prints; nothing where it fails."""
    done = subprocess.run(words, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
