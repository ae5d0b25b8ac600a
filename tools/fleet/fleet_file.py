"""Fleet files: where jobs run, and what each kind of them is given."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundspeed.tools.fleet import LOCAL
from groundspeed.tools.fleet.portions import Work
from groundspeed.validation.records import digests

SLURM = "slurm"
ALLOWED = f"{LOCAL}, {SLURM}, or a fleet file such as fleet.toml"


class Strict(BaseModel):
    """A table of the file: nothing unknown, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Kind(Strict):
    """A kind of job.

    An exclusive kind has its node for itself and takes timings; a shared one takes judgements.
    """

    partition: str = ""  # of the cluster; "" for its default
    exclusive: bool = False
    cpus: int = Field(2, ge=1)
    gpus: int = Field(0, ge=0)
    jobs: int = Field(4, ge=1)  # at once
    minutes: int = Field(240, ge=1)  # time limit of a job

    @property
    def work(self) -> Work:
        return Work.TIMING if self.exclusive else Work.JUDGING


class Fleet(Strict):
    """Kinds of jobs by name, and the folder that all their nodes see."""

    executor: Literal["slurm", "local"] = "slurm"
    folder: str = ""  # relative to the file; "" for .groundspeed/fleet of the project
    together: int = Field(8, ge=1)  # optimizations that a job judges at most
    kinds: dict[str, Kind] = Field(min_length=1)

    @property
    def place(self) -> Path:
        """Where trees, logs and results of jobs lie."""
        return Path(self.folder) if self.folder else digests.ROOT / ".groundspeed" / "fleet"

    @property
    def caches(self) -> Path:
        """Where jobs share what they may share."""
        return self.place if self.folder else digests.ROOT / ".groundspeed"


ON_SLURM = Fleet(kinds={"shared": Kind(jobs=16), "exclusive": Kind(exclusive=True)})


def read(on: str) -> Fleet:
    """The fleet that ``--on`` names: ``slurm`` with its default partition, or that of a file.

    Raises:
        LookupError: there is no such file.
        ValueError: it is no TOML, or a key or a value in it is not allowed.
    """
    if on == SLURM:
        return ON_SLURM
    path = Path(on)
    if not path.is_file():
        raise LookupError(f"--on {on}: no such file; allowed: {ALLOWED}")
    try:
        fleet = Fleet.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML: {error}; correct it") from None
    except ValidationError as error:
        raise ValueError(f"{path}: {fault(error)}") from None
    if fleet.folder:
        fleet.folder = str((path.resolve().parent / fleet.folder).resolve())
    return fleet


def fault(error: ValidationError) -> str:
    """The first thing that is wrong: what was got, and what is allowed."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        *table, key = first["loc"]
        known = list((Kind if table else Fleet).model_fields)
        near = get_close_matches(str(key), known, n=1)
        offer = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return f"{where} is not known; {offer}"
    if first["type"] == "missing":
        return f"{where} is missing; add a table such as [kinds.judging]"
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{where} is {first['input']!r}; allowed: {allowed}"
