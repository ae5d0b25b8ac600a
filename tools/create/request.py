"""The request to ``create``, and the program that it names as plain data."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tools.target import Target

HARNESS = ("tools", "validation")
OURS = ("tools", "baselines", "validation", "optimizations")
FROZEN_BYTES = 64 << 20


@dataclass
class Request:
    """What was asked for on the command line."""

    target: Target
    name: str
    step: str = ""
    watch: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    extra: list[Path] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    seed: int = 0
    patience_s: float = 300.0
    arguments: list[str] = field(default_factory=list)

    @property
    def freeze(self) -> list[str]:
        """Installed packages whose code is the point: that of the target, of --step, --watch."""
        named = [n.partition(":")[0] for n in (self.step, *self.watch) if n]
        named += [self.target.module] if self.target.installed else []
        return sorted({n.split(".")[0] for n in named if n and n != "__main__"})


def program(request: Request) -> dict:
    """The program as plain data; see `baselines.foreign.program.Program`."""
    target, project = request.target, request.target.project
    if target.installed:
        return {"kind": target.kind, "module": target.module, "part": target.part,
                "cwd": "project", "names": OURS}  # fmt: skip
    inside = lambda path: os.path.normpath(Path("project") / os.path.relpath(path, project))  # noqa: E731
    here = Path.cwd()
    config = next((c for c in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
                   if (project / c).exists()), "")  # fmt: skip
    return {
        "kind": target.kind,
        "file": inside(target.file),
        "module": target.module,
        "part": target.part,
        "paths": list(dict.fromkeys([inside(target.import_folder), "project"])),
        "names": OURS,
        "cwd": inside(here) if project == here or project in here.parents else "project",
        "config": inside(project / config) if config and target.kind == "pytest" else "",
        "arguments": request.arguments,
        "seed": request.seed,
    }
