"""The asv environment "commit": this interpreter and a checkout of the commit under test.

Nothing is built or installed. `optimizations/__init__.py` and `tools/suite.py` take the
code under test from the checkout, so a commit costs no environment of its own.
"""

import os
import sys

from asv import util
from asv.commands.compare import Compare
from asv.environment import Environment
from asv.machine import Machine, MachineCollection

from groundspeed.validation import machine

GATED = "track_relative_time"


class CommitEnvironment(Environment):
    """What distinguishes two series of results: the versions of Python and torch."""

    tool_name = "commit"
    matches_python_fallback = False

    def __init__(self, conf, python, requirements, tagged_env_vars):
        self._python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._requirements = requirements | {"torch": machine.torch_version()}
        super().__init__(conf, self._python, self._requirements, tagged_env_vars)

    def check_presence(self):
        return os.path.isdir(self._path)

    def _setup(self):
        os.makedirs(self._path)

    def _uninstall_project(self):
        pass

    def _build_project(self, repo, commit_hash, build_dir):
        pass

    def _install_project(self, repo, commit_hash, build_dir):
        pass

    def run(self, args, **kwargs):
        env = kwargs.pop("env", os.environ) | self._global_env_vars
        return util.check_output([sys.executable, *args], env=env, **kwargs)


def setup() -> None:
    """asv calls this once the plugin is loaded."""
    describe_machine()
    Compare.print_table = classmethod(gated(Compare.print_table.__func__))


def describe_machine() -> None:
    """Tell asv what kind of machine this is: it draws a series for each description that it finds,
    so none may hold what differs between two machines of a kind."""
    here = machine.kind()
    Machine.hardcoded_machine_name = here
    for kind in {here, machine.kind("cuda")}:
        description = machine.description(kind)
        system, *_, arch = description["system"].split()
        about = {"machine": kind, "os": system, "arch": arch, "cpu": description["processor"]}
        MachineCollection.save(kind, about | {"num_cpu": str(description["cores"]), "ram": ""})


def gated(print_table):
    """``asv continuous`` with one opinion: the relative time.

    asv takes every number for a time (airspeed-velocity/asv#1617) and would report each
    larger speedup as a loss.
    """

    def relative_time_only(results):
        return (row for row in results if row[0].endswith(f".{GATED}"))

    def gated_table(cls, *args, **kwargs):
        for given in ("resultset_1", "resultset_2"):  # what `asv continuous` has just measured
            if kwargs.get(given) is not None:
                kwargs[given] = relative_time_only(kwargs[given])
        return print_table(cls, *args, **kwargs)

    return gated_table
