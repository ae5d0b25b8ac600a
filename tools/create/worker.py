"""The process in which a user's program is recorded; started by `tools.create.recording`.

Reads a request from the folder that it is given, and leaves an answer there, or an error.
"""

import os
import pickle
import sys
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter, process_time

import numpy  # noqa: F401 before the program, so that its generator is seeded
import torch

from groundspeed.baselines.foreign.answer_files import AnswerFiles, in_folder
from groundspeed.baselines.foreign.outputs import CallWatch
from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Program, Sandbox
from groundspeed.tools.create import error_file
from groundspeed.tools.create.audit_hook import AuditHook
from groundspeed.tools.create.program_outputs import chosen, text_constants
from groundspeed.tools.create.request import Request
from groundspeed.tools.create.source_files import inventory
from groundspeed.tools.create.step_capture import Capture
from groundspeed.tools.create.step_rule import rule
from groundspeed.validation.records.codes import Code

OURS = ("tools", "baselines", "validation", "optimizations")


def main(folder: Path) -> None:
    """Record what is requested."""
    request = pickle.loads((folder / "request").read_bytes())
    torch.set_num_threads(1)
    del sys.path[0]  # ours: the program has a `tools` of its own
    os.chdir(folder / "mirror")
    try:
        torch.save(recorded(request, folder / "mirror"), folder / "answer")
    except Broken as error:
        error_file.leave(folder, error, getattr(error, "code", Code.PROGRAM))


class Stopped(Broken):
    """The program was stopped, or stopped itself, for a reason that has a code of its own."""

    def __init__(self, words: str, code: Code):
        super().__init__(words)
        self.code = code


def recorded(request: Request, mirror: Path) -> dict:
    """One run of the program, as the fields of a `tools.create.recording.Recording`.

    Raises:
        Broken: it cannot be a baseline; the message says why.
    """
    program = located(request, mirror)
    sandbox = Sandbox(mirror, program, stands_for=(mirror / request.home, request.project))
    hook = AuditHook(mirror, request)
    step = Capture(request.step, request.seed, request.opening)
    where = sandbox.folder / program.cwd
    files, before = AnswerFiles(where, request.outputs), in_folder(where)
    watches = {name: CallWatch(name) for name in request.watch}
    wraps = {name: watch.wrap for name, watch in watches.items()}
    boundaries = Boundaries(wraps | ({request.step: step.wrap} if request.step else {}))
    known = set(sys.modules)
    sys.addaudithook(hook)  # in every run: it is what keeps the user's own files as they are
    wall, cpu = perf_counter(), process_time()
    try:
        hook.active = True
        left = run(sandbox, boundaries, request.seed)
    except BaseException as error:
        if hook.refused:
            raise Stopped(hook.refused[0], Code.OUTSIDE) from None
        absent = isinstance(error, ModuleNotFoundError) and error.name
        absent = absent or getattr(error, "absent", "")
        code = Code.MODULE if absent else Code.PROGRAM
        raise Stopped(explain(error, mirror, request), code) from None
    finally:
        hook.active = False
    times = {"wall_s": perf_counter() - wall, "cpu_s": process_time() - cpu}
    if hook.refused:  # and the program went on
        raise Stopped(hook.refused[0], Code.OUTSIDE)
    refuse_absent(boundaries)
    wrote = [name for name, when in in_folder(where).items() if before.get(name) != when]
    ignored = dict(request.ignored)
    if request.step:
        numbers = rule(step, ignored)
    else:
        constants = text_constants(request.target.file.read_bytes())
        numbers = chosen(left | files.read(), watches.values(), request.outputs, ignored, constants)
        numbers["left_out"] |= {n: f"is a file that it writes: --output {n} compares it"
                                for n in wrote if n not in request.outputs}  # fmt: skip
    if sandbox.config and sandbox.config.is_relative_to(mirror):
        config = str(sandbox.config.relative_to(mirror))
        sandbox.program = program = replace(program, config=config)
    names, roots, used = inventory(sandbox, hook, request, known)
    program = replace(
        program,
        names=names,
        paths=(*program.paths, *roots),
        writes=any(map(hook.mirrored, hook.written)),
        folders=written_into(request, mirror, [*hook.written, *(str(where / n) for n in wrote)]),
    )
    return numbers | used | times | {
        "program": asdict(program), "tests_s": sandbox.seconds, "notes": sorted(hook.notes)
    }  # fmt: skip


def located(request: Request, mirror: Path) -> Program:
    """The program, and where it lies in the mirror."""
    target, project, home = request.target, request.project, request.home
    common = {"kind": target.kind, "module": target.module, "part": target.part, "names": OURS,
              "arguments": request.arguments, "seed": request.seed}  # fmt: skip
    if target.installed:
        return Program(cwd=request.home, **common)
    inside = lambda path: os.path.normpath(Path(home, os.path.relpath(path, project)))  # noqa: E731
    own = [p for p in map(os.path.abspath, sys.path)
           if Path(p).is_relative_to(project) and "site-packages" not in p]  # fmt: skip
    return Program(
        file=inside(target.file),
        paths=tuple(dict.fromkeys([inside(target.import_folder), home, *map(inside, own)])),
        cwd=inside(request.cwd) if request.cwd.is_relative_to(project) else home,
        **common,
    )


def written_into(request: Request, mirror: Path, files: list[str]) -> tuple[str, ...]:
    """Folders of the project that these files lie in: a program may expect to find them."""
    inside = (os.path.relpath(os.path.dirname(file), mirror / request.home) for file in files)
    return tuple(sorted({
        os.path.normpath(Path(request.home, folder)) for folder in inside
        if not folder.startswith("..") and (request.project / folder).is_dir()
    }))  # fmt: skip


def refuse_absent(boundaries: Boundaries) -> None:
    """Raise where the program never imported a function that was asked for."""
    have = sorted({name for names in boundaries.seen.values() for name in names})[:8]
    for name in boundaries.wraps:
        if name not in boundaries.met:
            what = f"that module has {have}" if have else "the module is not among them"
            raise Broken(f"no function {name} in what it imports; {what}")


def explain(error: BaseException, mirror: Path, request: Request) -> str:
    """What went wrong, in one line, with the deepest line of the user's own."""
    if isinstance(error, Broken):
        return str(error)
    places = (f"{mirror}{os.sep}", f"{request.project}{os.sep}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(places) and "site-packages" not in f.filename]
    where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        return (f"it needs the module {package!r}, which is not here{where}; install it beside "
                f"groundspeed: {sys.executable} -m pip install {package}")  # fmt: skip
    if isinstance(error, SystemExit):
        return f"it ended with exit code {error.code}{where}"
    lines = str(error).strip().splitlines() or [""]
    module = getattr(getattr(error, "obj", None), "__name__", getattr(error, "name", ""))
    file = request.target.import_folder / f"{module}.py"
    hint = ""
    if isinstance(error, AttributeError | ImportError) and file.exists():
        hint = f"; another module has the name of {file.name} and was loaded; rename the file"
    return f"{type(error).__name__}: {lines[0][:300]}{where}{hint}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # whatever threads or handlers the program left behind
