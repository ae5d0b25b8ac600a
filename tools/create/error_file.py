"""What a process of `create` leaves where it fails: words and their code."""

import json
from pathlib import Path

from groundspeed.validation.records.codes import Code


def leave(folder: Path, words: object, code: Code) -> None:
    (folder / "error").write_text(json.dumps([str(words), code]))


def left(folder: Path) -> tuple[str, Code] | None:
    """What was left there, if anything was."""
    path = folder / "error"
    if not path.exists():
        return None
    words, code = json.loads(path.read_text())
    return words, Code(code)
