"""What is profiled: an engine by name, or a user's script, test or callable by path."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from groundspeed import baselines
from groundspeed.tools.user_program.target import PACKAGES, Target, resolve
from groundspeed.validation import discovery
from groundspeed.validation.discovery import SEE
from groundspeed.validation.records import digests
from groundspeed.validation.records.errors import UnknownName


@dataclass(frozen=True)
class ProfileTarget:
    """One run, as data that travels to another process.

    Attributes:
        name: folder of its reports.
        kind: "engine", or one of `tools.user_program.target.Target`.
        what: name of the engine, or path of the file.
        member: of the file: a callable, or the rest of a pytest id.
        module: dotted name by which the file is imported; empty for a script or a test.
        folder: from which the file, or what a script needs, is imported.
        root: folder whose files are the program's own; their lines are reported.
        project: the user's folder, which is copied to run in; empty for what is installed.
        case: of an engine; empty means the first timed one.
        arguments: of a script or a module.
    """

    name: str
    kind: str
    what: str
    member: str = ""
    module: str = ""
    folder: str = ""
    root: str = ""
    project: str = ""
    case: str = ""
    arguments: tuple[str, ...] = ()


def parse(
    text: str, case: str = "", arguments: tuple[str, ...] = (), project_folder: Path | None = None
) -> ProfileTarget:
    """The target that these words name; ``project_folder`` says where its project begins.

    Raises:
        LookupError: there is nothing of that name, or it cannot be profiled.
        ValueError: its file is no Python, or lies outside of the project that was named.
    """
    if text in known():
        if arguments:
            raise LookupError(f"{text} is an engine and takes no arguments; got {arguments}")
        name = f"{text}_{case}" if case else text
        return ProfileTarget(name, "engine", text, root=str(digests.ROOT), case=case)
    if case:
        raise LookupError(f"--case is for engines and {text!r} is none; see: groundspeed list")
    try:
        target = resolve(text)
    except LookupError:
        if difflib.get_close_matches(text, known(), 1):
            raise UnknownName.of("engine", text, known(), SEE) from None
        raise
    if project_folder:
        target = target.in_project(project_folder.resolve())
    project = "" if target.installed else str(target.project)
    return ProfileTarget(
        name_of(target), target.kind, str(target.file), target.part, target.module,
        str(target.import_folder), str(own_files(target)), project, arguments=arguments,
    )  # fmt: skip


def known() -> list[str]:
    return [*baselines.names(), *discovery.names()]


def name_of(target: Target) -> str:
    """Of the file or the module, with the part: what the folder of its reports is called."""
    words = target.module if target.file.name == "__init__.py" else target.file.stem
    text = "_".join(filter(None, (words.removeprefix("test_"), target.part)))
    return re.sub(r"\W+", "_", text).strip("_").lower()


def own_files(target: Target) -> Path:
    """The project; of an installed package the package alone, or the module that it is."""
    if not target.installed:
        return target.project
    (packages,) = [p for p in PACKAGES if p in target.file.parents][:1]
    return packages / target.file.relative_to(packages).parts[0]
