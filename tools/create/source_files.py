"""The user's own files that a run used."""

import os
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

from groundspeed.baselines.foreign.sandbox import Sandbox
from groundspeed.tools.create.audit_hook import STANDARD, AuditHook
from groundspeed.tools.create.request import Request

HARNESS = f"{Path(__file__).resolve().parents[2]}{os.sep}"
PACKAGES = "installed packages"  # folder of their copies; no project has that name
INSTALLED = f"{os.sep}site-packages{os.sep}"
COMPILED = "TORCHINDUCTOR_CACHE_DIR"  # where torch.compile puts modules that it makes in each run


def inventory(
    sandbox: Sandbox, hook: AuditHook, request: Request, known: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...], dict]:
    """Names of the modules that are copied, folders of copies beside the project, and what was
    used: files by their place among the copies, versions of packages."""
    frozen = request.freeze
    modules = dict(sys.modules) | sandbox.modules
    loaded = {name: getattr(module, "__file__", None) for name, module in modules.items()}
    files, names, native, roots = {}, set(), set(), {}
    compiled = os.path.join(os.environ.get(COMPILED, os.devnull), "")
    named = (sandbox.folder / file for file in (sandbox.program.file, sandbox.program.config))
    used = hook.read | {str(file) for file in (*named, *request.extra)}
    for name, file in loaded.items():
        if not file or name == "__main__" or not os.path.isabs(file):
            continue
        if file.startswith(compiled):
            continue
        top, full = name.split(".")[0], os.path.abspath(file)
        is_frozen = top in frozen and INSTALLED in full
        if is_frozen and not full.endswith(".py"):
            native.add(top)
        if is_frozen or full.startswith(hook.mirror):
            used.add(full)
        elif is_local(full) and name not in known and full not in hook.written:
            if not its_own(name, full):
                continue  # made by a compiler in a cache, under a name of a package's inside
            base = Path(full).parents[name.count(".") + full.endswith("__init__.py")]
            label = roots.setdefault(base, f"beside {len(roots) + 1}")
            files[f"{label}/{os.path.relpath(full, base)}"] = full
        else:
            continue
        names.add(top)
    for path in used:
        if not os.path.isfile(path) and not os.path.isfile(sandbox.original(path)):
            continue  # the program may have removed its copy
        _, installed, inner = path.rpartition(INSTALLED)
        if hook.mirrored(path):
            place = path.removeprefix(hook.mirror)
        elif path.startswith(hook.project):
            place = f"{request.home}/{path.removeprefix(hook.project)}"
        elif installed and inner.split(os.sep)[0].removesuffix(".py") in set(frozen) - native:
            place = f"{PACKAGES}/{inner}"
        else:
            continue
        if not place.endswith((".pyc", ".so")):
            own = sandbox.original(path)  # as it was before the run wrote into its copy
            files[place] = own if os.path.isfile(own) else path
    tops = packages_distributions()
    imported = {name.split(".")[0] for name in loaded} & set(tops)
    return tuple(sorted(names - native)), (*roots.values(), *([PACKAGES] if frozen else [])), {
        "files": files,
        "packages": {t: version(tops[t][0]) for t in sorted(imported - (names - native))},
        "native": sorted(native),
    }  # fmt: skip


def its_own(name: str, file: str) -> bool:
    """Whether the package that a module's name begins with lies where the module does."""
    top = getattr(sys.modules.get(name.split(".")[0]), "__file__", None)
    return "." not in name or top is None or is_local(os.path.abspath(top))


def is_local(file: str) -> bool:
    """Whether a file is somebody's own: neither Python's nor installed nor ours."""
    return not (
        file.startswith((STANDARD, sys.prefix, sys.base_prefix, HARNESS))
        or "site-packages" in file
        or "dist-packages" in file
    )
