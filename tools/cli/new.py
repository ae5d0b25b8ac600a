"""Command ``new``: a new optimization that already validates."""

import keyword

from groundspeed.tools import console
from groundspeed.tools.cli.check import refuse_unknown
from groundspeed.validation import discovery
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic


def run(name: str, baseline: str) -> int:
    """The verb ``new``; writes nothing where anything is in the way."""
    refuse_unknown(baseline)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name for a folder that Python imports; use a_b_c")
    folder = discovery.folder(name)
    if folder.exists():
        raise ValueError(f"optimizations/{name} exists; take another name or delete it")
    from groundspeed.tools.cli.scaffold import SPEED_TEST, files  # late: torch

    partial = folder.with_name(f".{name}.tmp")
    partial.mkdir()
    for file, text in files(name, baseline).items():
        (partial / file).write_text(text, encoding="utf-8")
    partial.rename(folder)
    test = digests.ROOT / "tests" / "performance" / f"test_{name}_speedup.py"
    if test.parent.is_dir() and not test.exists():
        write_atomic(test, SPEED_TEST.format(name=name))
    console.line(name, "NEW", baseline, f"next: groundspeed validate {name}")
    return 0
