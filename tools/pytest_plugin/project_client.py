"""The project that a test belongs to, and the process that answers from its evidence.

Standard library only: this is imported by every run of pytest.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from groundspeed.location import VARIABLE, find, is_project


def project_of(place: Path) -> Path | None:
    """The project that is named, or the one around or beside a file; none where there are several.

    It may lie in a folder below one that holds the file.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named).resolve()
    try:
        return find(place.parent)
    except ValueError:
        return None


def is_claim(path: Path) -> bool:
    """Whether a file is the claim of an optimization in a project."""
    if path.name != "validation.py" or path.parent.parent.name != "optimizations":
        return False
    return is_project(path.parents[2])


class Client:
    """The process of one project, started when it is first asked: torch and the code under test
    stay out of the process of the tests."""

    def __init__(self, root: Path):
        self.root = root
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        top = sys.modules[__package__.partition(".")[0]]  # the harness comes after the project
        places = [str(Path(top.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        own = {"PYTHONPATH": os.pathsep.join(filter(None, places)), VARIABLE: str(self.root)}
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.evidence_server"],
            cwd=self.root,
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def ask(self, question: str, **given: object) -> dict:
        """The answer of `evidence_server`; {"failed": words} where there is none."""
        if self.process is None:
            self.start()
        try:
            print(json.dumps({"question": question, **given}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or ["it said nothing"])[-1]
        self.close()
        return {"failed": f"the process that reads the evidence ended: {last[:300]}"}

    def close(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.communicate()
        self.log.close()
        self.process = None


class Clients:
    """The processes of one run of pytest, by project."""

    def __init__(self):
        self.by_root: dict[Path, Client] = {}

    def of(self, root: Path) -> Client:
        return self.by_root.setdefault(root, Client(root))

    def close(self) -> None:
        for client in self.by_root.values():
            client.close()


CLIENTS = pytest.StashKey[Clients]()
