"""Somebody's pytest tests as a foreign program, with their conftest and fixtures."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from baselines.foreign.frame_locals import with_locals
from baselines.foreign.sandbox import Boundaries, Broken, Sandbox

# Plugins of pytest that write into the project, or cost more than most tests do.
NOT_NEEDED = ("cacheprovider", "faulthandler", "unraisableexception", "threadexception", "pastebin")


def run_tests(room: Sandbox, boundaries: Boundaries) -> dict[str, Any]:
    """The chosen tests under pytest; their variables at the end.

    Raises:
        Broken: pytest is missing, or a test did not pass.
    """
    try:
        import pytest
    except ImportError:
        raise Broken("it is a pytest test and pytest is not here; pip install pytest") from None
    program, plugin = room.program, Tests(boundaries)
    os.environ.pop("PYTEST_ADDOPTS", None)
    chosen = str(room.folder / program.file) + (f"::{program.part}" if program.part else "")
    words = [chosen, "-s", "-q", *(w for name in NOT_NEEDED for w in ("-p", f"no:{name}"))]
    words += [f"--basetemp={room.folder}/.basetemp", f"--rootdir={room.folder / program.cwd}"]
    words += ["-c", str(room.folder / program.config)] if program.config else []
    words += ["-n0"] if importlib.util.find_spec("xdist") else []
    words += ["--no-cov"] if importlib.util.find_spec("pytest_cov") else []
    code = int(pytest.main(words, plugins=[plugin]))
    plugin.judge(code, program.part or program.file)
    room.seconds = plugin.seconds
    if len(plugin.left) == 1:
        return next(iter(plugin.left.values()))
    return {f"{t}.{k}": v for t, left in plugin.left.items() for k, v in left.items()}


class Tests:
    """A plugin of pytest: wraps boundaries, keeps variables and what went wrong."""

    def __init__(self, boundaries: Boundaries):
        self.boundaries = boundaries
        self.left: dict[str, dict] = {}
        self.passed, self.skipped, self.failed = 0, [], []
        self.seconds = 0.0  # in the tests themselves, without pytest's own work

    def pytest_collection_finish(self, session):
        for module in {id(m): m for i in session.items if (m := getattr(i, "module", 0))}.values():
            self.boundaries.meet(module)

    def pytest_pyfunc_call(self, pyfuncitem):
        left: dict[str, Any] = {}
        self.left[pyfuncitem.name] = left
        pyfuncitem.obj = with_locals(pyfuncitem.obj, left.update)

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(last_line(report))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(f"{report.nodeid.rpartition('/')[2]}: {last_line(report)}")
        elif report.skipped:
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else last_line(report)
            self.skipped.append(text)
        elif report.when == "call":
            self.passed += 1
            self.seconds += report.duration

    def judge(self, code: int, what: str) -> None:
        if self.failed:
            raise Broken(f"the test does not pass: {self.failed[0]}")
        if self.skipped and not self.passed:
            raise Broken(f"the test is skipped: {self.skipped[0]}; nothing runs, nothing is frozen")
        if code == 5 or (code == 4 and not self.passed):
            raise Broken(f"pytest finds no test {what}")
        if code:
            raise Broken(f"pytest ended with code {code}")


def last_line(report) -> str:
    """What a report of pytest says is wrong, with file and line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return f"{' '.join(crash.message.split())[:300]} ({Path(crash.path).name}:{crash.lineno})"
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given").removeprefix("E").strip()[:300]
