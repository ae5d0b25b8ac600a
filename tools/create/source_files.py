"""The user's own files that a run used."""

from __future__ import annotations

import os
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

from baselines.foreign.sandbox import Sandbox
from tools.create.audit_hook import STANDARD, Observer
from tools.create.request import Request

HARNESS = f"{Path(__file__).resolve().parents[2]}{os.sep}"
INSTALLED = f"{os.sep}site-packages{os.sep}"


def inventory(
    room: Sandbox, hook: Observer, request: Request, known: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...], dict]:
    """Names of the modules that are copied, folders of copies beside the project, and what was
    used: files by their place among the copies, versions of packages."""
    mirror, program, frozen = f"{room.folder}{os.sep}", room.program, request.freeze
    loaded = {
        n: getattr(m, "__file__", None) for n, m in (dict(sys.modules) | room.modules).items()
    }
    files, names, native, roots = {}, set(), set(), {}
    named = {*(room.folder / f for f in (program.file, program.config)), *request.extra}
    read = {p for p in hook.reads | set(map(str, named)) if os.path.isfile(p)}
    for name, file in loaded.items():
        if not file or name == "__main__" or not os.path.isabs(file):
            continue
        top, full = name.split(".")[0], os.path.abspath(file)
        if full.startswith(mirror):
            read.add(full)
        elif top in frozen and INSTALLED in full:
            files[installed(full)] = full
            native |= {top} if not full.endswith(".py") else set()
        elif is_local(full) and name not in known and full not in hook.made:
            depth = name.count(".") + full.endswith("__init__.py")
            base = Path(full).parents[depth]
            label = roots.setdefault(base, f"root{len(roots) + 1}")
            files[f"{label}/{os.path.relpath(full, base)}"] = full
        else:
            continue
        names.add(top)
    for path in read:
        if path.startswith(mirror) and ".basetemp" not in path:
            files[path.removeprefix(mirror)] = path
        elif path.startswith(hook.project):
            files[f"project/{path.removeprefix(hook.project)}"] = path
        elif INSTALLED in path:
            files[installed(path)] = path
    files = {
        k: v
        for k, v in files.items()
        if not k.endswith((".pyc", ".so"))
        and not (k.startswith("packages/") and k.split("/")[1].removesuffix(".py") in native)
    }
    tops = packages_distributions()
    used = {n.split(".")[0] for n in loaded} & set(tops)
    return tuple(sorted(names - native)), (*roots.values(), *(["packages"] if frozen else [])), {
        "files": files,
        "packages": {t: version(tops[t][0]) for t in sorted(used - (names - native))},
        "native": sorted(native),
    }  # fmt: skip


def installed(path: str) -> str:
    """Its place among the copies of installed packages."""
    return f"packages/{path.rpartition(INSTALLED)[2]}"


def is_local(file: str) -> bool:
    """Whether a file is somebody's own: neither Python's nor installed nor ours."""
    return not (
        file.startswith((STANDARD, sys.prefix, sys.base_prefix, HARNESS))
        or "site-packages" in file
        or "dist-packages" in file
    )
