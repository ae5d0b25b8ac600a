"""Portions without an answer: the job was lost, or its verb refused all of it."""

from collections.abc import Iterator

from groundspeed.tools.fleet.assignment import Task
from groundspeed.validation.records.codes import Code, Coded, with_code


def missing(tasks: list[Task]) -> dict[str, Coded]:
    """The names in such portions, and why each has no answer."""
    return {name: why for task in tasks if (why := reason(task)) for name in task.portion.names}


def reason(task: Task) -> Coded | None:
    """Why a task has no answer; None where it has one."""
    if task.lost:
        return Coded(task.lost, Code.JOB)
    answer = task.record.answer
    refused = answer.get("error") if isinstance(answer, dict) else None
    return Coded(refused["message"], Code(refused["code"])) if refused else None


def rows(found: dict[str, Coded]) -> Iterator[tuple[str, ...]]:
    """A line for each name; the words about a lost job have been said once for all of its names."""
    for name, why in found.items():
        words = "its job was lost" if why.code is Code.JOB else why
        yield name, "no answer", "", with_code(words, why.code)
