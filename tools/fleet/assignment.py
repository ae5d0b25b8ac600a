"""Which kinds of jobs take a portion, and how far each has come."""

from dataclasses import dataclass

from submitit.core.core import Job

from groundspeed.tools.fleet.fleet_file import Fleet, Kind
from groundspeed.tools.fleet.job_record import JobRecord
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.validation.records.errors import Refused


@dataclass
class Task:
    """A portion on one kind of job."""

    number: int
    portion: Portion
    kind: Kind
    job: Job | None = None  # once it is submitted
    gone_since: float | None = None  # when the queue had it no more
    record: JobRecord | None = None
    lost: str = ""  # why there is no record

    @property
    def over(self) -> bool:
        return self.record is not None or bool(self.lost)

    @property
    def submitted(self) -> bool:
        return self.job is not None and not self.over


def assigned(fleet: Fleet, portions: list[Portion]) -> list[Task]:
    """Each portion, on every kind of job that fits it: a fleet has a kind of job for each kind of
    machine that it wants evidence from.

    Raises:
        Refused: no kind fits one.
    """
    pairs = [(portion, kind) for portion in portions for kind in fitting(fleet, portion)]
    return [Task(number, *pair) for number, pair in enumerate(pairs)]


def fitting(fleet: Fleet, portion: Portion) -> list[Kind]:
    """Kinds with a GPU for what works on one, shared ones for judging, exclusive ones for timing.

    Judging also goes to an exclusive kind where there is no other; a timing to no shared one.

    Raises:
        Refused: none fits.
    """
    every = list(fleet.kinds.values())
    able = [kind for kind in every if bool(kind.gpus) == (portion.device == "cuda")] or every
    found = [kind for kind in able if kind.work is portion.work]
    if not found and portion.work is Work.JUDGING:
        return able
    if not found:
        raise Refused(
            f"{portion} is a timing, and {', '.join(sorted(fleet.kinds))} are shared; "
            "add a kind with exclusive = true to the fleet file"
        )
    return found
