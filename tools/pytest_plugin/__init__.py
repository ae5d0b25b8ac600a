"""Plug-in of pytest: optimizations as tests, and evidence for assertions of a user's own.

    pytest optimizations/        one item for each optimization: is its verdict what its claim says?

    def test_it_keeps_more_than_3x(speedup):
        assert speedup("orbit_numba").low > 3

Without a groundspeed project it does nothing. It imports nothing but pytest and the standard
library: whatever needs more is asked of a process of its own, which starts when it is needed.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from groundspeed.tools.pytest_plugin.assertions import OPTION, Speedup, VerdictOnFile, asker
from groundspeed.tools.pytest_plugin.optimization_item import ClaimFile
from groundspeed.tools.pytest_plugin.project_client import CLIENTS, Clients, is_claim


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "judge and time afresh what the fixtures speedup and verdict are asked for"
    parser.getgroup("groundspeed").addoption(OPTION, action="store_true", help=words)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CLIENTS] = Clients()


def pytest_unconfigure(config: pytest.Config) -> None:
    if clients := config.stash.get(CLIENTS, None):
        clients.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The claim of an optimization; one that the command line names is collected below."""
    if not is_claim(file_path) or parent.session.isinitpath(file_path):
        return None
    return ClaimFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent) -> pytest.Collector | None:
    """A claim is no module of tests, and is not imported here."""
    return ClaimFile.from_parent(parent, path=module_path) if is_claim(module_path) else None


@pytest.fixture
def speedup(request: pytest.FixtureRequest) -> Callable[..., Speedup]:
    """speedup(NAME, case="…"): how much faster an optimization is than its baseline, from evidence
    on file; on the headline case where none is named. Skips where no timing is current."""
    return asker(request).speedup


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Callable[[str], VerdictOnFile]:
    """verdict(NAME): the judge's verdict, from evidence on file. Skips where none is current."""
    return asker(request).verdict
