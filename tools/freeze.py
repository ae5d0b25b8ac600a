"""Seal an engine's answers once, and verify that they are still what was sealed."""

from __future__ import annotations

import baselines
from tools import console
from tools.freshness import Checked, checked, checked_path, foundations
from validation.seal import Sealed


def run(name: str, as_json: bool = False) -> int:
    """The verb ``freeze``."""
    from validation import frozen  # late: torch

    baselines_known(name)
    with console.progress(f"freezing {name}") as tell:
        seal = frozen.freeze(name, tell)
    if as_json:
        console.as_json({"engine": name, "seal": seal.seal, "cases": list(seal.answers)})
    else:
        console.line(name, "FROZEN", f"{len(seal.answers)} cases", f"seal {seal.seal[:12]}")
    return 0


def baselines_known(*names: str) -> None:
    for name in names:
        if name not in baselines.names():
            raise LookupError(f"no baseline {name!r} in baselines/; have {baselines.names()}")


def check(names: list[str], full: bool, as_json: bool, again: bool = True) -> int:
    """The verb ``check``; without ``again`` those found whole before are not run again."""
    baselines_known(*names)
    results = {}
    for name in names or baselines.names():
        results[name] = check_one(name, full, again)
        if not as_json:
            status, words = results[name]
            console.line(name, status, "", words)
    if as_json:
        console.as_json({n: {"status": s, "words": w} for n, (s, w) in results.items()})
    return int(any(status == "BROKEN" for status, _ in results.values()))


def check_one(name: str, full: bool, again: bool) -> tuple[str, str]:
    """("SEALED" or "BROKEN", what there is to say)."""
    known = None if again else checked(name, full)
    if known:
        return "SEALED", known.words
    from validation import frozen  # late: torch

    try:
        with console.progress(f"checking {name}") as tell:
            words = frozen.check(name, full, tell)
    except Sealed as broken:
        checked_path(name).unlink(missing_ok=True)
        return "BROKEN", str(broken)
    Checked(engine=name, full=full, words=words, rests_on=foundations(name)).write(
        checked_path(name)
    )
    return "SEALED", words
