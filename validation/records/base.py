"""Records: schema-checked JSON that is either whole or absent."""

import hashlib
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError

from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import BrokenRecord

Model = TypeVar("Model", bound=BaseModel)


class Part(
    BaseModel,
    ser_json_inf_nan="strings",
    defer_build=True,
    json_schema_serialization_defaults_required=True,
):
    """Base of what stands inside a record: infinities are written as words, not as nothing.

    Each model says so for itself; what holds it does not say it for it.
    """


class Record(Part, extra="forbid"):
    """Base of everything that the tools write down. Its seal is the digest of the rest."""

    made: str = ""
    seal: str = ""

    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"seal"}).encode()).hexdigest()

    def write(self, path: Path) -> Self:
        """Seal, and write the whole file or nothing."""
        self.made = self.made or today()
        self.seal = self.digest()
        write_atomic(path, self.model_dump_json(indent=1) + "\n")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in the file.

        Raises:
            FileNotFoundError: there is none.
            BrokenRecord: there is something else.
        """
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            record = cls.model_validate_json(text)
        except ValidationError as error:
            raise BrokenRecord(
                f"{path} is not a {cls.__name__} record ({first_fault(error)}); "
                "delete it and run the tool again"
            ) from None
        if record.digest() != record.seal:
            raise BrokenRecord(
                f"{path} was edited or damaged: its seal does not fit; delete it and run again"
            )
        return record


def read_toml(kind: type[Model], path: Path) -> Model:
    """A file that people write, held to its schema.

    Raises:
        BrokenRecord: no TOML, or a field that is missing or unknown.
    """
    try:
        return kind(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BrokenRecord(f"{path}: {' '.join(str(error).split())[:300]}") from None


def today() -> str:
    """The moment, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def first_fault(error: ValidationError) -> str:
    """Where a record does not fit its schema, and how."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole file'}: {first['msg']}"
