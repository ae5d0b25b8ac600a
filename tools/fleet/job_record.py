"""What a job leaves behind: a sealed record, and the files that it names."""

from typing import Any

from groundspeed.validation.records.base import Record


class JobRecord(Record):
    """One job that came to its end."""

    machine: str  # kind of the node
    instance: str  # the very node
    exit: int  # of the verb
    answer: Any  # what the verb printed for programs
    sections: dict[str, list[str]]  # of files of results that changed, by KIND/NAME
    files: list[str]  # others of the project that were written
