"""The process in which a user's program is recorded; started by `tools.create.runner`.

Reads a specification (JSON), writes an answer (JSON) and the numbers (a file of tensors). Started
by its path, so that nothing of the working folder is imported by mistake.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # a script's own folder is no place for imports
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import json  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import traceback  # noqa: E402
from contextlib import suppress  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter, process_time  # noqa: E402
from typing import NoReturn  # noqa: E402

import numpy  # noqa: E402, F401 before the program, so that its generator is seeded
import torch  # noqa: E402

from baselines import foreign
from baselines.foreign import outputs, program  # noqa: E402
from baselines.foreign import sandbox as rooms  # noqa: E402
from tools.create import step_capture  # noqa: E402
from tools.create.audit_hook import Observer  # noqa: E402
from tools.create.program_outputs import gathered, stepped  # noqa: E402
from tools.create.source_files import inventory  # noqa: E402

NUMBER = struct.Struct("i")


def serve(channel: socket.socket) -> None:
    """Fork a process for each [specification, folder] that is asked for, with where it prints.

    Answers its number, and when it is over, how it ended. Torch is loaded once, before.
    """
    torch.set_num_threads(1)
    while True:
        request, words, *_ = socket.recv_fds(channel, 1 << 14, 1)
        if not request:
            return
        pid = os.fork()
        if not pid:
            channel.close()
            alone(*json.loads(request), words[0])
        os.close(words[0])
        channel.sendall(NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        channel.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))


def alone(specification: str, folder: str, words: int) -> NoReturn:
    """One run, in a session of its own; never returns."""
    os.setsid()
    os.chdir(folder)
    os.dup2(words, 1)
    os.dup2(words, 2)
    os.close(words)
    try:
        main(Path(specification))
        sys.stdout.flush()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def main(specification: Path) -> None:
    """Run what is specified, write its answer and its numbers."""
    spec = json.loads(specification.read_text())
    answer, numbers = observe(spec)
    torch.save(numbers, spec["numbers"])
    Path(spec["answer"]).write_text(json.dumps(answer))


def observe(spec: dict) -> tuple[dict, dict]:
    """Run the program once; what there is to say, and the numbers."""
    mirror, project = Path(spec["mirror"]), Path(spec["project"])
    what = foreign.from_json(rooms.Program, spec["program"])
    mapped = [
        os.path.relpath(mirror / "project" / os.path.relpath(p, project), mirror)
        for p in map(os.path.abspath, sys.path[1:])
        if f"{p}{os.sep}".startswith(f"{project}{os.sep}") and "site-packages" not in p
    ]
    mapped = [] if spec["installed"] else mapped
    what = replace(what, paths=tuple(dict.fromkeys([*what.paths, *mapped])))
    room = rooms.Sandbox(mirror, what, copy=False)
    room.original = lambda path: (
        str(project / os.path.relpath(path, mirror / "project"))
        if path.startswith(f"{mirror}/project/")
        else path
    )
    hook = Observer(mirror, project, spec["allow"], spec["freeze"])
    step = step_capture.Capture(spec["seed"]) if spec["step"] else None
    watches = {name: outputs.CallWatch(name) for name in spec["watch"]}
    boundaries = rooms.Boundaries(
        {n: w.wrap for n, w in watches.items()} | ({spec["step"]: step.wrap} if step else {})
    )
    sys.addaudithook(hook)  # in every run: it is what keeps the user's own files as they are
    if root_path := sys.path[0]:
        sys.path.remove(root_path)
    answer: dict = {"paths": list(what.paths)}
    known = set(sys.modules)
    left: dict = {}
    wall, cpu = perf_counter(), process_time()
    try:
        hook.active = True
        left = program.run(room, boundaries, spec["seed"])
    except BaseException as error:
        answer["error"] = explain(error, mirror, project)
    finally:
        hook.active = False
        sys.path.insert(0, root_path)
        answer |= {"wall_s": perf_counter() - wall, "cpu_s": process_time() - cpu}
    if hook.refused:
        answer["error"] = hook.refused[0]
    missed = {n: boundaries.seen for n in boundaries.wanted if n not in boundaries.met}
    answer["missed"] = {n: sorted({f for s in seen.values() for f in s})[:8]
                        for n, seen in missed.items()}  # fmt: skip
    numbers: dict = {"fields": {}}
    if "error" not in answer and not answer["missed"]:
        if step:
            answer["step"], numbers = stepped(spec["step"], step)
        else:
            answer["left"], numbers["fields"] = gathered(left, watches, spec["outputs"])
    answer |= {"tests_s": room.seconds, "writes": bool(hook.writes), "notes": sorted(hook.notes)}
    if spec["audit"]:
        answer |= inventory(room, hook, what, spec, known)
    return answer, numbers


def explain(error: BaseException, mirror: Path, project: Path) -> str:
    """What went wrong, in one line, with the deepest line of the user's own."""
    if isinstance(error, rooms.Broken):
        return str(error)
    places = (f"{mirror}{os.sep}", f"{project}{os.sep}")
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
    return f"{type(error).__name__}: {lines[0][:300]}{where}"


if __name__ == "__main__":
    with suppress(ConnectionError):  # whoever asked is gone
        serve(socket.socket(fileno=int(sys.argv[1])))
