"""Optimizations, one folder each; nothing lists them.

asv imports this package from the working tree, whatever commit it is at. Under asv the
code under test (every module here except benchmark.py, and the package `baselines`) is
therefore taken from the commit that asv checked out, and from nowhere else.

numba keeps compiled code, and notices that the file of a function changed, but not that a
file did whose functions were compiled into it. It is therefore kept in a folder that is named
by the digest of everything under test, also where numba was imported before this package: the
judge does that ahead of its candidates.
"""

import glob
import hashlib
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.join(os.environ.get("ASV_ENV_DIR", ""), "project")  # asv's checkout
LISTING = sys.argv[1:2] in (["discover"], ["check"], ["run_server"])  # asv looks for suites


def compiled_code(root: str) -> str:
    """Where numba keeps what it made of the sources as they are now."""
    total = hashlib.sha256()
    for package in ("baselines", "optimizations"):
        for path in sorted(glob.glob(os.path.join(root, package, "**", "*.py"), recursive=True)):
            with open(path, "rb") as file:
                total.update(file.read())
    return os.path.join(root, ".groundspeed", "compiled", total.hexdigest()[:16])


class Unread:
    """Loads nothing: a module in which asv finds no suites and that cannot fail to import."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        pass


class FromCommit:
    """Finds the code under test in asv's checkout; what is not there is missing."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        parts = fullname.split(".")
        inside = parts[0] == __name__ and len(parts) > 2 and parts[-1] != "benchmark"
        if not inside and parts[0] != "baselines":
            return None
        if LISTING:
            return ModuleSpec(fullname, Unread())
        spec = PathFinder.find_spec(fullname, [os.path.join(TREE, *parts[:-1])])
        if spec is None:
            raise ModuleNotFoundError(f"{fullname} is not in {TREE}", name=fullname)
        return spec


if "ASV_ENV_DIR" in os.environ and __name__ == "optimizations":
    sys.meta_path.insert(0, FromCommit)
    sys.path.insert(0, HERE)  # tools and validation: the working tree's

os.environ["NUMBA_CACHE_DIR"] = compiled_code(TREE if "ASV_ENV_DIR" in os.environ else HERE)
if "numba" in sys.modules:
    sys.modules["numba"].config.reload_config()  # it has read its settings already
