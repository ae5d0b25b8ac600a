"""Runs pytest tests in this process, with their conftest and fixtures; needs no torch."""

import importlib.util
import io
import os
import re
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import TextIO

# Plugins of pytest that write into the project, or cost more than most tests do.
NOT_NEEDED = ("cacheprovider", "faulthandler", "unraisableexception", "threadexception", "pastebin")
# Packages that would run tests elsewhere, trace them or stop them, and how they are told not to.
UNWANTED = {"xdist": ["-n0"], "pytest_cov": ["--no-cov"], "pytest_timeout": ["-o", "timeout=0"]}


BEGINNING = 4000  # characters


class Tests:
    """A plugin of pytest: keeps what became of the tests."""

    def __init__(self):
        self.passed, self.skipped, self.failed = 0, [], []
        self.seconds = 0.0  # in the tests themselves, without pytest's own work
        self.config: Path | None = None  # its configuration file
        self.absent = ""  # the module that a test needs, where that is why it fails

    def pytest_configure(self, config):
        self.config = config.inipath

    def pytest_exception_interact(self, call):
        error = call.excinfo.value
        while error is not None and not isinstance(error, ModuleNotFoundError):
            error = error.__cause__  # pytest wraps what an import raises
        self.absent = self.absent or getattr(error, "name", None) or ""

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

    def problem(self, code: int, what: str, said: str) -> str:
        """Why these tests are of no use, or nothing; ``said`` is what pytest wrote as errors."""
        if self.failed:
            package = self.absent.split(".")[0]
            pip = f"{sys.executable} -m pip install {package}"
            hint = f"; install it beside groundspeed: {pip}" if package else ""
            return f"the test does not pass: {self.failed[0]}{hint}"
        if self.skipped and not self.passed:
            return f"the test is skipped: {self.skipped[0]}; nothing runs"
        usage = re.search(r"(?s)error: (.+?)(?=\n {2,}\w+:|\Z)", said)
        if code == 4 and usage and not self.passed:
            return f"pytest refuses its own options: {' '.join(usage[1].split())}"
        if code == 5 or (code == 4 and not self.passed):
            return f"pytest finds no test {what}"
        return f"pytest ended with code {code}" if code else ""


def run_tests(file: str, part: str, options: Iterable[str], plugin: Tests) -> str:
    """Run the chosen tests of a file; what is wrong in one line, or nothing."""
    try:
        import pytest
    except ImportError:
        return "it is a pytest test and pytest is not here; pip install pytest"
    os.environ.pop("PYTEST_ADDOPTS", None)
    words = [f"{file}::{part}" if part else file, "-s", "-q", "-x", *options]
    words += [word for name in NOT_NEEDED for word in ("-p", f"no:{name}")]
    words += [w for name, out in UNWANTED.items() if importlib.util.find_spec(name) for w in out]
    with redirect_stderr(Kept(sys.stderr)) as errors:
        code = int(pytest.main(words, plugins=[plugin]))
    return plugin.problem(code, part or Path(file).name, errors.text)


class Kept(io.TextIOBase):
    """What is written to a stream, passed on, and its beginning kept."""

    def __init__(self, stream: TextIO):
        self.stream, self.text = stream, ""

    def write(self, text: str) -> int:
        if len(self.text) < BEGINNING:
            self.text += text
        return self.stream.write(text)

    def fileno(self) -> int:
        return self.stream.fileno()

    def flush(self) -> None:
        self.stream.flush()


def last_line(report) -> str:
    """What a report of pytest says is wrong, with file and line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return f"{' '.join(crash.message.split())[:300]} ({Path(crash.path).name}:{crash.lineno})"
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given").removeprefix("E").strip()[:300]
