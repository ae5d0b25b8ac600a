"""Runs the program in the process of an instrument."""

import builtins
import importlib
import importlib.util
import os
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from groundspeed import project
from groundspeed.baselines.foreign.pytest_runner import Tests, run_tests
from groundspeed.short_names import ShortNames
from groundspeed.tools.profiling.program.run_folder import FromCopy
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import UnknownName, WithCode

HOUSE = ("tools", "validation", "baselines", "optimizations")
HERE = str(project.HARNESS)


class Unfit(WithCode, RuntimeError):
    """The program cannot be run; the message says why in one line."""

    code = Code.PROGRAM


def measured_region(call: Callable[[], object]) -> None:
    """Samples are cut above this frame."""
    call()


class EngineRun:
    """Steps of an engine, one after another, from its start again where its trajectory ends."""

    stepped = True

    def __init__(self, target: dict, threads: int):
        import torch

        from groundspeed import baselines
        from groundspeed.validation import discovery, machine

        torch.set_num_threads(threads)
        try:
            own = target["what"] in discovery.names()
            self.engine = (discovery.engine if own else baselines.load)(target["what"])
        except discovery.BrokenLeaf as error:
            raise Unfit(error) from None
        cases = self.engine.cases
        quick = [n for n, c in cases.items() if c.timed and c.quick] or list(cases)
        self.case_name = target["case"] or quick[0]
        if self.case_name not in cases:
            raise Unfit(UnknownName.of(f"case of {target['what']}", self.case_name, cases))
        if absent := machine.missing(self.engine.needs):
            words = f"{target['what']} needs {' and '.join(absent)}, which is not here"
            raise Unfit(words, Code.UNAVAILABLE)
        self.case = cases[self.case_name]

    def prepare(self) -> None:
        """One-off work and two calls, which compile what compiles and are in no measured region."""
        self.start = self.engine.initial(self.case)
        self.step = self.engine.prepare(self.case)
        self.length = max(1, self.case.steps // self.engine.stride)
        self.made = 0
        self.advance(1)
        before = perf_counter()
        self.advance(1)
        self.once_s = perf_counter() - before

    def details(self) -> dict:
        """What is known of the engine besides its times."""
        return {
            "case": self.case_name,
            "stride": self.engine.stride,
            "length": self.length,
            "least_bytes": least(self.case) if (least := self.engine.least_bytes) else None,
            "opaque": opaque(self.engine),
        }

    def run(self, calls: int) -> None:
        measured_region(lambda: self.advance(calls))

    def advance(self, calls: int) -> None:
        from groundspeed.baselines.engine import clone

        for _ in range(calls):
            if self.made % self.length == 0:
                self.state = self.engine.adopt(self.case, clone(self.start))
            self.state = self.step(self.state)
            self.made += 1


def opaque(engine) -> str:
    """What instruments cannot see inside of, in words; empty where they see all."""
    if engine.opaque:
        return engine.opaque
    if "numba" in engine.needs:
        return "numba's kernels are compiled: their lines and operators are not seen"
    if "compiler" in engine.needs:
        return "torch.compile's kernels are not seen; operator counts are of the eager program"
    return ""


class WholeRun:
    """A script, a test or a callable, from beginning to end, once."""

    stepped = False

    def __init__(self, target: dict, threads: int):
        self.target = target
        self.own = Own(target["root"], target["kind"])
        self.execute = exec  # line tables put theirs
        self.call: Callable[[], object] | None = None  # once it is found

    def prepare(self) -> None:
        sys.dont_write_bytecode = True
        if project := self.target["project"]:
            sys.meta_path.insert(0, FromCopy(project, self.target["root"]))
        step_aside(self.target["root"])
        if self.target["kind"] == "callable":
            self.call = self.find()

    def run(self, calls: int) -> None:
        ways = {"pytest": self.test, "callable": self.call}
        once, pid = ways.get(self.target["kind"], self.script), os.getpid()
        try:
            for _ in range(calls):
                measured_region(once)
        except SystemExit as end:
            if end.code not in (None, 0):
                how = f"exit code {end.code}" if isinstance(end.code, int) else end.code
                raise Unfit(f"the program ended itself: {how}") from None
        except Unfit:
            raise
        except BaseException as error:
            raise Unfit(self.told(error)) from None
        finally:
            if os.getpid() != pid:
                os._exit(0)  # a fork that came back here is not the run

    def told(self, error: BaseException) -> str:
        """What was raised and at which own line."""
        if isinstance(error, SyntaxError):
            file = os.path.basename(error.filename or "")
            return f"{file}:{error.lineno} is no valid Python: {error.msg}"
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if self.own.is_own(f.filename)] or frames
        where = f"{self.own.short(own[-1].filename)}:{own[-1].lineno}"
        hint = ""
        if isinstance(error, ModuleNotFoundError):
            hint = f"; install it beside groundspeed: {sys.executable} -m pip install {error.name}"
        return f"{type(error).__name__}: {error} ({where}){hint}"

    def script(self) -> None:
        path, module = self.target["what"], self.target["module"]
        sys.argv = [path, *self.target["arguments"]]
        reach(self.target["folder"])
        main = types.ModuleType("__main__")
        main.__file__, main.__builtins__ = path, builtins
        main.__package__ = module.rpartition(".")[0] or None  # relative imports start there
        sys.modules["__main__"] = main
        code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
        self.execute(code, main.__dict__)

    def test(self) -> None:
        reach(self.target["root"])  # as where tests are started with python -m pytest
        plain, tests = ("--assert=plain",), Tests()  # lines are those of the file
        if problem := run_tests(self.target["what"], self.target["member"], plain, tests):
            raise Unfit(problem, Code.MODULE if tests.absent else Code.PROGRAM)

    def find(self) -> Callable[[], object]:
        what, member = self.target["what"], self.target["member"]
        try:
            reach(self.target["folder"])
            found = module = imported(what, self.target["module"])
            for part in member.replace("::", ".").split("."):
                found = getattr(found, part)
        except AttributeError:
            have = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise Unfit(f"no {member!r} in {os.path.basename(what)}; have {have[:12]}") from None
        except BaseException as error:
            raise Unfit(self.told(error)) from None
        if not callable(found):
            raise Unfit(f"{member} in {os.path.basename(what)} cannot be called")
        return found


def imported(path: str, name: str) -> types.ModuleType:
    """The module of that file, though another of its name may be imported or built in."""
    if "." in name or os.path.basename(path) == "__init__.py":
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reach(folder: str) -> None:
    """Let the program import what lies in that folder."""
    if folder not in sys.path:
        sys.path.insert(0, folder)


def step_aside(root: str) -> None:
    """Let the program find its own `tools` or `tests`, not those of this repository."""
    if f"{root}/".startswith(f"{HERE}/"):
        return
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != HERE or not p]
    ShortNames.taken |= set(HOUSE)
    for name in list(sys.modules):
        if name.split(".")[0] in HOUSE:
            del sys.modules[name]
