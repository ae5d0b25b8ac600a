"""Another number in a copy of a module, for a test that needs no precision."""

import re
from pathlib import Path


def set_constant(module: Path, name: str, value: float) -> None:
    """The constant of a module is this from now on."""
    text, changed = re.subn(rf"(?m)^{name} = [\d.]+", f"{name} = {value}", module.read_text())
    assert changed == 1, f"{module} has {changed} lines that set {name}"
    module.write_text(text)
