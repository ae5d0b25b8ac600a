"""Command ``samples``: raw samples on this machine, and bundles of them."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from groundspeed.tools import console
from groundspeed.tools.records.answers import SampleRow
from groundspeed.validation.records import results, samples
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import BrokenRecord


def run(export: Path | None, add: Path | None, as_json: bool = False) -> int:
    if add is not None:
        print(f"{taken(add)} files of samples taken from {add}")
        return 0
    if export is not None:
        count = bundle(export)
        print(f"{count} files of samples in {export}; take them in: groundspeed samples --add FILE")
        return 0
    rows = [
        SampleRow(machine=on, name=name, section=key, samples=digest, here=here(digest))
        for on, name, key, digest in named()
    ]
    lines = []
    for on in sorted({row.machine for row in rows}):
        own = [row.here for row in rows if row.machine == on]
        lines.append((on, f"{sum(own)} of {len(own)}", "", "sections have their samples here"))
    console.answer(as_json, rows, lines)
    return 0


def named() -> Iterator[tuple[str, str, str, str]]:
    """(machine, name, section, digest) of every section that names samples."""
    for on, name in results.files():
        try:
            found = results.read(name, on)
        except BrokenRecord:
            continue
        for key, section in found.items():
            if isinstance(section, dict) and section.get("samples"):
                yield on, name, key, section["samples"]


def here(digest: str) -> bool:
    return samples.place(digest).exists()


def bundle(path: Path) -> int:
    """All samples that evidence names and that are here, in one archive; how many.

    Raises:
        LookupError: there are none.
    """
    wanted = sorted({digest for *_, digest in named() if here(digest)})
    if not wanted:
        raise LookupError("no samples of the evidence on file are on this machine")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for digest in wanted:
            archive.add(samples.place(digest), arcname=samples.place(digest).name)
    write_atomic(path, data.getvalue())
    return len(wanted)


def taken(path: Path) -> int:
    """Samples of a bundle beside those that are here, each after a look at its digest; how many.

    Raises:
        BrokenRecord: one is not what its name says.
    """
    count = 0
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            digest = Path(member.name).name.removesuffix(".json.gz")
            file = archive.extractfile(member)
            if file is None or here(digest):
                continue
            packed = file.read()
            samples.unpacked(packed, digest)
            write_atomic(samples.place(digest), packed)
            count += 1
    return count
