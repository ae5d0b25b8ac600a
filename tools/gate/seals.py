"""Seals that a gate verifies: of evidence, and of baselines."""

from collections.abc import Callable, Iterator

from groundspeed import baselines
from groundspeed.tools.gate.apart import BREAKS, apart, in_words, timed
from groundspeed.tools.gate.changes import Changes, leaves_of
from groundspeed.tools.gate.outcome import GateCheck, Outcome
from groundspeed.tools.records import evidence
from groundspeed.validation.golden import manifest
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.base import BrokenRecord
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.records.git import git

CheckOne = Callable[[str, bool], tuple[str, str]]  # of ``check``: status and words of a baseline


def broken_evidence() -> Iterator[GateCheck]:
    """Files of results that cannot be trusted."""
    for on, name in results.files():
        try:
            results.read(name, on)
        except BrokenRecord as broken:
            place = results.path(name, on).relative_to(digests.ROOT).as_posix()
            yield GateCheck(place, "seal", Outcome.WRONG, str(broken))


def seals(found: Changes, names: list[str], check_one: CheckOne) -> Iterator[GateCheck]:
    """Baselines that changed, that changed optimizations rest on, or that are not what was sealed;
    their golden data are run again where no check of any machine is current."""
    leaves = {leaf for name in names for leaf in leaves_of(name)}
    for name in baselines.names():
        broken = broken_seal(name)
        if broken or name in found.baselines or ("baselines", name) in leaves:
            yield timed(seal, name, broken, found, check_one)


def broken_seal(name: str) -> str:
    """Why the files of a baseline are not those that were sealed; "" where they are."""
    try:
        seal = manifest.manifest(name)
        manifest.check_sources(name, seal)
    except Sealed as broken:
        return str(broken)
    golden = manifest.place(name) / "golden.safetensors"
    if not golden.exists() or digests.of_file(golden) != seal.golden:
        return f"{golden.relative_to(digests.ROOT)} is not the sealed one; restore it from git"
    return ""


def seal(name: str, broken: str, found: Changes, check_one: CheckOne) -> GateCheck:
    """A baseline: its files, what its base was sealed with, and its golden data."""
    try:
        if broken := broken or other_answers(name, found):
            return GateCheck(name, "seal", Outcome.WRONG, broken)
        machines = ("", *results.machines())
        if known := next(filter(None, (evidence.checked(name, on=on) for on in machines)), None):
            return GateCheck(name, "seal", Outcome.GOOD, known.words)
        status, words = apart("checking", check_one, name, False)
    except BREAKS as error:
        return GateCheck(name, "seal", Outcome.WRONG, f"it cannot be checked: {in_words(error)}")
    return GateCheck(name, "seal", Outcome.GOOD if status == "SEALED" else Outcome.WRONG, words)


def other_answers(name: str, found: Changes) -> str:
    """Why a baseline was frozen anew with other answers than the base has; "" where it was not.

    Cases may be added; what is sealed stays as it is.
    """
    place = (manifest.place(name) / "manifest.json").relative_to(digests.ROOT).as_posix()
    text = git(digests.ROOT, "show", f"{found.base.commit}:./{place}").text
    if not text:
        return ""
    before = answers(manifest.Manifest.model_validate_json(text))
    now = answers(manifest.manifest(name))
    other = [case for case, answer in before.items() if now.get(case) != answer]
    if not other:
        return ""
    return (
        f"{', '.join(other)}: frozen anew with other answers than {found.base} has; allowed: more "
        "cases; new physics is a new version of the engine"
    )


def answers(seal: manifest.Manifest) -> dict[str, str]:
    """The answer of each case, as text."""
    return {case: answer.model_dump_json() for case, answer in seal.answers.items()}


def sealed() -> str:
    """How much was verified, in words."""
    whole = [name for name in baselines.names() if not broken_seal(name)]
    files = sum(1 for _ in results.files())
    return f"{len(whole)} of {len(baselines.names())} baselines sealed, {files} files of evidence"
