"""Tolerance rule of one case: what is allowed at each check, and why.

    sealed      SLACK times the baseline's own error, which its manifest holds: two right answers
                lie on either side of the truth
    measured    the envelope of the run or of the single call, measured on this machine
    floor       of rounding alone, measured anew, for fields of a few numbers

`validation.reference.allowance` has the order in which these are asked.
"""

from groundspeed.baselines.engine import State
from groundspeed.validation.reference.allowance import Allowance, ByField
from groundspeed.validation.reference.distance import ZERO, Distance, floating, widest
from groundspeed.validation.reference.envelope import (
    FACTOR,
    ROUNDED,
    SENSITIVE,
    Envelope,
    unrelated,
)
from groundspeed.validation.reference.trajectory import SLACK

SEALED = f"{SLACK:g} times the sealed own error"
FLOOR = f"{FACTOR:g} times the 0.9 quantile of {ROUNDED} randomly rounded runs"
FORESEEN = 1e-3  # of the distance of unrelated states: an error below it is far from chaos


class Tolerance:
    """What a candidate may be off on one case.

    Args:
        case: what is known of it (`validation.judge.case_reference.CaseReference`).
    """

    def __init__(self, case):
        self.case = case

    def at(self, check: str, n: int) -> Allowance:
        """The allowance at a check ("step n", "from n") of the state after n steps."""
        return Allowance(
            self.allowed(check, n),
            lambda: self.origin(check),
            self.sealed(check),
            SEALED,
            lambda field: self.floor(check, n).get(field, ZERO),
            FLOOR,
        )

    def sealed(self, check: str) -> ByField:
        """The sealed part of the tolerance, by field."""

        def allowed(field: str) -> Distance:
            if self.case.answer is None:
                return ZERO
            return Distance(*self.case.answer.own_error[check][field]).scaled(SLACK)

        return allowed

    def allowed(self, check: str, n: int) -> ByField:
        """The larger of the sealed tolerance and the measured envelope, by field."""
        sealed = self.sealed(check)

        def allowed(field: str) -> Distance:
            around = self.around(check, n)
            if around is None:
                return sealed(field)
            return widest(sealed(field), around.allowed[n].get(field, ZERO))

        return allowed

    def around(self, check: str, n: int) -> Envelope | None:
        """The envelope that applies to a check: of the whole run, or of the single call."""
        if check.startswith("step"):
            return self.case.envelope
        return None if self.case.answer is not None else self.case.call_envelope(n)

    def floor(self, check: str, n: int) -> dict[str, Distance]:
        """The rounding floor of a check, by field; empty where not sealed or not affordable."""
        if self.case.answer is None or not self.case.small:
            return {}
        if not check.startswith("step"):
            return self.case.call_envelope(n).allowed[n]
        return self.case.rounded_envelope.allowed[n] if self.case.affordable else {}

    def origin(self, check: str) -> str:
        """Where the measured tolerance of a check comes from."""
        measured = f"{FACTOR:g} times the 0.9 quantile of {SENSITIVE} one-ulp starts"
        if self.case.answer is None:
            return f"{measured} and {ROUNDED} randomly rounded runs"
        wide = check.startswith("step") and self.case.affordable
        return f"{SEALED}, or {measured}" if wide else f"{SEALED}, and no more"

    def foresees(self, end: State, steps: int) -> bool:
        """Whether the sealed error stays so small that values can be compared to the end."""
        if self.case.answer is None:
            return False
        allowed = self.sealed(f"step {steps}")
        scales = {f: FORESEEN * unrelated(getattr(end, f)) for f in floating(end)}
        return all(allowed(f).rms <= scale for f, scale in scales.items() if scale)

    def of_law(self, name: str) -> float:
        """The largest residual of a law that is allowed."""
        return SLACK * self.case.residuals[name]
