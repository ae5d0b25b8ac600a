"""Committed evidence: summaries in `reports/results/<machine>/<name>.json`.

A file holds sections, one for each instrument that has looked at the optimization (verdict,
timing, counts), and a seal over its content. One line a case, in a stable order, so that a diff
can be read. Machines never overwrite one another: each kind has a folder of its own, with
`machine.json` beside the results, which says what that kind is.
"""

import errno
import fcntl
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from groundspeed.validation import machine
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.base import Part, first_fault
from groundspeed.validation.records.errors import BrokenRecord

FOLDER = Path("reports", "results")
SCHEMA = 1
WIDTH = 100  # of a line that short entries share
DIGITS = 4  # of a floating-point number in a summary

P = TypeVar("P", bound=Part)


def path(name: str, on: str, root: Path = digests.ROOT) -> Path:
    return root / FOLDER / on / f"{name}.json"


def machines(root: Path = digests.ROOT) -> list[str]:
    """Every kind of machine that has evidence."""
    return sorted(p.parent.name for p in (root / FOLDER).glob("*/machine.json"))


def names(on: str, root: Path = digests.ROOT) -> list[str]:
    """Optimizations with a file from that kind of machine."""
    found = (root / FOLDER / on).glob("*.json")
    return sorted(p.stem for p in found if p.stem != "machine")


def files(root: Path = digests.ROOT) -> Iterator[tuple[str, str]]:
    """(machine, name) of every file: on optimizations, then on baselines, sweeps and tools."""
    for on in machines(root):
        folder = root / FOLDER / on
        others = sorted(folder.glob("*/*.json"))
        inner = [p.relative_to(folder).with_suffix("").as_posix() for p in others]
        yield from ((on, name) for name in [*names(on, root), *inner])


def read(name: str, on: str, root: Path = digests.ROOT) -> dict:
    """All sections of a file, after every way in which it can be wrong was ruled out.

    Raises:
        FileNotFoundError: there is none.
        BrokenRecord: it was edited or truncated, or is about something else.
    """
    return read_version(path(name, on, root), name, on)


@digests.per_version
def read_version(where: Path, name: str, on: str) -> dict:
    return parsed(where.read_text(encoding="utf-8", errors="replace"), where, name, on)


def parsed(text: str, where: Path | str, name: str, on: str) -> dict:
    """The content of such a file.

    Raises:
        BrokenRecord: it was edited or truncated, or is about something else.
    """
    again = "delete it, or restore it: git checkout -- FILE"
    try:
        found = json.loads(text)
        kept = found.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise BrokenRecord(f"{where} is truncated or no summary; {again}") from None
    if found.get("schema") != SCHEMA:
        raise BrokenRecord(f"{where} has schema {found.get('schema')}, allowed: {SCHEMA}; {again}")
    if kept != seal(found):
        raise BrokenRecord(f"{where} was edited: its seal does not fit; {again}")
    for key, want in (("name", name), ("machine", on)):
        if found.get(key) != want:
            raise BrokenRecord(
                f"{where} is about {key} {found.get(key)!r}, expected {want!r}; {again}"
            )
    return found


def section(kind: type[P], key: str, name: str, on: str, root: Path = digests.ROOT) -> P:
    """One section, checked against its schema.

    Raises:
        FileNotFoundError: no file, or none of that instrument in it.
        BrokenRecord: the file, or the section, cannot be trusted.
    """
    found = read(name, on, root)
    if key not in found:
        raise FileNotFoundError(path(name, on, root))
    return as_model(kind, found[key], path(name, on, root))


def as_model(kind: type[P], value: dict, where: Path | str) -> P:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise BrokenRecord(f"{where} does not fit its schema ({first_fault(error)})") from None


def section_or_none(kind: type[P], key: str, name: str, on: str) -> P | None:
    """One section, where there is one that can be trusted."""
    try:
        return section(kind, key, name, on)
    except (FileNotFoundError, BrokenRecord):
        return None


def put(key: str, value: Part | None, name: str, on: str, root: Path = digests.ROOT) -> None:
    """Replace one section, or drop it where there is no value, and the file with its last one;
    what other instruments have left stays."""
    head = {"schema": SCHEMA, "name": name, "machine": on}
    with told_if_read_only(path(name, on, root)), alone(root):
        describe_machine(on, root)
        try:
            found = read(name, on, root)
        except (FileNotFoundError, BrokenRecord):
            found = {}
        kept = {k: v for k, v in found.items() if k not in (*head, key)}
        kept |= {} if value is None else {key: plain(value)}
        if kept:
            write_atomic(path(name, on, root), layout(head | dict(sorted(kept.items()))))
        else:
            path(name, on, root).unlink(missing_ok=True)


def describe_machine(on: str, root: Path = digests.ROOT) -> None:
    """Write `machine.json` where this kind of machine has none yet."""
    where = root / FOLDER / on / "machine.json"
    if not where.exists():
        write_atomic(where, json.dumps(machine.description(on), indent=1) + "\n")


def description(on: str, root: Path = digests.ROOT) -> dict[str, str | int]:
    """What `machine.json` says of a kind; nothing where it cannot be read."""
    try:
        return json.loads((root / FOLDER / on / "machine.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def plain(value: Part) -> dict:
    """As JSON says it: floating-point numbers rounded to what is significant, and without what is
    empty, which a reader takes for granted."""
    return significant(json.loads(value.model_dump_json(exclude_defaults=True)))


def significant(value: object) -> object:
    """Every floating-point number in it, to so many digits."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {k: significant(v) for k, v in value.items()}
    return [*map(significant, value)] if isinstance(value, list) else value


def seal(content: dict) -> str:
    """Over the content itself, so that a later schema does not break it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return digests.of_bytes(text.encode())[:32]


def layout(content: dict) -> str:
    """The text of a file: a line for each entry of a section, and for each case."""
    return spread(content | {"seal": seal(content)}) + "\n"


def spread(value: object, depth: int = 0) -> str:
    """JSON with a line for each row of a table, which is as short as can be: a repository keeps all
    of them. Short entries of a section share lines."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if depth > 3 or not value or not isinstance(value, dict | list):
        return text
    inner = value.values() if isinstance(value, dict) else value
    table = all(isinstance(row, dict | list) and row for row in inner)
    if depth > 1 and not table:
        return text
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {spread(row, depth + 1)}" for key, row in value.items()]
    else:
        entries = [spread(row, depth + 1) for row in value]
    indent, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    lines = "".join(joined(entries, indent, share=depth == 1))
    return f"{{{lines}{end}}}" if isinstance(value, dict) else f"[{lines}{end}]"


def joined(entries: list[str], indent: str, share: bool) -> Iterator[str]:
    """Entries behind one another, each on a line of its own unless short ones may share one."""
    room = 0
    for place, entry in enumerate(entries):
        comma = "," if place < len(entries) - 1 else ""
        fits = share and "\n" not in entry and len(entry) < room
        yield f" {entry}{comma}" if fits else f"{indent}{entry}{comma}"
        room = (room if fits else WIDTH) - len(entry)


READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def told_if_read_only(where: Path) -> Iterator[None]:
    """In a checkout that may only be read, an answer is said and not filed: one line says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        print(f"not filed: {where} cannot be written ({error.strerror})", file=sys.stderr)


@contextmanager
def alone(root: Path = digests.ROOT) -> Iterator[None]:
    """One writer at a time, so that two runs at once lose nothing of each other."""
    place = root / ".groundspeed"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "results.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
