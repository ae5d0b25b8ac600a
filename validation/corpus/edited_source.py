"""Candidates made of the frozen source with some expressions or functions written otherwise.

The modules of an engine that hold its stages are read once more, edited, and bound to one another;
everything else stays the baseline's own. Nothing is put into ``sys.modules``.
"""

import importlib
from collections.abc import Callable
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from groundspeed.baselines.engine import Engine, Stage, replace
from groundspeed.validation.corpus.common import FLOW, LATTICE, PROBABILISTIC, TENSOR, Build

Edit = tuple[str, str]  # an expression, and what stands in its place
# engine: (package, its modules with stages, each after those that it imports)
SOURCES = {
    LATTICE: ("baselines.lattice_field_v1", "scheme"),
    TENSOR: ("baselines.tensor_field_v1", "operators potential scheme"),
    PROBABILISTIC: (
        "baselines.probabilistic_field_v0",
        "cells transport workspace turnover senses",
    ),
    FLOW: (
        "baselines.energy_flow_v1",
        "geometry network motion birth proposal parts travel finish collect",
    ),
}


def edited(module: str, *edits: Edit, **functions: Callable) -> Build:
    """The engine with those edits of one of its modules, and those of its functions replaced.

    Raises:
        ValueError: an expression that does not stand in the module exactly once, or a
            function that it does not have.
    """

    def build(right: Engine) -> Engine:
        package, names = SOURCES[right.name]
        copies: dict[tuple[str, int], object] = {}
        for name in names.split():
            changes = (edits, functions) if name == module else ((), {})
            copies |= read_again(importlib.import_module(f"{package}.{name}"), *changes, copies)
        stages = (Stage(stage.name, copied(stage.build, copies)) for stage in right.stages)
        return replace(right, stages=tuple(stages), stepper=None)

    return build


def read_again(
    frozen: ModuleType, edits: tuple[Edit, ...], functions: dict[str, Callable], copies: dict
) -> dict[tuple[str, int], object]:
    """What stands for each thing of a frozen module, by its name and identity."""
    again = EditedSource(frozen, edits).load()
    for name, value in list(vars(again).items()):
        setattr(again, name, copies.get((name, id(value)), value))
    if unknown := set(functions) - set(vars(again)):
        raise ValueError(f"no {sorted(unknown)} in {frozen.__name__}; name functions that it has")
    vars(again).update(functions)
    return {
        (name, id(old)): vars(again)[name]
        for name, old in vars(frozen).items()
        if name in vars(again) and not name.startswith("__")
    }


class EditedSource(SourceFileLoader):
    """A frozen module's source, edited."""

    def __init__(self, frozen: ModuleType, edits: tuple[Edit, ...]):
        super().__init__(frozen.__name__, frozen.__file__)
        self.edits = edits

    def load(self) -> ModuleType:
        module = module_from_spec(spec_from_file_location(self.name, self.path, loader=self))
        self.exec_module(module)
        return module

    def get_code(self, fullname: str):
        text = self.get_data(self.path).decode()
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ValueError(
                    f"{old!r} stands {text.count(old)} times in {self.path}; allowed: once"
                )
            text = text.replace(old, new)
        return self.source_to_code(text, self.path)


def copied(build, copies: dict):
    """The builder of a stage from the modules that were read again."""
    if isinstance(build, partial):
        return partial(*(copied(part, copies) for part in (build.func, *build.args)))
    return copies.get((getattr(build, "__name__", ""), id(build)), build)
