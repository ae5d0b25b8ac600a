"""Conditions of a measurement: all are recorded, few are compared.

The kind of machine is the folder that a number lies in. Beside it only settings are compared that
a user chooses and that move ratios: allocator, threads, treatment of denormals, and torch.
"""

import os
import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from groundspeed import project
from groundspeed.tools.records.accelerator import AcceleratorState, accelerator_state
from groundspeed.validation import machine
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import Part
from groundspeed.validation.records.git import WorkingTree, working_tree

# Of processes in which frozen engines and optimizations are timed together: what glibc's own rule
# comes to once 32 MiB have been freed in one piece, and nothing is given back. Else the same step
# meets from none to thousands of page faults, by what others have freed before it.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
PACKAGES = ("torch", "numpy", "numba", "asv", "line_profiler", "py-spy", "safetensors")
COMPARED = ("allocator", "threads", "denormals", "torch")
BUSY = 0.5  # processors at work for others, above which a timing waits
STEAL = 0.02  # share of time that the host gave to other machines, above which it warns


class Beside(Part):
    """What the machine did besides measuring: a sample before the first timing."""

    busy: float  # processors at work
    steal: float  # share of the time that a host kept from this machine
    others: int  # processes, besides our own, that used a tenth of a processor or more
    load: float  # over the last minute
    waited_s: float = 0.0

    @property
    def quiet(self) -> bool:
        return self.busy <= BUSY and self.steal <= STEAL

    def __str__(self) -> str:
        return (
            f"{self.busy:.1f} processors at work for {self.others} other processes, "
            f"{self.steal:.0%} stolen by the host"
        )


class Conditions(Part):
    """Machine, versions, settings, code."""

    machine: str  # its kind
    instance: str  # the very box
    processor: str
    capability: str
    cores: int
    memory_gib: float
    system: str
    governor: str
    allocator: str
    threads: int
    denormals: str
    python: str
    torch: str  # release
    packages: dict[str, str]
    commit: str  # "" where git does not tell
    dirty: bool | None  # None where git does not tell
    load_before: float
    beside: Beside | None = None  # what else the machine did, sampled before a timing
    accelerator: str = ""  # the GPU and its driver, where there is one
    accelerator_before: AcceleratorState | None = None  # of what is timed on it
    accelerator_after: AcceleratorState | None = None

    @property
    def settings(self) -> dict[str, object]:
        """What must agree before two measurements of one kind of machine are compared."""
        return {name: getattr(self, name) for name in COMPARED}


def timing_conditions(beside: Beside | None = None) -> Conditions:
    """As they are now, for processes that have been given the settings of ``ALLOCATOR``."""
    return conditions(beside=beside, memory=ALLOCATOR)


def conditions(
    threads: int = 1, beside: Beside | None = None, memory: dict[str, str] | None = None
) -> Conditions:
    """As they are now; ``memory`` are allocator settings beside those of the environment."""
    import psutil  # late: `groundspeed list` reads conditions and takes none

    gpu, driver = machine.accelerator()
    code = code_now()
    return Conditions(
        machine=machine.kind(),
        instance=machine.instance(),
        processor=machine.processor(),
        capability=machine.capability(),
        cores=machine.cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        governor=governor(),
        allocator=allocator(memory or {}),
        threads=threads,
        denormals="kept",
        python=platform.python_version(),
        torch=machine.torch_version(),
        packages={name: v for name in PACKAGES if (v := installed(name))},
        commit=code.commit,
        dirty=code.dirty,
        load_before=round(os.getloadavg()[0], 2),
        beside=beside,
        accelerator=f"{gpu}, driver {driver}" if gpu else "",
        accelerator_before=accelerator_state() if gpu else None,
    )


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def governor() -> str:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text().strip() if path.exists() else "not available: no cpufreq here"


def allocator(settings: dict[str, str]) -> str:
    """What serves the arrays: its settings change ratios above 32 MB two- to threefold."""
    ours = {k: v for k, v in os.environ.items() if k.startswith("MALLOC_")}
    preload = os.environ.get("LD_PRELOAD", "")
    pairs = map("=".join, sorted((settings | ours).items()))
    return " ".join([platform.libc_ver()[0] or "libc", preload, *pairs])


def code_now() -> WorkingTree:
    """The commit, and the files that differ from it and that a number rests on."""
    tree = working_tree(digests.ROOT)
    changed = set(tree.changed)
    if not project.CODE.is_relative_to(digests.ROOT):
        paths = (project.CODE / path for path in working_tree(project.CODE).changed)
        changed |= {project.place_of(path) for path in paths if path.suffix != ".md"}
    return replace(tree, changed=tuple(sorted(filter(measured, changed))))


def measured(path: str) -> bool:
    """Whether a number can rest on that file of the project."""
    return not path.startswith(("reports/", "tests/")) and not path.endswith(".md")
