"""Jobs in a queue, by way of submitit: on Slurm, or as processes of this machine."""

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import submitit
from submitit.core.core import Executor, Job
from submitit.core.utils import FailedJobError, FailedSubmissionError

from groundspeed import project
from groundspeed.tools.fleet import LOCAL
from groundspeed.tools.fleet.fleet_file import Fleet, Kind
from groundspeed.validation.records.errors import Refused

NAME = "groundspeed"
RUNNING = "RUNNING"  # of squeue's states, the one that is told
UNKNOWN = "UNKNOWN"
PATIENCE_S = 60.0  # for an answer of the cluster


class Queue(ABC):
    """Where jobs wait and run."""

    grace_s = 0.0  # between the end of a job and the last of its files
    tick_s = 0.2  # between questions about its jobs

    def __init__(self, logs: Path):
        self.logs = logs

    @abstractmethod
    def executor(self, kind: Kind) -> Executor:
        """Of submitit, with the settings of a kind."""

    @abstractmethod
    def room(self, kind: Kind, beside: list[Kind]) -> int:
        """How many more jobs may be submitted, beside those that are."""

    @abstractmethod
    def states(self, jobs: list[Job]) -> dict[str, str]:
        """What each of these jobs that still wait or run is doing, by id."""

    def submit(self, kind: Kind, calls: list[tuple[Callable, tuple]]) -> list[Job]:
        """Submit calls of functions, on Slurm as one array.

        Raises:
            Refused: the queue takes no such job.
        """
        try:
            with asides_to(self.logs / "submission.log"), importable():
                executor = self.executor(kind)
                with executor.batch():
                    return [executor.submit(function, *given) for function, given in calls]
        except (FailedJobError, FailedSubmissionError, subprocess.CalledProcessError) as error:
            said = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise Refused(f"the queue refused a job: {said}; mend the fleet file") from None

    @abstractmethod
    def cancel(self, jobs: list[Job]) -> None:
        """Take jobs out of the queue, and end those that run."""


class SlurmQueue(Queue):
    """A cluster under Slurm; sacct is never asked, because many clusters have no accounting."""

    grace_s = 20.0  # shared file systems take their time
    tick_s = 3.0  # of many users, each asks little

    def executor(self, kind: Kind) -> Executor:
        given = {
            "partition": kind.partition or None,
            "gpus_per_node": kind.gpus or None,
            "exclusive": True if kind.exclusive else None,
        }
        executor = submitit.SlurmExecutor(self.logs)
        executor.update_parameters(
            job_name=NAME,
            time=kind.minutes,
            nodes=1,
            ntasks_per_node=1,
            cpus_per_task=kind.cpus,
            array_parallelism=kind.jobs,
            **{key: value for key, value in given.items() if value is not None},
        )
        return executor

    def room(self, kind: Kind, beside: list[Kind]) -> int:
        return sys.maxsize  # arrays keep to their limit themselves

    def states(self, jobs: list[Job]) -> dict[str, str]:
        words = ["squeue", "--noheader", "--array", "--me", "--format=%i %T"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
        except (OSError, subprocess.SubprocessError):
            return dict.fromkeys((job.job_id for job in jobs), UNKNOWN)
        if done.returncode:  # nobody knows, and nothing is given up
            return dict.fromkeys((job.job_id for job in jobs), UNKNOWN)
        every = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
        return {job.job_id: every[job.job_id] for job in jobs if job.job_id in every}

    def cancel(self, jobs: list[Job]) -> None:
        words = ["scancel", *(job.job_id for job in jobs)]
        with suppress(OSError, subprocess.SubprocessError):  # what stays in the queue ends itself
            subprocess.run(words, capture_output=True, timeout=PATIENCE_S)


class LocalQueue(Queue):
    """Processes of this machine."""

    def executor(self, kind: Kind) -> Executor:
        executor = submitit.LocalExecutor(self.logs)
        executor.update_parameters(timeout_min=kind.minutes, gpus_per_node=kind.gpus)
        return executor

    def room(self, kind: Kind, beside: list[Kind]) -> int:
        if kind.exclusive:  # alone on this machine
            return int(not beside)
        taken = any(other.exclusive for other in beside)
        return 0 if taken else kind.jobs - sum(other is kind for other in beside)

    def states(self, jobs: list[Job]) -> dict[str, str]:
        return {job.job_id: RUNNING for job in jobs if job.state == RUNNING}

    def cancel(self, jobs: list[Job]) -> None:
        for job in jobs:  # each is a process that started others
            with suppress(psutil.Error):
                process = psutil.Process(int(job.job_id))
                for one in (process, *process.children(recursive=True)):
                    with suppress(psutil.Error):
                        one.kill()


def queue(fleet: Fleet, logs: Path) -> Queue:
    """The queue of a fleet.

    Raises:
        Refused: Slurm's commands are not here.
    """
    if fleet.executor == LOCAL:
        return LocalQueue(logs)
    lacking = [name for name in ("sbatch", "squeue", "scancel", "srun") if not shutil.which(name)]
    if lacking:
        raise Refused(
            f"{lacking[0]} is not here: run this where jobs are submitted, or write a fleet file "
            f'with executor = "{LOCAL}"'
        )
    return SlurmQueue(logs)


@contextmanager
def importable() -> Iterator[None]:
    """Jobs find this harness, and their project, wherever they start."""
    given = {
        "PYTHONPATH": os.pathsep.join(
            [str(project.PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        project.VARIABLE: str(project.ROOT),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def asides_to(log: Path) -> Iterator[None]:
    """What submitit and its processes say on standard error goes to a log; in a terminal its
    processes would each tell of Ctrl-C."""
    log.parent.mkdir(parents=True, exist_ok=True)
    before = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
