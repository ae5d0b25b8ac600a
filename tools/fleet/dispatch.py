"""Portions go to the jobs of a fleet, and what comes back is filed, job by job."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

from groundspeed.tools.fleet import collection, commit_tree, fleet_file, submission
from groundspeed.tools.fleet.assignment import Task, assigned
from groundspeed.tools.fleet.job import work
from groundspeed.tools.fleet.portions import Portion
from groundspeed.tools.fleet.progress import Report, reported
from groundspeed.tools.process import near
from groundspeed.tools.records import evidence
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code, with_code
from groundspeed.validation.records.errors import BrokenRecord

ENDING_S = 30.0  # for jobs to leave the queue
TAIL_BYTES = 4000
LONGEST = 200  # characters of the last line of a log


class Dispatch:
    """Tasks, their queue, and the folder that jobs and this process share."""

    def __init__(self, fleet: fleet_file.Fleet, tasks: list[Task], folder: Path, report: Report):
        self.queue = submission.queue(fleet, folder / "logs")
        self.caches = fleet.caches
        self.tasks, self.folder, self.report = tasks, folder, report

    def run(self) -> None:
        """Until every task is over; whatever ends this takes its jobs out of the queue."""
        commit_tree.pack(self.archive)
        try:
            while not all(task.over for task in self.tasks):
                self.submit()
                self.look()
                sleep(self.queue.tick_s)
        finally:
            self.end()

    @property
    def archive(self) -> Path:
        return self.folder / "tree.tar"

    def done(self, task: Task) -> Path:
        return self.folder / "done" / str(task.number)

    @property
    def submitted(self) -> list[Task]:
        return [task for task in self.tasks if task.submitted]

    def submit(self) -> None:
        """As many of each kind as there is room for."""
        waiting = [task for task in self.tasks if task.job is None]
        for kind in {id(task.kind): task.kind for task in waiting}.values():
            room = self.queue.room(kind, [task.kind for task in self.submitted])
            chosen = [task for task in waiting if task.kind is kind][:room]
            if not chosen:
                continue
            calls = [(work, (t.portion, self.archive, self.caches, self.done(t))) for t in chosen]
            for task, job in zip(chosen, self.queue.submit(kind, calls), strict=True):
                task.job = job

    def look(self) -> None:
        """Collect what is done, and notice what was lost."""
        states = self.queue.states([task.job for task in self.submitted])
        come = self.come()
        for task in self.submitted:
            event = self.outcome(task, task.job.job_id in states, str(task.number) in come)
            if task.over:
                states.pop(task.job.job_id, None)
                self.report(running(states), event)
        self.report(running(states))

    def come(self) -> set[str]:
        """Numbers of tasks whose results are there; a listing, which shared file systems answer
        anew, where they may remember for long that a file was absent."""
        with suppress(FileNotFoundError):
            return set(os.listdir(self.folder / "done"))
        return set()

    def outcome(self, task: Task, alive: bool, come: bool) -> str:
        """What became of a task, in words; "" while it is not over."""
        if come:
            try:
                task.record = collection.collect(self.done(task))
                return f"{task.portion} is done on {task.record.machine}"
            except BrokenRecord as error:
                task.lost = str(error)
        elif alive:
            task.gone_since = None
        elif task.gone_since is None:
            task.gone_since = monotonic()
        elif monotonic() - task.gone_since > self.queue.grace_s:
            task.lost = f"{self.last_words(task)}; log: {near_log(task.job.paths.stderr)}"
        return f"{task.portion} was lost" if task.lost else ""

    def last_words(self, task: Task) -> str:
        """The last line that a job wrote."""
        log = task.job.paths.stderr
        text = log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace") if log.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return near(lines[-1])[:LONGEST] if lines else "it ended and said nothing"

    def end(self) -> None:
        """Take what is not over out of the queue, and wait until every job has ended."""
        if wanted := [task.job for task in self.submitted]:
            self.queue.cancel(wanted)
        jobs = [task.job for task in self.tasks if task.job]
        until = monotonic() + ENDING_S
        while self.queue.states(jobs) and monotonic() < until:
            sleep(self.queue.tick_s)


def running(states: dict[str, str]) -> int:
    return list(states.values()).count(submission.RUNNING)


def ready(on: str) -> fleet_file.Fleet:
    """The fleet, if jobs could begin now.

    Raises:
        LookupError: there is no such fleet file.
        ValueError: the fleet file is not as it should be.
        Refused: files differ from the commit, on which jobs work.
    """
    fleet = fleet_file.read(on)
    commit_tree.refuse_uncommitted()
    return fleet


def run(fleet: fleet_file.Fleet, portions: list[Portion]) -> list[Task]:
    """Do portions on a fleet; every task with its record, or why it has none.

    Raises:
        Refused: no kind of job fits a portion, or the queue takes none.
    """
    tasks = assigned(fleet, portions)
    if not tasks:
        return []
    with run_folder(fleet, tasks) as folder, reported(tasks) as report:
        Dispatch(fleet, tasks, folder, report).run()
    evidence.forget()
    for task in tasks:
        if task.lost:
            words = f"the job of {task.portion} was lost: {task.lost}; run the same again"
            print(f"groundspeed: {with_code(words, Code.JOB)}", file=sys.stderr)
    return tasks


@contextmanager
def run_folder(fleet: fleet_file.Fleet, tasks: list[Task]) -> Iterator[Path]:
    """A new folder; at the end it is gone, but for the logs of jobs that were lost."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    folder = fleet.place.resolve() / name
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        for path in folder.iterdir():
            if path.name == "logs" and any(task.lost for task in tasks):
                continue
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def near_log(path: Path) -> str:
    """The place of a log, from the project where it lies there."""
    inside = path.is_relative_to(digests.ROOT)
    return str(path.relative_to(digests.ROOT) if inside else path)
