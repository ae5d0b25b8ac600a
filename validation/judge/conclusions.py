"""What follows from the findings: the status of an optimization, and the reason in words."""

from collections.abc import Iterator

from groundspeed.validation import discovery, machine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.findings import CaseResult, Mutation, VariantsResult
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.codes import Code, Coded
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.forkserver import COMPILERS


def conclude(
    claim: Agreement,
    found: dict[str, CaseResult],
    mutation: Mutation | None = None,
    variants: VariantsResult | None = None,
) -> tuple[Status, str]:
    """The status that follows from the findings, and the reason."""
    lacking = machine.missing(claim.engine.needs)
    if lacking:
        words = f"this machine lacks {'; '.join(lacking)}"
        return Status.UNAVAILABLE, Coded(words, Code.UNAVAILABLE)
    for case_name, result in found.items():
        if result.broken:
            words, codes = f"{case_name}: {result.broken[0]}", [*result.codes, Code.REJECTED]
            return Status.REJECTED, Coded(words, codes[0])
    if variants and variants.broken:
        return Status.REJECTED, Coded(variants.broken, variants.code or Code.REJECTED)
    for case_name, result in found.items():
        if result.unfinished:
            words = f"{case_name}: {result.unfinished}"
            return Status.INCONCLUSIVE, Coded(words, Code.UNFINISHED)
    if variants and variants.unfinished:
        return Status.INCONCLUSIVE, Coded(variants.unfinished, Code.UNFINISHED)
    if not found:
        words = "the claim covers no case that was judged"
        return Status.INCONCLUSIVE, Coded(words, Code.UNCOVERED)
    if mutation and mutation.survived:
        return Status.INCONCLUSIVE, Coded(
            f"{len(mutation.survived)} of {mutation.applied} mutants survive "
            f"({', '.join(mutation.survived)}): these cases cannot tell right from wrong; "
            "let the claim cover more of the baseline's",
            Code.MUTANTS,
        )
    if mutation and not mutation.applied:
        words = "no mutant changes anything on these cases: they tell nothing"
        return Status.INCONCLUSIVE, Coded(words, Code.BLIND)
    return Status.VERIFIED, ", ".join(summary(found, mutation, variants))


def summary(
    found: dict[str, CaseResult], mutation: Mutation | None, variants: VariantsResult | None
) -> Iterator[str]:
    """What a VERIFIED verdict is based on."""
    yield f"{sum(result.checks for result in found.values())} comparisons on {len(found)} cases"
    if variants:
        yield str(variants) if variants.frozen else "no frozen variants"
    cells = sum(sum(result.otherwise.values()) for result in found.values())
    if cells:
        yield f"{cells} cells as another rounding decides them"
    if mutation:
        yield str(mutation)


def continues(found: dict[str, CaseResult]) -> bool:
    """Whether to judge another case: stop after the first failure or timeout."""
    return not any(result.unfinished or result.broken for result in found.values())


def of_process(claim: Agreement, client: Candidate, reason: str) -> tuple[Status, str]:
    """What follows from what the candidate's process loaded, compiled and called."""
    if outside := client.outside():
        return Status.REJECTED, Coded(
            f"it loaded {outside[0]}, which no verdict covers: neither of the project nor "
            "installed; allowed: files below the folder that groundspeed.toml names as code, or an "
            "installed package",
            Code.ELSEWHERE,
        )
    if idle := idle_compiler(claim, client):
        return Status.REJECTED, Coded(idle, Code.COMPILER)
    calls = client.calls()
    return of_substitutes(calls, reason) if calls else (Status.VERIFIED, reason)


def idle_compiler(claim: Agreement, client: Candidate) -> str:
    """Why a claim is refused that needs a compiler and compiled nothing on any case; "" if not."""
    called = discovery.mentioned([client.name], COMPILERS)
    idle = {need for word, need in COMPILERS.items() if word in called}
    idle &= set(claim.engine.needs) & set(client.idle_compilers())
    if not idle:
        return ""
    return (
        f"it says that it needs {min(idle)!r}, and nothing was compiled on these cases; allowed: "
        "compiled code is seen to run; compile, or leave that out of needs"
    )


def of_substitutes(calls: dict[str, int], reason: str) -> tuple[Status, str]:
    """What follows from how often functions ran that stand in for ones of a user's program: one
    that never ran shows nothing."""
    for name, count in calls.items():
        if count == 0:
            return Status.REJECTED, Coded(
                f"{name} was replaced and never called in a step, so nothing of it was compared; "
                "allowed: a function that the step calls from Python; name another",
                Code.UNCALLED,
            )
    told = [f"{name} in place" + f", called {n} times" * (n > 0) for name, n in calls.items()]
    return Status.VERIFIED, f"{reason}, {', '.join(told)}"


def changed_meanwhile(before: dict, after: dict, ran: dict[str, str]) -> str:
    """The first file or version that changed since the candidate was started; "" if none did."""
    files = after["files"]
    moved = [p for p, d in (before["files"] | ran).items() if files.get(p) != d]
    moved += [key for key in ("baseline", "torch", "modified") if before[key] != after[key]]
    return moved[0] if moved else ""
