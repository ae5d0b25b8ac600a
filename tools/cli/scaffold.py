"""The files of a new optimization: they validate as they are written, and show what can be changed.

What they show is asked of the engine: its stages with their places, its state, its cases.
"""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import wrap

from groundspeed import baselines
from groundspeed.baselines.engine import Engine, same

WIDTH = 96  # of a comment, in columns
BENCHMARK = '''"""One step, frozen against this one, at each timed size."""

from groundspeed import Suite


class Speed(Suite):
    def setup_cache(self):  # asv keys its cache by file and line, so it must stand here
        return self.measure()
'''
REPORT = """# {name}

## Strategy
What was changed, why it should be faster, and why it computes the same. No measured figures here:
those are written below, from records.

## Trade-offs
What it asks for in return: memory, compilation, bits, generality.

## When not to use it
Sizes, devices or physics for which it is no gain, or not valid.

<!-- generated -->
<!-- /generated -->
"""
VALIDATION = '''"""Why it agrees with its baseline, and how closely."""

from groundspeed import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",  # every bit; or "rounding"; or "approximate", with a budget={{field: error}}
    because="it is the same code so far",
    # cases=("{first}",), where it covers some of the cases only
    # threads="why another number of threads gives other bits", where it does
)
'''
SPEED_TEST = '''"""What it promises: asserted of evidence on file, never of a clock of this run."""


def test_{name}_computes_the_same(verdict):
    assert verdict("{name}").holds


def test_{name}_keeps_more_than_3x(speedup):
    assert speedup("{name}").low > 3  # lower end of the 95 % interval; the promise is yours to set
'''
HEAD = '''"""What is done otherwise, in one sentence.

Why that is faster, and why it computes the same thing.
"""

'''
STAGE = """from baselines.{baseline} import engine as baseline
from groundspeed import replace_stage

{shown}

frozen = {{stage.name: stage.build for stage in baseline.stages}}


def {stage}(case):
    \"\"\"The stage of that name, built once for each case: what is done here is not timed.\"\"\"
    step = frozen["{stage}"](case)  # the frozen one; write your own in its place

    def faster(state):
        \"\"\"The only function that is timed: takes {kind}, returns {kind}.\"\"\"
        return step(state)  # yours ends: return state._replace(FIELD=...)

    return faster


engine = replace_stage(baseline, {stage}={stage})  # any stages, by their names

"""
WHOLE = """from dataclasses import replace

from baselines.{baseline} import engine as baseline

{shown}


def stepper(case):
    \"\"\"Builds the step, once for each case: what is done here is not timed.\"\"\"
    step = baseline.prepare(case)  # the frozen one; write your own in its place

    def faster(state):
        \"\"\"The only function that is timed.\"\"\"
        return step(state)

    return faster


engine = replace(baseline, stepper=stepper)

"""
MORE = """# What else an engine may say, with dataclasses.replace(engine, ...); most say none of it:
#   stepper=build      build(case) returns the whole step, in the place of all stages
#   adopt=take         take(case, state): another layout, made of the canonical state
#   observe=give       give(case, working): the canonical state again, which is compared
#   in_place=True      the step may overwrite the state that it is given
#   stride=2           one call makes so many steps of the baseline
#   needs=("name",)    on the machine: a package or "compiler"; of GPUs, see baselines/device.py
# And what a claim may say, in validation.py:
#   threads="why"      why another number of threads gives other bits
"""


def files(name: str, baseline: str) -> dict[str, str]:
    """Text of each file, by its name."""
    engine = baselines.load(baseline)
    return {
        "__init__.py": "",
        "implementation.py": implementation(baseline, engine),
        "validation.py": VALIDATION.format(first=next(iter(engine.cases))),
        "benchmark.py": BENCHMARK,
        "report.md": REPORT.format(name=name),
    }


def implementation(baseline: str, engine: Engine) -> str:
    """The first stage under another name, or the whole step of an engine without stages."""
    kind, names = working_type(engine)
    words = {"baseline": baseline, "shown": shown(engine, kind, names), "kind": kind}
    if not engine.stages:
        return HEAD + WHOLE.format(**words) + MORE
    return HEAD + STAGE.format(**words, stage=engine.stages[0].name) + MORE


def shown(engine: Engine, kind: str, names: tuple[str, ...]) -> str:
    """The engine in comments: stages in their order, the state's fields, the cases."""
    whole = f"# It has no stages; what can be replaced: baselines/{engine.name}/report.md"
    lines = ["# A step is these stages, one after another:"] if engine.stages else [whole]
    for stage in engine.stages:
        build = innermost(stage.build)
        lines += comment(f"  {stage.name}{place(build)}", purpose(build))
    if names:
        lines += comment(kind, ", ".join(names))
    lines += comment("Cases", ", ".join(engine.cases))
    lines += comment("Timed", ", ".join(n for n, case in engine.cases.items() if case.timed))
    return "\n".join(lines)


def comment(head: str, text: str) -> list[str]:
    """Head and text as a comment, in as many lines as it takes."""
    return wrap(f"# {head}: {text}", WIDTH, subsequent_indent="#     ")


def working_type(engine: Engine) -> tuple[str, tuple[str, ...]]:
    """Name and fields of what a stage takes: what `adopt` gives, or the canonical state."""
    source = engine.initial if engine.adopt is same else engine.adopt
    annotations = getattr(source, "__annotations__", {})
    kind = annotations.get("return", "a state")
    if not isinstance(kind, str):
        return kind.__name__, getattr(kind, "_fields", ())
    return kind, getattr(getattr(source, "__globals__", {}).get(kind), "_fields", ())


def innermost(function: Callable) -> Callable:
    """What was written for a stage, below what was wrapped around it by `partial`."""
    while isinstance(function, partial):
        inner = [a for a in function.args if inspect.isroutine(a) or isinstance(a, partial)]
        function = inner[-1] if inner else function.func
    return function


def place(function: Callable) -> str:
    """File and line, as an editor opens it; "" of what has none."""
    try:
        path = Path(inspect.getsourcefile(function)).relative_to(baselines.HERE.parent)
        return f" ({path}:{inspect.getsourcelines(function)[1]})"
    except (TypeError, ValueError, OSError):
        return ""


def purpose(function: Callable) -> str:
    """The first line of what a builder says of itself."""
    first = (inspect.getdoc(function) or "").partition("\n\n")[0]
    return " ".join(first.removeprefix("Stage: ").split())
