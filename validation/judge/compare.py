"""Compares one field in one check: its error and its tolerance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.testing import assert_close

from groundspeed.baselines.engine import State
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.findings import BITS, BUDGET, CaseResult, Finding, in_words
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.digests import same_bits
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.branches import NONE, Branches, explicable, far, on_branch
from groundspeed.validation.reference.distance import ZERO, Distance, distance, inexact, size

SHOWN = 4  # failures kept of each case


@dataclass(frozen=True)
class Check:
    """What a candidate gave, and what it is compared with.

    Attributes:
        name: "step n", "from n", with the input variant before it where there is one.
        got, want: the candidate's state and the baseline's.
        true: the baseline's in the widest type; asked only where values differ.
        allowed: what the fields may be off, for level "rounding".
        still: fields that must come back untouched.
        last: whether it is the end of the case's own trajectory.
        branches: other right answers of a field; expensive.
    """

    name: str
    got: State
    want: State
    true: Callable[[], State]
    allowed: Allowance
    still: tuple[str, ...]
    last: bool = False
    branches: Callable[[str], Branches] = lambda field: NONE


def compare(agreement: Agreement, result: CaseResult, check: Check) -> None:
    """Compares decisions exactly, then fixed fields, then values as claimed."""
    names = sorted(check.want._fields, key=lambda name: inexact(getattr(check.want, name)))
    for name in names:
        ours, theirs = getattr(check.got, name), getattr(check.want, name)
        result.checks += 1
        wrong = misfit(ours, theirs)
        if wrong:
            code = misfit_code(ours, theirs)
            report(result, code, f"{name} {in_words(check.name)}: {wrong}")
        elif theirs.numel():
            record_finding(agreement, result, check, finding(agreement, check, name))


def record_finding(agreement: Agreement, result: CaseResult, check: Check, found: Finding) -> None:
    """Keeps the closest call of each field, and failures: decisions before values."""
    name = found.field
    result.measured += found.origin not in (BITS, BUDGET, check.allowed.sealed_origin)
    worst = result.closest.get(name)
    if worst is None or found.share >= worst.share:
        result.closest[name] = found
    if found.otherwise:
        result.otherwise[name] = max(found.otherwise, result.otherwise.get(name, 0))
    if check.last:
        same = found.share == 0 and found.origin == BITS
        result.relative_rms[name] = 0.0 if same else relative(check, name)
    if not found.holds:
        decision = not inexact(getattr(check.want, name))
        report(result, value_code(found, check, decision), str(found), decision)


def value_code(found: Finding, check: Check, decision: bool) -> Code:
    """The code of a field that is further off than allowed."""
    if found.field in check.still:
        return Code.CONSTANT
    if decision:
        return Code.DECISION
    return {BITS: Code.BITS, BUDGET: Code.BUDGET}.get(found.origin, Code.VALUE)


class FieldComparison(NamedTuple):
    """What a field is compared with, and its error."""

    to: torch.Tensor
    off: Distance
    allowed: Distance
    origin: str  # of what is allowed
    otherwise: int = 0  # cells on another right branch


def finding(agreement: Agreement, check: Check, name: str) -> Finding:
    """The error of a field and its tolerance."""
    ours = getattr(check.got, name)
    compared = comparison(agreement, check, name)
    if (
        compared.off.over(compared.allowed) > 1
        and agreement.level != "exact"
        and name not in check.still
    ):
        compared = comparison_on_branch(ours, compared, check, name)
    share = compared.off.over(compared.allowed)
    if 0 < share <= 1 and compared.allowed.largest < float("inf"):
        agree(ours, compared.to, compared.allowed.largest)
    cell = worst_cell(ours, compared.to) if share else [0] * ours.ndim
    return Finding(
        check=check.name,
        field=name,
        **compared.off._asdict(),
        **{f"allowed_{key}": value for key, value in compared.allowed._asdict().items()},
        share=share,
        origin=compared.origin,
        cell=cell,
        got=number(ours, cell),
        want=number(compared.to, cell),
        otherwise=compared.otherwise,
    )


def comparison(agreement: Agreement, check: Check, name: str) -> FieldComparison:
    """Compares by the level of the claim: bits, a budget, or the tolerance around the truth."""
    ours, theirs = getattr(check.got, name), getattr(check.want, name)
    if agreement.level == "exact" or not inexact(ours) or name in check.still:
        # the library's comparison decides; ours puts a number on it
        return FieldComparison(theirs, exact_distance(ours, theirs), ZERO, BITS)
    if agreement.level == "approximate":
        rms = agreement.budget.get(name, 0.0) * size(theirs)
        allowed = Distance(rms, float("inf"), float("inf"))
        return FieldComparison(theirs, distance(ours, theirs), allowed, BUDGET)
    if same_bits((ours,), (theirs,)):
        return FieldComparison(theirs, ZERO, ZERO, BITS)  # no closer can anything be
    true = getattr(check.true(), name)
    off = distance(ours, true)
    return FieldComparison(true, off, *check.allowed.of(name, off, theirs))


def comparison_on_branch(
    ours: torch.Tensor, compared: FieldComparison, check: Check, name: str
) -> FieldComparison:
    """Compares again, in cells that rounding decides, with the branch that the candidate took."""
    reach = compared.allowed.largest
    if not explicable(ours, compared.to, reach):
        return compared
    to = on_branch(ours, compared.to, check.branches(name), reach)
    taken = far(to, compared.to, 0)
    if not taken:
        return compared
    off = distance(ours, to) if inexact(ours) else exact_distance(ours, to)
    return compared._replace(to=to, off=off, otherwise=taken)


def misfit(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    """What is wrong with dtype or shape, or with values that are not finite; "" if nothing."""
    if ours.dtype != theirs.dtype:
        return f"got {ours.dtype}, want {theirs.dtype}"
    if ours.shape != theirs.shape:
        return f"got shape {tuple(ours.shape)}, want {tuple(theirs.shape)}"
    if torch.isfinite(ours.sum()):  # one that is not makes the sum so, too
        return ""
    bad = ~torch.isfinite(ours)
    if bad.any():
        cell = bad.nonzero()[0].tolist()
        return f"got {ours[tuple(cell)].item()} at {cell}, allowed: finite values"
    return ""


def misfit_code(ours: torch.Tensor, theirs: torch.Tensor) -> Code:
    """The code of what `misfit` says of them."""
    if ours.dtype != theirs.dtype:
        return Code.DTYPE
    return Code.SHAPE if ours.shape != theirs.shape else Code.NONFINITE


def exact_distance(ours: torch.Tensor, theirs: torch.Tensor) -> Distance:
    """Zero where every bit is equal, otherwise at least the smallest positive number."""
    if torch.equal(digests.bits(ours), digests.bits(theirs)):
        return ZERO
    least = torch.finfo(torch.float64).tiny  # a zero of the other sign is off by this much
    return Distance(*(max(x, least) for x in distance(ours, theirs)))


def agree(ours: torch.Tensor, theirs: torch.Tensor, allowed: float) -> None:
    """Raises if torch's own comparison disagrees with ours."""
    assert_close(ours.to(theirs.dtype), theirs, rtol=0.0, atol=allowed)


def worst_cell(ours: torch.Tensor, theirs: torch.Tensor) -> list[int]:
    """Index of the largest difference."""
    if ours.ndim == 0:
        return []
    gap = (ours.to(theirs.dtype) - theirs).abs() if ours.dtype != torch.bool else ours ^ theirs
    flat = int(gap.reshape(-1).to(torch.float64).argmax())
    return [int(i) for i in torch.unravel_index(torch.tensor(flat), ours.shape)]


def number(tensor: torch.Tensor, cell: list[int]) -> float:
    """The value of a cell; of a complex number, its absolute value."""
    value = tensor[tuple(cell)].item()
    return abs(value) if isinstance(value, complex) else float(value)


def relative(check: Check, name: str) -> float:
    """RMS of the difference over the RMS of the reference."""
    ours, theirs = getattr(check.got, name), getattr(check.want, name)
    norm = size(theirs)
    return distance(ours, theirs).rms / norm if norm else 0.0


def report(result: CaseResult, code: str, line: str, decision: bool = False) -> None:
    """Keeps a failure; decisions come before values."""
    at = result.decisions if decision else len(result.broken)
    result.decisions += decision
    for kept, one in ((result.broken, line), (result.codes, code)):
        kept.insert(at, one)
        del kept[SHOWN:]
