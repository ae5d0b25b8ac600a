"""Commands ``freeze`` and ``check``: freeze an engine's answers once, and verify them."""

from concurrent.futures import as_completed
from itertools import chain

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.records.answers import CheckedBaseline, Frozen
from groundspeed.tools.records.evidence import CHECK, Checked, check_name, checked, provenance
from groundspeed.validation import machine
from groundspeed.validation.discovery import SEE
from groundspeed.validation.parallel.process_pool import processes
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import results
from groundspeed.validation.records.base import today
from groundspeed.validation.records.codes import Coded, with_code
from groundspeed.validation.records.errors import Sealed, UnknownName


def freeze(name: str, as_json: bool = False) -> int:
    """The verb ``freeze``: what is sealed already gets what was never made beside its seal."""
    refuse_unknown(name)
    from groundspeed.validation.golden.freeze import freeze as seal_answers  # late: torch
    from groundspeed.validation.golden.manifest import manifest
    from groundspeed.validation.inputs import freeze_variants

    with console.progress(f"freezing {name}") as tell:
        lacking = freeze_variants.lacking(name)
        try:
            seal = seal_answers(name, tell)
        except Sealed:
            if not lacking:
                raise
            seal = manifest(name)
        freeze_variants.freeze(name, tell)
    reached = reach(name)
    value = Frozen(engine=name, seal=seal.seal, cases=list(seal.answers), reached=reached)
    row = (name, "FROZEN", f"{len(seal.answers)} cases", f"seal {seal.seal[:12]}")
    console.answer(as_json, value, [row, *below(reached)])
    return 0


def refuse_unknown(*names: str) -> None:
    for name in names:
        if name not in baselines.names():
            raise UnknownName.of("baseline", name, baselines.names(), SEE)


def run(names: list[str], full: bool, as_json: bool = False, again: bool = True) -> int:
    """The verb ``check``; without ``again`` those found whole before are not run again."""
    refuse_unknown(*names)
    chosen = names or baselines.names()
    known = {} if again else {n: c for n in chosen if (c := checked(n, full))}
    found = {n: ("SEALED", c.words) for n, c in known.items()}
    found |= check_all([n for n in chosen if n not in known], full)
    value = {
        name: CheckedBaseline(
            status=status,
            words=words,
            code=getattr(words, "code", ""),
            reached=reach(name) if again and status == "SEALED" else [],
        )
        for name, (status, words) in found.items()
    }
    console.answer(as_json, value, chain.from_iterable(rows(n, value[n]) for n in chosen))
    return int(any(status == "BROKEN" for status, _ in found.values()))


def rows(name: str, found: CheckedBaseline) -> list[tuple[str, ...]]:
    return [(name, found.status, "", with_code(found.words, found.code)), *below(found.reached)]


def reach(name: str) -> list[str]:
    """What the judged inputs of a baseline reach of its conditions and limits."""
    from groundspeed.validation.golden import coverage  # late: torch

    return coverage.listing(name)


def below(lines: list[str]) -> list[tuple[str, ...]]:
    """Rows under the one of an engine."""
    return [(f"    {line}",) for line in lines]


def check_all(names: list[str], full: bool) -> dict[str, tuple[str, str]]:
    """What `check_one` says of each, two at a time: each check takes one thread."""
    if len(names) < 2:
        return {name: check_one(name, full) for name in names}
    with console.progress("checking", total=len(names)) as tell, processes("checking", 2) as pool:
        waiting = {pool.submit(check_one, name, full): name for name in names}
        found = {}
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            tell(waiting[done])
    return found


def check_one(name: str, full: bool) -> tuple[str, str]:
    """("SEALED" or "BROKEN", what there is to say)."""
    from groundspeed.validation.golden import freeze  # late: torch

    found = None
    try:
        words = freeze.check(name, full)
        found = Checked(
            engine=name,
            full=full,
            words=words,
            made=today(),
            protocol=JUDGE.number,
            modified=JUDGE.modified(),
            torch=machine.torch_version(),
            rests_on=provenance(name),
        )
    except Sealed as broken:
        words = Coded(str(broken), broken.code)
    results.put(CHECK, found, check_name(name), machine.kind())
    return "SEALED" if found else "BROKEN", words
