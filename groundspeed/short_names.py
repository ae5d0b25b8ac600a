"""Short names of the harness's modules: the same modules, not a second copy of them.

Engines say ``from baselines.engine import Engine``, and in groundspeed's own repository claims say
``from validation.claims import Agreement``. A project of one's own may have packages named
``tools`` and ``validation``; there these names are the project's.
"""

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

CONTRACT = {"engine", "device", "foreign"}  # of baselines/: the rest is engines
HARNESS = {"tools", "validation"}


class ShortNames:
    """Finds ``baselines.engine`` as ``groundspeed.baselines.engine``, and so on."""

    taken: frozenset[str] = frozenset()  # top-level names of the program that is running
    ours = False  # whether ``tools`` and ``validation`` are the harness's in this process

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        top, _, rest = fullname.partition(".")
        harness = cls.ours and top in HARNESS
        if top in cls.taken or not (is_contract(top, rest) or harness):
            return None
        return ModuleSpec(fullname, SameModule())

    @classmethod
    @contextmanager
    def given_to(cls, names: Iterable[str]) -> Iterator[None]:
        """Inside, these top-level names are those of a user's program."""
        before, cls.taken = cls.taken, cls.taken | set(names)
        try:
            yield
        finally:
            cls.taken = before


class SameModule(Loader):
    """Hands out the module of the long name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"groundspeed.{spec.name}")
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put the short name's there


def is_contract(top: str, rest: str) -> bool:
    return top == "baselines" and rest.partition(".")[0] in CONTRACT
