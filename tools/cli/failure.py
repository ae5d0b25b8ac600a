"""Failures as users meet them: one line with a code at its end, and an exit code.

Errors of ours carry their code. Those of Python and of libraries have one by their class, so that
every line has one and none is recognized by its words.
"""

import json
import os
import select
import sys

from groundspeed.validation.records.codes import Code, with_code
from groundspeed.validation.records.errors import Refused, UnknownName, WithCode

EXTRAS = {  # packages that a bare install leaves out, and the extra that brings them
    "duckdb": "query",
    "line_profiler": "profile",
    "numba": "profile",
    "markdown": "site",
    "material": "site",
    "mkdocs": "site",
    "submitit": "slurm",
    "vl_convert": "site",
}
STDOUT = 1  # its file, whatever Python has put in front of it
KINDS = (  # the first that fits
    (SyntaxError, Code.SYNTAX),
    (LookupError, Code.ABSENT),
    (ValueError, Code.ARGUMENT),
    (OSError, Code.FILE),
    (RuntimeError, Code.FAILED),
)


def failure(error: BaseException) -> int:
    """Say what the user can mend, and the exit code; our own mistakes are raised on."""
    error = lacking(error) or error
    code = code_of(error)
    if code is None:
        raise error
    return refuse(message(error), code, exit_code(error))


def lacking(error: BaseException) -> Refused | None:
    """What to install, where a package is missing that comes with an extra."""
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or name not in EXTRAS:
        return None
    return Refused(f"this needs {name}; run: pip install 'groundspeed[{EXTRAS[name]}]'")


def refuse(words: str, code: str, number: int) -> int:
    """A line on standard error, and JSON where that was asked for; the exit code."""
    complain(words, code)
    if "--json" in sys.argv:
        told = {"code": code, "message": " ".join(words.split()), "exit": number}
        print(json.dumps({"error": told}, indent=1, ensure_ascii=False))
    return number


def code_of(error: BaseException) -> str | None:
    """The code of an error; none of what is a mistake of ours."""
    from safetensors import SafetensorError  # late: few commands fail
    from typer import TyperException

    if isinstance(error, WithCode):
        return error.code
    if isinstance(error, LookupError) and type(error) is not LookupError:
        return None  # a KeyError or IndexError
    kinds = (*KINDS, (TyperException, Code.USAGE), (SafetensorError, Code.RECORD))
    return next((code for kind, code in kinds if isinstance(error, kind)), None)


def exit_code(error: BaseException) -> int:
    """2 for wrong usage, 1 for the rest."""
    wrong = type(error) in (LookupError, UnknownName) or code_of(error) == Code.USAGE
    return 2 if wrong else 1


def message(error: BaseException) -> str:
    """Its words, or its kind where it has none."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno} is no Python: {error.msg}; correct it"
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    return told or type(error).__name__


def complain(words: str, code: str = "") -> None:
    """One line on standard error."""
    print(f"groundspeed: {with_code(' '.join(words.split()), code)}", file=sys.stderr)


def closed_pipe(error: BaseException) -> bool:
    """Whether it failed because whoever read its output has gone; what it still has is dropped."""
    if not isinstance(error, BrokenPipeError):
        return False
    output = select.poll()
    output.register(STDOUT, 0)  # errors are told unasked
    if not any(told & select.POLLERR for _, told in output.poll(0)):
        return False  # it was another pipe, to a process of ours
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    return True
