"""Ground truth, then speed: what engines, optimizations and their claims are written with.

    from groundspeed import Engine, Case, Stage, Law, replace_stage     # an engine
    from groundspeed import Agreement, Suite                            # an optimization's claim

The harness lies in `groundspeed.baselines` (the contract of an engine), `groundspeed.validation`
(the judge) and `groundspeed.tools` (the clock, the pages, the command line). In a checkout these
are the folders of those names beside this one; in an installed copy they lie in it.
"""

import importlib
import sys
from pathlib import Path

from groundspeed.short_names import ShortNames

if not (Path(__file__).parent / "validation").is_dir():
    __path__.append(str(Path(__file__).resolve().parents[1]))
if ShortNames not in sys.meta_path:
    sys.meta_path.insert(0, ShortNames)

WHERE = {
    "Agreement": "validation.claims",
    "Case": "baselines.engine",
    "Engine": "baselines.engine",
    "Law": "baselines.engine",
    "Stage": "baselines.engine",
    "Suite": "tools.suite",
    "over_state": "baselines.foreign",
    "replace_stage": "baselines.engine",
    "substitute": "baselines.foreign",
}
__all__ = list(WHERE)  # noqa: PLE0604 the names are strings


def __getattr__(name: str):
    """A public name, imported when it is asked for: the claim of a suite needs no torch."""
    if name not in WHERE:
        raise AttributeError(f"module 'groundspeed' has no attribute {name!r}")
    return getattr(importlib.import_module(f"groundspeed.{WHERE[name]}"), name)
