"""Checks the laws of an engine: experiments that the candidate runs."""

from groundspeed.baselines.engine import State
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import report
from groundspeed.validation.judge.findings import CaseResult, LawFinding
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.trajectory import LAW_CELLS
from groundspeed.validation.worker.messages import StateSource


class Between(ValueError):
    """A law asks for a state between two calls of a candidate that makes several steps in one."""


def check_laws(
    data: CaseReference, claim: Agreement, candidate: StateSource, result: CaseResult
) -> None:
    """Checks laws by experiments that the candidate runs, from starts of their own."""
    if data.elements > LAW_CELLS:
        return
    stride = claim.engine.stride

    def run(state: State, steps: int) -> State:
        if steps % stride:
            raise Between(f"asks for {steps} steps, a call makes {stride}")
        return candidate.after(data.name, state, [steps])[steps]

    for law in data.base.laws:
        if not law.applies(data.case):
            continue
        try:
            residual = law.residual(data.case, data.reference.start, run)
        except Between as reason:
            result.declined.append(f"{law.name}: {reason}")
            continue
        finding = LawFinding(
            law=law.name,
            residual=residual,
            allowed=max(data.tolerance.of_law(law.name), claim.budget.get(law.name, 0.0)),
            baseline=data.residuals[law.name],
        )
        result.laws.append(finding)
        result.checks += 1
        if not finding.holds:
            text = f"law broken: {law.name} ({law.statement}): residual {residual:.3g}"
            report(result, Code.LAW, f"{text}, allowed {finding.allowed:.3g}")
