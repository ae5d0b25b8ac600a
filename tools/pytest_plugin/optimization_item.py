"""One test for each optimization: its verdict is the one that its claim expects."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from groundspeed.tools.pytest_plugin.project_client import CLIENTS


class NotAsClaimed(Exception):
    """The verdict is not the one that is claimed; the message says all that a reader needs."""


class ClaimFile(pytest.File):
    """The `validation.py` of an optimization."""

    def collect(self) -> Iterator[pytest.Item]:
        yield OptimizationItem.from_parent(self, name=self.path.parent.name)


class OptimizationItem(pytest.Item):
    """Passes with a current verdict, or after judging now."""

    def runtest(self) -> None:
        client = self.config.stash[CLIENTS].of(self.path.parents[2])
        found = client.ask("verdict", name=self.name, judge=True)
        if "failed" in found:
            raise NotAsClaimed(found["failed"])
        if found["status"] == "UNAVAILABLE":
            pytest.skip(f"{self.name} is UNAVAILABLE: {found['reason']}")
        if not found["holds"]:
            claimed = f"{found['status']}, claimed {found['expected'].upper()}"
            raise NotAsClaimed(f"{claimed}: {found['reason']}\nnext: {found['next']}")

    def repr_failure(self, excinfo, style=None):
        """The judge's words, without a traceback of ours."""
        if excinfo.errisinstance(NotAsClaimed):
            return f"{self.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"verdict on {self.name}"
