"""Command line entry point. Heavy imports come after the handler of Ctrl-C is set."""

import os
import sys
from pathlib import Path
from signal import SIGINT, signal

from groundspeed.tools.cli.failure import closed_pipe, complain, failure, refuse
from groundspeed.validation.records.codes import Code

WITHOUT_PROJECT = ("", "init", "schema")  # verbs that need none
INTERRUPTED = 130  # as shells have it; the command line library returns it too
CLOSED = 141  # as shells have it of what writes where nobody reads
STOPPED = "interrupted; every record is whole or absent, run again to go on"
# The processor says which vectors it has. Else torch's compiler, when it first compiles on a
# machine, builds and loads a library for each kind before it believes it: half of its set-up.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")


def main() -> None:
    """Run a verb; every failure is one line and an exit code."""
    signals = []

    def interrupt(*_) -> None:
        signals.append(SIGINT)
        raise KeyboardInterrupt

    signal(SIGINT, interrupt)
    own = Path(__file__).resolve().parents[1]
    if (there := checkout(Path.cwd(), own)) != own:
        hand_over(there)
    try:
        enter_project()
        from groundspeed.tools.cli.app import app

        code = app(prog_name="groundspeed", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        # an import that is interrupted may end in any error at all
        code = INTERRUPTED if signals or isinstance(error, KeyboardInterrupt) else ended(error)
    if code == INTERRUPTED:
        refuse(STOPPED, Code.INTERRUPTED, INTERRUPTED)
    sys.exit(code)


def enter_project() -> None:
    """Find the project, before anything is imported that asks where it lies.

    Raises:
        LookupError: there is none, and the verb needs one.
    """
    words = sys.argv[1:]
    if words[:1] == ["--root"] or (words and words[0].startswith("--root=")):
        named = words[0].partition("=")[2] or (words[1:2] or [""])[0]
        del sys.argv[1 : 2 if "=" in words[0] else 3]
        if not Path(named).is_dir():
            raise LookupError(f"--root is {named!r}; allowed: a folder that is a project")
        os.environ["GROUNDSPEED_ROOT"] = str(Path(named).resolve())
    from groundspeed import project  # late: it looks where the variable says

    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if verb in WITHOUT_PROJECT or "--help" in sys.argv:
        return
    if project.FOUND is None or not project.is_project(project.ROOT):
        raise LookupError(
            f"no project in {project.ROOT} or above it; make one with: groundspeed init, "
            "or name one: groundspeed --root DIR"
        )
    if Path.cwd() != project.ROOT and "--json" not in sys.argv:
        complain(f"project {project.ROOT}")


def ended(error: BaseException) -> int:
    """The exit code of what came to an end otherwise than by returning."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        error = error.__context__  # the library ends in silence, whichever pipe it was
    return CLOSED if closed_pipe(error) else failure(error)


def checkout(here: Path, own: Path) -> Path:
    """The checkout in which the working folder lies; where that is none, the one of this code."""
    found = (p for p in (here, *here.parents) if (p / "groundspeed" / "__main__.py").exists())
    folder = next((p for p in found if (p / "validation" / "protocol.py").exists()), own)
    return own if folder.samefile(own) else folder


def hand_over(folder: Path) -> None:
    """Run the same command with the code of another checkout: a copy or a worktree may use an
    environment in which this one is installed, and its own edits must be judged."""
    complain(f"working with the code of this checkout, {folder}, in the environment of another")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "groundspeed", *sys.argv[1:]]
    os.execve(sys.executable, command, os.environ | {"PYTHONPATH": os.pathsep.join(paths)})


if __name__ == "__main__":
    main()
