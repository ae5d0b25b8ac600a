"""Command line entry point. Heavy imports come after the handler of Ctrl-C is set."""

import os
import sys
from pathlib import Path
from signal import SIGINT, signal

INTERRUPTED = 130  # as shells have it; the command line library returns it too
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
    try:
        refuse_another_checkout(Path.cwd(), Path(__file__).resolve().parents[1])
        from tools.cli.app import app

        code = app(standalone_mode=False)
    except BaseException as error:
        # an import that is interrupted may end in any error at all
        code = INTERRUPTED if signals or isinstance(error, KeyboardInterrupt) else failure(error)
    if code == INTERRUPTED:
        complain("interrupted; every record is whole or absent, run again to go on")
    sys.exit(code)


def refuse_another_checkout(here: Path, own: Path) -> None:
    """Raise LookupError where the working folder lies in a checkout whose code this is not: its
    edits would not be judged."""
    for folder in (here, *here.parents):
        if (folder / "tools" / "__main__.py").exists() and (folder / "validation").is_dir():
            if not folder.samefile(own):
                raise LookupError(
                    f"this command runs the code of {own}, and the working folder is another "
                    f"checkout, {folder}; work in {own}, use an environment of its own (make "
                    f"test), or set PYTHONPATH={folder}"
                )
            return


def failure(error: BaseException) -> int:
    """One line on what the user can mend, and an exit code; our own mistakes are raised on."""
    import typer
    from safetensors import SafetensorError

    if isinstance(error, typer.TyperException):
        complain(error.format_message())
        return 2
    if type(error) is LookupError:  # a KeyError or IndexError is a mistake of ours
        complain(error)
        return 2
    if isinstance(error, (ValueError, RuntimeError, OSError, SafetensorError)):
        complain(error)
        return 1
    if isinstance(error, SyntaxError):
        complain(f"{error.filename}:{error.lineno} is no Python: {error.msg}; correct it")
        return 1
    raise error


def complain(message: str | Exception) -> None:
    """One line on standard error; of an error without words, its kind."""
    words = " ".join(str(message).split()) or type(message).__name__
    print(f"groundspeed: {words}", file=sys.stderr)


if __name__ == "__main__":
    main()
