"""Short runs of the flow engines under rules of one's own, for several files of tests."""

from dataclasses import replace

import pytest

from baselines.energy_flow_v1.state import TRACE


def tiny(version, name="tiny", rules=None, **changes):
    """That case, with some rules of its version set otherwise."""
    case = version.engine.cases[name]
    return replace(case, rules=replace(case.rules, **rules or {}), **changes)


def after(version, case, steps=1, start=None):
    start = version.engine.initial(case) if start is None else start
    return version.engine.runner(case)(start, steps)


def column(state, name):
    """That column of the trace, of the steps that were made."""
    return state.trace[: int(state.step), TRACE.index(name)]


def variants(*table):
    """(version, rules) pairs; with a reason, those that have the defect."""
    params = []
    for version, rules, reason in table:
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        words = "-".join(f"{k} {v}" for k, v in rules.items()) or "default"
        label = f"{version.engine.name[-2:]}-{words}".replace(" ", "_")
        params.append(pytest.param(version, rules, marks=marks, id=label))
    return pytest.mark.parametrize(("version", "rules"), params)
