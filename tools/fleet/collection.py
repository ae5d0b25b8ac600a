"""What jobs have found becomes evidence of the project, section by section."""

from pathlib import Path
from typing import TypeVar

from groundspeed.tools.fleet.assignment import Task
from groundspeed.tools.fleet.job_record import JobRecord
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.base import Part

P = TypeVar("P", bound=Part)


class Section(Part, extra="allow"):
    """A section of a file of results, as it was sealed."""


def collect(done: Path) -> JobRecord:
    """File what a job has left; its record.

    Raises:
        BrokenRecord: its record, or a file that it names, cannot be trusted.
    """
    record = JobRecord.read(done / "job.json")
    places = [place.partition("/") for place in record.sections]
    found = {(on, name): results.read(name, on, done) for on, _, name in places}
    for path in record.files:
        write_atomic(digests.ROOT / path, (done / path).read_bytes())
    for (on, name), content in found.items():
        describe(on, done)
        for key in record.sections[f"{on}/{name}"]:
            value = content.get(key)
            results.put(key, None if value is None else Section(**value), name, on)
    return record


def sections(tasks: list[Task], kind: type[P], key: str) -> list[P]:
    """What tasks have filed of an instrument; of two on one kind of machine the later one."""
    found = {}
    for task in tasks:
        on = task.record.machine if task.record else ""
        for name in task.portion.names if on else ():
            if key in task.record.sections.get(f"{on}/{name}", ()):
                found[name, on] = results.section(kind, key, name, on)
    return list(found.values())


def describe(on: str, done: Path) -> None:
    """Take over what the node said of its kind, which this machine cannot know."""
    path = results.FOLDER / on / "machine.json"
    if not (digests.ROOT / path).exists():
        write_atomic(digests.ROOT / path, (done / path).read_bytes())
