"""Command ``new``: a new optimization that already validates."""

import keyword

from groundspeed.tools import console
from groundspeed.tools.cli.check import refuse_unknown
from groundspeed.validation import discovery


def run(name: str, baseline: str) -> int:
    """The verb ``new``; writes nothing where anything is in the way."""
    refuse_unknown(baseline)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name for a folder that Python imports; use a_b_c")
    folder = discovery.folder(name)
    if folder.exists():
        raise ValueError(f"optimizations/{name} exists; take another name or delete it")
    from groundspeed.tools.cli.scaffold import files  # late: torch

    partial = folder.with_name(f".{name}.tmp")
    partial.mkdir()
    for file, text in files(name, baseline).items():
        (partial / file).write_text(text, encoding="utf-8")
    partial.rename(folder)
    console.line(name, "NEW", baseline, f"next: groundspeed validate {name}")
    return 0
