"""The user's own files that a run used."""

from __future__ import annotations

import os
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

from tools.create.audit_hook import STANDARD, Observer


def inventory(room, hook: Observer, what, spec: dict, known: set[str]) -> dict:
    """The user's files that were really used, by their place in the frozen copy."""
    mirror, project = Path(spec["mirror"]), Path(spec["project"])
    used = {n: getattr(m, "__file__", None) for n, m in (dict(sys.modules) | room.modules).items()}
    frozen = tuple(spec["freeze"])
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
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
