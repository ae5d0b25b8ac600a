"""Where a profiled program runs: a copy of its project, so that nothing of the user's changes."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

from groundspeed.tools.profiling.program.profile_target import ProfileTarget
from groundspeed.tools.user_program.project_copy import Stamps, changed, mirror, stamps
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import ProgramFailed


class RunFolder:
    """A fresh copy of the project for each run, at one place, so that runs can be compared.

    An installed program runs in an empty folder, an engine where it lies.

    Attributes:
        target: the target in its copy.
        cwd: the working folder of a run; None: where the command was given.
    """

    def __init__(self, target: ProfileTarget, scratch: Path):
        self.target, self.cwd = target, None
        self.project = Path(target.project) if target.project else None
        self.copied: Stamps | None = None  # as the copy was made
        if target.kind == "engine":
            return
        self.top = scratch.resolve() / "copy" / (self.project.name if self.project else "run")
        here = Path.cwd()
        inside = self.project and here.is_relative_to(self.project)
        self.cwd = self.place(here) if inside else self.top
        if self.project:
            what, folder = self.place(Path(target.what)), self.place(Path(target.folder))
            self.target = replace(target, what=str(what), folder=str(folder), root=str(self.top))

    def place(self, path: Path) -> Path:
        """Where a file of the project lies in the copy."""
        return self.top / path.relative_to(self.project)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """The copy as the project is, for one run.

        Raises:
            ProgramFailed: the run has changed the project itself.
        """
        if self.cwd is None:
            yield
            return
        self.renew()
        before = stamps(self.project) if self.project else {}
        try:
            yield
        finally:
            problem = changed(before, stamps(self.project)) if self.project else ""
            if problem:  # whatever else went wrong, this is what its owner must know
                raise ProgramFailed(f"{self.target.name}: {problem}", Code.PROJECT)

    def renew(self) -> None:
        """Make the copy, anew where the last run has changed it."""
        if self.copied is not None and stamps(self.top) == self.copied:
            return
        shutil.rmtree(self.top, ignore_errors=True)
        if self.project:
            mirror(self.project, self.top)
        self.cwd.mkdir(parents=True, exist_ok=True)
        self.copied = stamps(self.top)


class FromCopy:
    """An import hook: what would be imported from the project is imported from its copy.

    A project that is installed in place is found by its own path, whatever the working folder.
    This harness is imported from where it lies, also where it is the project.
    """

    def __init__(self, project: str, copy: str):
        self.project, self.copy = Path(project), Path(copy)

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        others = (f for f in sys.meta_path if f is not self and hasattr(f, "find_spec"))
        found = next((s for f in others if (s := f.find_spec(name, path, target))), None)
        origin = Path(found.origin) if found and found.has_location else None
        ours = name.split(".")[0] == "groundspeed"
        if ours or origin is None or not origin.is_relative_to(self.project):
            return found
        copied = self.copy / origin.relative_to(self.project)
        if not copied.exists():  # what is not copied, such as an environment in the project
            return found
        inside = [str(copied.parent)] if found.submodule_search_locations is not None else None
        return spec_from_file_location(name, copied, submodule_search_locations=inside)
