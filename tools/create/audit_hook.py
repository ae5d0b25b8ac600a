"""Records the files, processes and connections that a program uses.

Nothing may write into the user's project, nor go out to the network: such a run is ended with
the line that tried.
"""

import os
import sys
import sysconfig
import traceback
from pathlib import Path

from groundspeed.tools.create.request import Request

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHILDREN = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen"}
NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree", "os.mkdir"}
HERE = str(Path(__file__).resolve().parents[1])
STANDARD = str(Path(sysconfig.get_path("stdlib")).resolve())


class NotRepeatable(BaseException):
    """The program does something that a frozen baseline cannot repeat."""


class AuditHook:
    """An audit hook: files read and written, processes, connections."""

    def __init__(self, mirror: Path, request: Request):
        self.mirror, self.project = f"{mirror}{os.sep}", f"{request.project}{os.sep}"
        self.allow = request.allow
        self.read: set[str] = set()
        self.written: set[str] = set()  # what it wrote itself is no source of its own
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
            elif event in CHANGES and is_path(args[0]):
                self.changed(event, args)
            elif event == "sqlite3.connect" and is_path(args[0]):
                self.opened(args[0], None, WRITING & ~os.O_TRUNC)  # by compiled code
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
            if not flags & os.O_TRUNC and full not in self.written and os.path.exists(full):
                self.read.add(full)  # it goes on from what stands there
            self.written.add(full)
        elif full.endswith(".py") and full.startswith(self.project):
            return  # shown in a message or looked up; what is imported is known from the modules
        elif full not in self.written:
            self.read.add(full)

    def changed(self, event: str, args: tuple) -> None:
        """A file or a folder that is made, moved, cut or removed without being opened."""
        path, *rest = map(os.path.abspath, filter(is_path, args))
        self.keep_out(path)
        if path not in self.written and os.path.isfile(path):
            self.read.add(path)  # it must be there
        if event == "os.rename" and rest:
            self.keep_out(rest[0])
            self.written.add(rest[0])

    def mirrored(self, path: str) -> bool:
        """Whether it lies in the copy of the project, and is no test's own scratch file."""
        return path.startswith(self.mirror) and "/.basetemp" not in path

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
        raise NotRepeatable(why)

    def who(self) -> str:
        """The file of the nearest frame that is not Python's own."""
        names = (name for name, _ in frames() if not name.startswith(("<", HERE)))
        return next((n for n in names if not n.startswith(STANDARD) or "site-packages" in n), "")

    def local_line(self) -> str:
        """The nearest line of the user's own."""
        own = [frame for frame in frames() if frame[0].startswith((self.mirror, self.project))]
        return f"{os.path.basename(own[0][0])}:{own[0][1]}" if own else "in a library"


def is_path(value: object) -> bool:
    """Whether it names a file in text."""
    return isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str)


def frames() -> list[tuple[str, int]]:
    """File and line of every call under way, the innermost first."""
    walk = traceback.walk_stack(sys._getframe())
    return [(frame.f_code.co_filename, line) for frame, line in walk]
