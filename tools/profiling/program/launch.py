"""Starts an instrument in its own process, watches it, and stops it in time."""

import json
import os
import shutil
import sys
import weakref
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

from groundspeed.tools.process import died, watched
from groundspeed.tools.profiling.program.nvml import Graphics
from groundspeed.tools.profiling.program.profile_target import ProfileTarget
from groundspeed.tools.profiling.program.run_folder import RunFolder
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import NoInstrument, ProgramFailed

CHILD = Path(__file__).parents[1] / "worker.py"


class InstrumentRuns:
    """Runs of one target, each by one instrument, in a scratch folder that ends with it."""

    def __init__(self, target: ProfileTarget, patience_s: float, threads: int):
        self.patience_s, self.threads = patience_s, threads
        self.scratch, self.count = Path(mkdtemp(prefix="groundspeed-profile-")), 0
        weakref.finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)
        self.folder = RunFolder(target, self.scratch)
        self.target = self.folder.target

    def run(self, instrument: str, prefix: tuple[str, ...] = (), **spec) -> dict:
        """What the instrument found; ``prefix`` is a command that starts the process.

        Raises:
            ProgramFailed: the program failed, hung or died, or changed its project.
        """
        self.count += 1
        place = self.scratch / f"{self.count}_{instrument}"
        out = place.with_suffix(".json")
        request = {"target": asdict(self.target), "instrument": instrument, "threads": self.threads}
        place.with_suffix(".spec").write_text(json.dumps(request | spec | {"out": str(out)}))
        words = [*prefix, sys.executable, str(CHILD), str(place.with_suffix(".spec"))]
        log = place.with_suffix(".log")
        try:
            with self.folder.ready(), Graphics() as graphics:
                code, samples = watched(
                    words,
                    log,
                    self.patience_s,
                    self.environment(),
                    self.folder.cwd,
                    look=graphics.sample,
                )
        except TimeoutError:
            raise ProgramFailed(
                f"{self.target.name} did not end within {self.patience_s:g} s; "
                "give it more with --patience-s, or a smaller case",
                Code.PATIENCE,
            ) from None
        if not out.exists():
            raise ProgramFailed(died(code, log))
        found = json.loads(out.read_text())
        if "error" in found:
            raise ProgramFailed(found["error"], Code(found["code"]))
        return found["found"] | {"samples": samples, "graphics": graphics.samples}

    def environment(self) -> dict[str, str]:
        """With the scratch folder for numba's compiled code, which else is kept in the user's own,
        and for what pytest keeps of tests, where else it deletes that of earlier sessions."""
        places = {"NUMBA_CACHE_DIR": self.scratch / "numba", "PYTEST_DEBUG_TEMPROOT": self.scratch}
        return environment(self.threads) | {name: str(place) for name, place in places.items()}


def environment(threads: int) -> dict[str, str]:
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    fixed |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg"}
    fixed |= {"TORCHINDUCTOR_COMPILE_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return os.environ | fixed


def tool(name: str) -> str:
    """Path of a command of this environment.

    Raises:
        NoInstrument: it is not installed.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise NoInstrument(f"{name} is not installed")
    return found
