"""Runs a new baseline from its frozen copies, compares, and freezes it.

Started by `tools.create.command` where ``baselines`` holds nothing but the new baseline.
"""

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, fields
from baselines.foreign.numeric_leaves import same
from tools.create.agreement import apart
from validation.golden import freeze


def problem_of(name: str, expected: dict[str, torch.Tensor]) -> str:
    """Why it is no baseline; or nothing."""
    engine = baselines.load(name)
    case = next(iter(engine.cases.values()))
    start = engine.initial(case)
    end = engine.runner(case)(start, case.steps)
    if field := differing(end, expected):
        return (f"run from its frozen copies it gives another {field} ("
                f"{apart(fields(end)[field], expected[field])}): it rests on something that is not "
                "among them; name it with --with FILE")  # fmt: skip
    return hidden_state(engine, case, start, end)


def hidden_state(engine: Engine, case: Case, start: State, end: State) -> str:
    """Whether the step keeps anything that its state does not say: from the start, and on the way.

    A run that is stopped halfway and goes on from the state seen there must end the same.
    """
    step, half = engine.prepare(case), case.steps // 2
    run = replace(engine, stepper=lambda _: step).runner(case)
    for begin, count in ((start, case.steps), (run(start, half), case.steps - half)):
        again = run(begin, count)
        if field := differing(again, fields(end)):
            return (f"started again from a state of its own it gives another {field} ("
                    f"{apart(fields(again)[field], fields(end)[field])}): it remembers something "
                    "that is no array it can be asked for; leave out --step, or name a "
                    "function that is given all it needs")  # fmt: skip
    return ""


def differing(state: State, expected: dict[str, torch.Tensor]) -> str:
    """The first field that is not as expected; or nothing."""
    return next(
        (n for n, t in fields(state).items() if n in expected and not same(t, expected[n])), ""
    )


def main(folder: Path) -> None:
    """Freeze the baseline in the folder, and leave ``answer`` there; or leave ``error``."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    (name,) = baselines.names()
    try:
        problem = problem_of(name, torch.load(folder / "expected", weights_only=True))
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        problem = (f"run from its frozen copies it fails: {type(error).__name__}: "
                   f"{lines[0][:300]}; a file it reads may not have been seen: name it with "
                   "--with FILE")  # fmt: skip
    if not problem:
        freeze.freeze(name)
    (folder / ("error" if problem else "answer")).write_text(problem)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
