"""The process in which a user's program runs under observation; `tools.create` starts it.

Sees which files it really reads and imports, lets nothing write into the user's project, lets
nothing out to the network, and writes down what came out. Reads a specification (JSON), writes
an answer (JSON) and the numbers (a file of tensors).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import sys
import sysconfig
import traceback
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import packages_distributions, version
from pathlib import Path
from time import perf_counter, process_time
from typing import NoReturn

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHILDREN = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen"}
NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree", "os.mkdir"}
NUMBER = struct.Struct("i")
STANDARD = str(Path(sysconfig.get_path("stdlib")).resolve())


class Refused(BaseException):
    """The program does something that a frozen baseline cannot repeat."""


class Observer:
    """An audit hook: files read and written, processes, connections."""

    def __init__(self, mirror: Path, project: Path, allow: list[str], packages: list[str]):
        self.mirror, self.project, self.allow = f"{mirror}{os.sep}", f"{project}{os.sep}", allow
        self.packages = tuple(f"{os.sep}site-packages{os.sep}{p}{os.sep}" for p in packages)
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.made: set[str] = set()  # anywhere: what it wrote itself is no source of its own
        self.refused: list[str] = []
        self.notes: set[str] = set()
        self.active = self.busy = False

    def __call__(self, event: str, args: tuple) -> None:
        if not self.active or self.busy:
            return
        self.busy = True
        try:
            if event == "open":
                self.opened(*args)
            elif event in NETWORK:
                self.connected(event, args)
            elif event in CHILDREN and "processes" not in self.allow:
                self.started(event, args)
            elif event in CHANGES and isinstance(args[0], str):
                self.keep_out(os.path.abspath(args[0]))
        finally:
            self.busy = False

    def opened(self, path, mode, flags) -> None:
        if not isinstance(path, str | os.PathLike):
            return
        full = os.path.abspath(os.fspath(path))
        if not isinstance(full, str):
            return
        if (flags or 0) & WRITING:
            self.keep_out(full)
            self.made.add(full)
            if full.startswith(self.mirror) and "/.basetemp" not in full:
                self.writes.add(full)
                if os.path.islink(full):  # the user's own file: a copy of it is written instead
                    real = os.path.realpath(full)
                    os.unlink(full)
                    shutil.copy(real, full)
        elif full.endswith(".py") and full.startswith(self.project):
            return  # shown in a message or looked up; what is imported is known from the modules
        elif full not in self.writes and (
            full.startswith((self.mirror, self.project)) or any(p in full for p in self.packages)
        ):
            self.reads.add(full)

    def keep_out(self, path: str) -> None:
        if os.path.realpath(os.path.dirname(path)).startswith(self.project.rstrip(os.sep)):
            where = os.path.relpath(path, self.project)
            self.refuse(f"it would write {where} in the project by its full path; give it a "
                        "relative one")  # fmt: skip

    def connected(self, event: str, args: tuple) -> None:
        family = getattr(args[0], "family", None) if event == "socket.connect" else None
        if "network" in self.allow or (family is not None and family.name == "AF_UNIX"):
            return
        to = args[1] if event == "socket.connect" else args[0]
        self.refuse(f"it uses the network ({to}), and would not run alike tomorrow; keep what it "
                    "fetches in a file, or say --allow network")  # fmt: skip

    def started(self, event: str, args: tuple) -> None:
        who = self.who()
        if who.startswith((self.mirror, self.project)):
            self.refuse("it starts another process, and what happens there is not seen; run it in "
                        "one process, or say --allow processes")  # fmt: skip
        self.notes.add(f"{Path(who).parent.name} starts another process")

    def refuse(self, why: str) -> None:
        self.refused.append(f"{why} ({self.local_line()})")
        raise Refused(why)

    def frames(self):
        frame = sys._getframe(3)
        while frame:
            yield frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back

    def who(self) -> str:
        """The file of the nearest frame that is not Python's own."""
        names = (n for n, _ in self.frames() if not n.startswith(("<", __file__)))
        return next((n for n in names if not n.startswith(STANDARD) or "site-packages" in n), "")

    def local_line(self) -> str:
        inside = [
            f"{os.path.basename(n)}:{k}"
            for n, k in self.frames()
            if n.startswith((self.mirror, self.project))
        ]
        return inside[0] if inside else "in a library"


def serve(channel: socket.socket) -> None:
    """Fork a process for each [specification, folder] that is asked for, with where it prints.

    Answers its number, and when it is over, how it ended. Torch is loaded once, before.
    """
    root = str(Path(__file__).resolve().parent.parent)
    sys.path[0] = root  # a script's own folder is no place for imports: it holds a statistics.py
    import numpy  # noqa: F401 before the program, so that its generator is seeded
    import torch

    from baselines import foreign, program  # noqa: F401 each run needs them
    from tools import capture  # noqa: F401

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
    import torch

    spec = json.loads(specification.read_text())
    answer, numbers = observe(spec)
    torch.save(numbers, spec["numbers"])
    Path(spec["answer"]).write_text(json.dumps(answer))


def observe(spec: dict) -> tuple[dict, dict]:
    """Run the program once; what there is to say, and the numbers."""
    from baselines import foreign, outputs, program
    from baselines import room as rooms
    from tools import capture

    mirror, project = Path(spec["mirror"]), Path(spec["project"])
    what = foreign.from_json(rooms.Program, spec["program"])
    mapped = [
        os.path.relpath(mirror / "project" / os.path.relpath(p, project), mirror)
        for p in map(os.path.abspath, sys.path[1:])
        if f"{p}{os.sep}".startswith(f"{project}{os.sep}") and "site-packages" not in p
    ]
    mapped = [] if spec["installed"] else mapped
    what = replace(what, paths=tuple(dict.fromkeys([*what.paths, *mapped])))
    room = rooms.Room(mirror, what, copy=False)
    room.original = lambda path: (
        str(project / os.path.relpath(path, mirror / "project"))
        if path.startswith(f"{mirror}/project/")
        else path
    )
    hook = Observer(mirror, project, spec["allow"], spec["freeze"])
    step = capture.Capture(spec["seed"]) if spec["step"] else None
    watches = {name: outputs.Watch(name) for name in spec["watch"]}
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
    from baselines.room import Broken

    if isinstance(error, Broken):
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


def stepped(name: str, step) -> tuple[dict, dict]:
    """The rule of a step function, as plain data, and its numbers."""
    from tools import capture

    if not step.calls:
        return {"error": f"the program never calls {name} from Python"}, {"fields": {}}
    try:
        found = capture.rule(step)
    except ValueError as error:
        return {"error": str(error)}, {"fields": {}}
    told = {
        "name": name,
        "fields": found.fields,
        "scheduled": found.scheduled,
        "random": step.random,
        "steps": found.steps,
        "fixed": found.fixed,
        "left_out": found.left_out,
        "calls": step.count,
        "call_s": sorted(c.seconds for c in step.calls)[len(step.calls) // 2],
    }
    return told, {"fields": found.end, "start": found.start, "tables": found.tables}


def gathered(left: dict, watches: dict, wanted: list[str]) -> tuple[dict, dict]:
    """What a whole run left: the numbers asked for, or else all arrays, or else all floats."""
    import torch

    from baselines import arrays, outputs

    found = outputs.outputs(left, watches.values())
    if wanted:
        absent = [w for w in wanted if not any(n == w or n.startswith(f"{w}_") for n in found)]
        if absent:
            return {"error": f"the run leaves no number {absent[0]!r}; it leaves "
                             f"{sorted(found)[:12]}"}, {}  # fmt: skip
        chosen = {n: v for n, v in found.items()
                  if any(n == w or n.startswith(f"{w}_") for w in wanted)}  # fmt: skip
    elif watches:
        chosen = {n: v for w in watches.values() for n, v in w.stacked().items()}
    else:
        chosen = plain_outputs(left)
    tensors = {n: v if isinstance(v, torch.Tensor) else arrays.tensor(v) for n, v in chosen.items()}
    tensors = {n: arrays.tensor(t) for n, t in tensors.items()}
    bad = [n for n, t in tensors.items() if not torch.isfinite(t).all()]
    good = {n: t for n, t in tensors.items() if n not in bad and t.numel()}
    return {"not_finite": bad, "others": sorted(set(found) - set(good))[:12]}, good


def plain_outputs(left: dict) -> dict:
    """Arrays that variables hold, else those inside objects, else floats; nothing private."""
    from baselines import arrays, outputs

    rows = [
        (outputs.field_name(place), place, value)
        for key, held in left.items()
        for place, value in arrays.numbers(held, (("item", key),))
        if not any(str(k).startswith("_") for _, k in place)
    ]
    large = [r for r in rows if not isinstance(r[2], bool | int | float | complex)]
    flat = [r for r in large if all(how == "item" for how, _ in r[1])]
    chosen = flat or large or [r for r in rows if isinstance(r[2], float | complex)]
    return {name: value for name, _, value in chosen}


def inventory(room, hook: Observer, what, spec: dict, known: set[str]) -> dict:
    """The user's files that were really used, by their place in the frozen copy."""
    mirror, project = Path(spec["mirror"]), Path(spec["project"])
    used = {n: getattr(m, "__file__", None) for n, m in (dict(sys.modules) | room.modules).items()}
    frozen = tuple(spec["freeze"])
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files: dict[str, str] = {}
    names, roots, native = set(), {}, set()
    own = {str(mirror / what.file), str(mirror / what.config)} if what.config else {
        str(mirror / what.file)}  # fmt: skip
    for name, file in used.items():
        if not file or name == "__main__" or not os.path.isabs(file):
            continue
        top, full = name.split(".")[0], os.path.abspath(file)
        if full.startswith(f"{mirror}{os.sep}"):
            own.add(full)
            names.add(top)
        elif top in frozen and "site-packages" in full:
            base = full.split(f"{os.sep}site-packages{os.sep}")[0] + f"{os.sep}site-packages"
            files[f"packages/{os.path.relpath(full, base)}"] = full
            native |= {top} if not full.endswith(".py") else set()
            names.add(top)
        elif is_local(full, here) and name not in known and full not in hook.made:
            base = full
            for _ in range(name.count(".") + 1 + full.endswith("__init__.py")):
                base = os.path.dirname(base)
            label = roots.setdefault(base, f"root{len(roots) + 1}")
            files[f"{label}/{os.path.relpath(full, base)}"] = full
            names.add(top)
    for path in own | {p for p in hook.reads if os.path.isfile(p)}:
        inside = path if path.startswith(str(mirror)) else ""
        if path.startswith(str(project)) and not inside and not spec["installed"]:
            inside = str(mirror / "project" / os.path.relpath(path, project))
        if inside and os.path.isfile(path) and ".basetemp" not in inside:
            files[os.path.relpath(inside, mirror)] = path
        elif "site-packages" in path and os.path.isfile(path):
            files["packages/" + path.rpartition(f"{os.sep}site-packages{os.sep}")[2]] = path
    files = {
        k: v
        for k, v in files.items()
        if not k.endswith((".pyc", ".so"))
        and not (k.startswith("packages/") and k.split("/")[1].removesuffix(".py") in native)
    }
    names -= native
    tops = packages_distributions()
    foreign_tops = sorted({n.split(".")[0] for n in used} & set(tops))
    return {
        "files": files,
        "names": sorted(names),
        "roots": sorted(roots.values()) + (["packages"] if frozen else []),
        "native": sorted(native),
        "packages": {t: version(tops[t][0]) for t in foreign_tops if t not in names},
    }


def is_local(file: str, here: str) -> bool:
    """Whether a file is somebody's own: neither Python's nor installed nor ours."""
    return not (
        file.startswith((STANDARD, sys.prefix, sys.base_prefix, f"{here}{os.sep}"))
        or "site-packages" in file
        or "dist-packages" in file
    )


if __name__ == "__main__":
    with suppress(ConnectionError):  # whoever asked is gone
        serve(socket.socket(fileno=int(sys.argv[1])))
