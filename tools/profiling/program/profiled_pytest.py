"""Runs one pytest test in this process, with its conftest and fixtures."""

from __future__ import annotations

import importlib.util


class Watch:
    """A plugin that keeps what became of the test."""

    def __init__(self):
        self.passed, self.skipped, self.failed, self.broken = 0, [], [], []

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} failed at {report.when}: {crash(report)}")
        elif report.skipped:
            self.skipped.append(reason(report))
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            told = [line[1:].strip() for line in lines if line.startswith("E ")] or lines[-1:]
            self.broken.append(told[-1] if told else "no reason given")


def crash(report) -> str:
    place = getattr(report.longrepr, "reprcrash", None)
    if place is None:
        return str(report.longrepr).strip().splitlines()[-1]
    return f"{place.message.splitlines()[0]} ({place.path.rsplit('/', 1)[-1]}:{place.lineno})"


def reason(report) -> str:
    told = report.longrepr
    return told[2] if isinstance(told, tuple) else str(told)


def run_test(path: str, member: str) -> str:
    """Run it; what is wrong in one line, or nothing.

    Assertions are not rewritten, so that lines are those of the file; nothing is cached.
    """
    try:
        import pytest
    except ImportError:
        return "this is a pytest test and pytest is missing; install it: pip install pytest"

    watch = Watch()
    node = f"{path}::{member}" if member else path
    options = ["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", "-s"]
    if importlib.util.find_spec("xdist"):
        options += ["-n", "0"]
    if importlib.util.find_spec("pytest_cov"):
        options += ["--no-cov"]
    if importlib.util.find_spec("pytest_timeout"):
        options += ["-o", "timeout=0"]
    code = int(pytest.main([node, *options], plugins=[watch]))
    if watch.failed or watch.broken:
        return (watch.failed + [f"pytest cannot collect it: {b}" for b in watch.broken])[0]
    if not watch.passed and watch.skipped:
        return f"the test was skipped: {watch.skipped[0]}; nothing ran that could be profiled"
    if not watch.passed:
        return f"pytest found no test {member or 'in this file'} (its exit code is {code})"
    return ""
