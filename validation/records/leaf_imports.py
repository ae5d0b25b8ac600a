"""How modules of optimizations are imported; `optimizations/__init__.py` of a project asks for it.

What is imported from there, and from the code that verdicts cover around it, is what verdicts are
on: Python text, as it is now. Python and numba keep what they compiled by a file's date in whole
seconds and its size, and numba by that of a function's own file alone. So text is compiled anew at
each import, compiled code is kept in a folder named by the digest of everything under test and of
the machine, and what a verdict cannot see is not imported: what lies
behind a link out of the folder, and another optimization that is not named in the text. Other
files may lie there and be read, as the verdict covers them; none but text is run as a module.

asv imports the package `optimizations` from the working tree, whatever commit it is at. Under asv
the code under test (every module there except benchmark.py, and the package `baselines`) is
therefore taken from the commit that asv checked out, and from nowhere else.
"""

import glob
import hashlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

from groundspeed import project, short_names
from groundspeed.validation.machine import machine as machine_now
from groundspeed.validation.records import digests

PACKAGE = "optimizations"
# asv's checkout of the repository, and the project in it
TREE = os.path.join(os.environ.get("ASV_ENV_DIR", ""), "project", project.prefix())
LISTING = sys.argv[1:2] in (["discover"], ["check"], ["run_server"])  # asv looks for suites
NO_DATE = "no date and size, by which bytecode would be kept"
UNDER_TEST = TREE if "ASV_ENV_DIR" in os.environ else str(project.ROOT)


def machine() -> str:
    """Digest of what code is compiled for: processor, vector width, torch."""
    return hashlib.sha256(repr(sorted(machine_now().items())).encode()).hexdigest()[:16]


def compiled_code(root: str) -> str:
    """Where numba keeps what it made, here, of the sources as they are now."""
    total = hashlib.sha256(machine().encode())
    for folder in (*(os.path.join(root, p) for p in ("baselines", PACKAGE)), *code_folders(root)):
        for path in sorted(glob.glob(os.path.join(folder, "**", "*.py"), recursive=True)):
            with open(path, "rb") as file:
                total.update(file.read())
    return os.path.join(root, ".groundspeed", "compiled", total.hexdigest()[:16])


def code_folders(root: str) -> list[str]:
    """Where modules of the code under test are found, besides the project's own folders."""
    return [folder for folder in project.import_folders(Path(root)) if folder != root]


class Unread:
    """Loads nothing: a module in which asv finds no suites and that cannot fail to import."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        pass


class Text(SourceFileLoader):
    """Compiles the text of a file as it is, and keeps nothing of that."""

    def path_stats(self, path):
        raise OSError(NO_DATE)


def text_only(path_stats: Callable) -> Callable:
    """Date and size of a source file, for its loader; none of what verdicts cover, whoever loads
    it, so its bytecode is neither read nor kept."""

    def asked(loader: SourceFileLoader, path: str) -> dict:
        if project.under_test(Path(path).resolve()):
            raise OSError(NO_DATE)
        return path_stats(loader, path)

    return asked


class FromCommit:
    """Finds the code under test in asv's checkout; what is not there is missing."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        parts = fullname.split(".")
        inside = parts[0] == PACKAGE and len(parts) > 2 and parts[-1] != "benchmark"
        contract = short_names.is_contract(parts[0], ".".join(parts[1:]))
        if not inside and (parts[0] != "baselines" or contract):
            return None
        if LISTING:
            return ModuleSpec(fullname, Unread())
        spec = PathFinder.find_spec(fullname, [os.path.join(TREE, *parts[:-1])])
        if spec is None:
            raise ModuleNotFoundError(f"{fullname} is not in {TREE}", name=fullname)
        return as_text(spec) if inside else spec


class FromText:
    """Finds modules of optimizations where their text is, and nothing else."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        return spec and as_text(spec)


def as_text(spec: ModuleSpec) -> ModuleSpec:
    """The module of that place, run as text.

    Raises:
        ImportError: a verdict does not see all that would be run.
    """
    refuse_unnamed(spec.name)
    for place in (spec.origin, *(spec.submodule_search_locations or ())):
        refuse_link_out(spec.name, place)
    if spec.origin:
        spec.loader = Text(spec.name, spec.origin)
    return spec


def refuse_link_out(module: str, place: str | None) -> None:
    """Raise where a module lies behind a link out of the folder of its optimization."""
    if not place:
        return
    name = module.split(".")[1]
    inside = os.path.join(PACKAGE, name)
    package = place[: place.rindex(inside) + len(PACKAGE)] if inside in place else UNDER_TEST
    leaf = os.path.join(os.path.realpath(package), name)  # of the tree in which it was found
    if os.path.commonpath([leaf, os.path.realpath(place)]) != leaf:
        raise ImportError(
            f"{module} lies behind a link out of its folder; allowed: files of its own, which its "
            "verdict covers; copy what the link points to"
        )


def refuse_unnamed(module: str) -> None:
    """Raise where an optimization imports another one by words that its verdict does not see."""
    frame = sys._getframe()
    while frame.f_globals is globals() or "importlib" in frame.f_globals["__name__"]:
        frame = frame.f_back
    asking, asked = frame.f_globals.get("__name__", "").split("."), module.split(".")
    if asking[0] != PACKAGE or asking[1] == asked[1]:
        return
    file, package = Path(frame.f_code.co_filename), frame.f_globals["__package__"]
    root = file.parents[package.count(".") + 1]
    if root / PACKAGE / asked[1] not in digests.imported_leaves(file, root):
        here = "/".join(file.parts[-2:])
        raise ImportError(
            f"{here} imports {module} unseen by its verdict; allowed: from {module} "
            "import ..., in these words"
        )


def install() -> None:
    """Have optimizations imported so, from now on; asked for again, nothing changes."""
    project.make_importable()
    short_names.ShortNames.ours |= project.ROOT == project.HARNESS
    if FromText in sys.meta_path:
        return
    sys.meta_path.insert(0, FromText)
    SourceFileLoader.path_stats = text_only(SourceFileLoader.path_stats)
    if "ASV_ENV_DIR" in os.environ:
        sys.meta_path.insert(0, FromCommit)
    os.environ["NUMBA_CACHE_DIR"] = compiled_code(UNDER_TEST)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(
        UNDER_TEST, ".groundspeed", "compiled", f"torch-{machine()}"
    )  # torch itself names what it keeps by the text
    if "numba" in sys.modules:
        sys.modules["numba"].config.reload_config()  # it has read its settings already
