"""Runs a new baseline from its frozen copies, compares, tries what moves it, and freezes it.

Started by `tools.create.command` where ``baselines`` holds nothing but the new baseline.
"""

import pickle
import sys
import warnings
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import torch

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.baselines.foreign.external_engine import engine as external
from groundspeed.baselines.foreign.external_engine import repeated_runs_remembered
from groundspeed.baselines.foreign.live_step import MARKS
from groundspeed.baselines.foreign.numeric_leaves import same
from groundspeed.tools.create import error_file
from groundspeed.tools.create.agreement import apart
from groundspeed.tools.create.influence import STEPS, moved_by
from groundspeed.tools.create.writer import Baseline, Findings, finish, starts
from groundspeed.validation.golden import freeze
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import WithCode
from groundspeed.validation.reference.trajectory import rounded_run


class Unfit(WithCode, RuntimeError):
    """It is no baseline; the message says why, in one line."""

    code = Code.HIDDEN


def tried(made: Baseline) -> Findings:
    """What running it from its copies shows.

    Raises:
        Unfit: it is no baseline.
    """
    digest, held = finish(made, Findings()), starts(made)
    own, request = held[made.request.case], made.request
    state = namedtuple("State", own["start"])
    engine = external(request.name, made.folder, state, digest)
    dropped, ends = {}, {}
    for name, one in held.items():
        case = engine.cases[name]
        start = engine.initial(case)
        ends[name] = engine.runner(case)(start, case.steps)
        if problem := problem_of(engine, case, start, ends[name], one["fields"]):
            if name in made.recordings:
                raise Unfit(problem)
            dropped[name] = problem
    case = engine.cases[request.case]
    steps, end = min(STEPS, case.steps), ends[request.case]
    if steps < case.steps:
        end = engine.runner(case)(engine.initial(case), steps)
    whole = f"{request.target.file.stem}:{request.target.part.replace('::', '.')}"
    depends = moved_by(engine, case, made.folder, (request.step, whole), end, steps)
    rounds = request.step != "" or bool(engine.opaque) or survives_rounding(engine, case)
    findings = Findings(rounds, dropped, depends)
    refuse_inputs(made, findings)
    return findings


def refuse_inputs(made: Baseline, findings: Findings) -> None:
    """Raise where nothing that the program computes is compared."""
    every = [n for n in findings.moved_by or {} if not n.endswith(MARKS)]
    if made.request.step or not every or set(every) - set(findings.unmoved):
        return
    raise Unfit(
        f"all that would be compared ({', '.join(every[:5])}) are only inputs or constants: no "
        "function of the program that was perturbed moves them; name what it computes with "
        "--output, or a function with --watch or --step",
        Code.INPUTS,
    )


def survives_rounding(engine: Engine, case: Case) -> bool:
    """Whether a whole run comes to its end though every result is rounded at random."""
    try:
        for seed in range(2):
            rounded_run(engine, case, engine.initial(case), [1], seed)
    except Exception:  # a test's assertion, a solver that does not converge
        return False
    return True


def problem_of(
    engine: Engine, case: Case, start: State, end: State, expected: dict[str, torch.Tensor]
) -> str:
    """Why it is no baseline; or nothing."""
    if field := differing(end, expected):
        return (f"run from its frozen copies it gives another {field} ("
                f"{apart(fields(end)[field], expected[field])}): it rests on something that is not "
                "among its numbers or its files, such as an object that a call changes or a file "
                "that is not seen (--with FILE)")  # fmt: skip
    return hidden_state(engine, case, start, end)


def hidden_state(engine: Engine, case: Case, start: State, end: State) -> str:
    """Whether the step keeps anything that its state does not say: from the start, and on the way.

    A run that is stopped halfway and goes on from the state seen there must end the same.
    """
    step, half = engine.prepare(case), case.steps // 2
    run = replace(engine, stepper=lambda _: step).runner(case)
    halfway = [(run(start, half), case.steps - half)] if half else []
    for begin, count in ((start, case.steps), *halfway):
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
    made: Baseline = pickle.loads((folder / "made").read_bytes())
    problem = None
    try:
        findings = tried(made)
        finish(made, findings)
    except Unfit as error:
        problem = error
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        problem = Unfit(f"run from its frozen copies it fails: {type(error).__name__}: "
                   f"{lines[0][:300]}; a file it reads may not have been seen: name it with "
                   "--with FILE")  # fmt: skip
    if problem is None:
        with repeated_runs_remembered():  # `hidden_state` has seen that they agree
            freeze.freeze(made.request.name)
        (folder / "answer").write_bytes(pickle.dumps(findings))
    else:
        error_file.leave(folder, problem, problem.code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
