"""Beyond the predictability horizon: tests that answers come from the same distribution.

Two right runs of a chaotic system part for good; what is left to compare is their law.
From each of the perturbed starts of the envelope the frozen engine and the candidate both run
to the end. Of every run and field some summaries are taken: mean, spread, quartiles and
extremes. For each summary the two samples over the ensemble are compared by the exact
two-sample test of Kolmogorov and Smirnov. The runs are independent of one another, their
cells are not: so runs are counted, not cells.

N. V. Smirnov, Ann. Math. Statist. 19, 279 (1948), doi:10.1214/aoms/1177730256.
"""

import torch

from groundspeed.baselines.engine import State
from groundspeed.validation.judge.compare import report
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.envelope import SENSITIVE, perturbed

SURE = 1e-4  # of a difference, shared among the summaries of a field
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def check_distributions(data, candidate, result) -> None:
    """Compares the ends of two ensembles, field by field, beyond the horizon of values."""
    steps, start = data.case.steps, data.reference.start
    starts = [perturbed(start, 1 + i, data.still) for i in range(SENSITIVE)]
    theirs = [candidate.after(data.name, one, [steps])[steps] for one in starts]
    for name, horizon in result.power.horizon.items():
        if horizon is None:
            continue
        p = unlike(data.ends, theirs, name)
        result.power.distributions[name] = p
        result.checks += 1
        if p < SURE:
            report(
                result,
                Code.DISTRIBUTION,
                f"{name} after step {steps}: values cannot be compared from step {horizon} on, and "
                f"their distribution is another one (p = {p:.2g}, allowed at least {SURE:g})",
            )


def unlike(ours: list[State], theirs: list[State], name: str) -> float:
    """p-value, over all summaries, of equal distributions."""
    from scipy.stats import ks_2samp  # late: half a second

    one, other = ([summaries(getattr(s, name)) for s in run] for run in (ours, theirs))
    found = [
        ks_2samp(a, b, method="exact").pvalue
        for a, b in zip(zip(*one, strict=True), zip(*other, strict=True), strict=True)
    ]
    return float(min(1.0, len(found) * min(found)))


def summaries(field: torch.Tensor) -> list[float]:
    """Mean, root mean square about it, and quantiles; of complex numbers, of their size."""
    flat = (field.abs() if field.is_complex() else field).reshape(-1).double()
    points = torch.tensor(QUANTILES, dtype=torch.float64)
    return [
        float(flat.mean()),
        float(flat.std(correction=0)),
        *torch.quantile(flat, points).tolist(),
    ]
