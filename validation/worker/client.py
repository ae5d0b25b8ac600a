"""Client of a candidate's process, with a time limit."""

from __future__ import annotations

import json
import os
import select
import shutil
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

import psutil

from groundspeed.baselines.engine import State, fields
from groundspeed.validation import discovery
from groundspeed.validation.discovery import BrokenLeaf
from groundspeed.validation.machine import cores
from groundspeed.validation.records import tensor_files
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import Refused
from groundspeed.validation.worker.forkserver import Forked
from groundspeed.validation.worker.messages import CLAIM, FILES, CandidateFailed, Raised, Unfinished

PATIENCE_S = 120.0  # for one request: imports, compilation, steps
THREADING = ("parallel=True", "prange", "threading", "concurrent.futures", "torch.compile(")
CROWD = 6  # threads more than processors: the system takes some off at any point
AWAKE = 0.02  # share of the time that a process which is alive gets even on a crowded machine


def in_memory() -> Path:
    """Where files stay in memory, if there is such a place."""
    return Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())


def scratch_folder(base: Path | None = None) -> Path:
    """A new folder, in memory where no ``base`` is named; folders of dead judges are removed."""
    base = base or in_memory()
    for left in base.glob("groundspeed-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"groundspeed-{os.getpid()}-", dir=base))


class Candidate:
    """Client of an optimization in a process of its own; states travel in files.

    ``name`` is a folder under optimizations/, or "=" and a baseline's name.
    """

    preloaded: tuple[str, ...] = ()  # modules that the server of forks imports as well

    def __init__(self, name: str, threads: int = 1):
        self.name, self.threads = name, threads

    def another(self, threads: int) -> Candidate:
        """The same optimization in a process of its own, with that many threads."""
        return Candidate(self.name, threads)

    def __enter__(self) -> Self:
        self.beside = ExitStack()
        self.scratch = scratch_folder()
        self.on_disk = scratch_folder(Path(tempfile.gettempdir()))
        self.log = (self.scratch / "log").open("w+")
        self.process = self.start()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of the process."""
        threads = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "GROUNDSPEED_THREADS"}
        # the compiler would else fork a pool of its own
        fixed = {"PYTHONHASHSEED": "0", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        return dict.fromkeys(threads, str(self.threads)) | fixed

    def start(self) -> Forked:
        """Forks the process from a server that has imported torch."""
        return Forked(self.name, str(self.scratch / "log"), self.environment, self.preloaded)

    @cached_property
    def crowded(self) -> Candidate:
        """The same optimization in a process with more threads than there are processors."""
        return self.beside.enter_context(self.another(cores() + CROWD))

    def stop(self) -> None:
        """Kills the process."""
        self.process.kill()

    def __exit__(self, *_) -> None:
        self.beside.close()
        self.stop()
        self.process.communicate()
        self.log.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.on_disk, ignore_errors=True)

    def claim(self) -> dict:
        """Its claim, as plain data: `claims.described`.

        Raises:
            BrokenLeaf: it states none.
        """
        try:
            claim = self.ask({"case": CLAIM}, PATIENCE_S)["claim"]
        except CandidateFailed as why:
            raise BrokenLeaf(f"optimizations/{self.name}: {why}") from None
        if "broken" in claim:
            raise BrokenLeaf(claim["broken"])
        return claim

    def loaded(self) -> dict[str, str]:
        """Project files that its process loaded, with digests; empty if it is dead."""
        return self.about_itself().get("files", {})

    def outside(self) -> list[str]:
        """Files that its process loaded and that no verdict covers."""
        return self.about_itself().get("outside", [])

    def idle_compilers(self) -> list[str]:
        """Compilers that its process had at hand and has compiled nothing with."""
        return self.about_itself().get("idle", [])

    def calls(self) -> dict[str, int]:
        """Of functions that stand in for ones of a user's program, how often each was called in the
        steps that it has made; -1 where that is not counted."""
        return self.about_itself().get("calls", {})

    def about_itself(self) -> dict:
        """What its process says of itself; nothing if it is dead."""
        try:
            return self.ask({"case": FILES}, PATIENCE_S)
        except CandidateFailed:
            return {}

    def uses_threads(self) -> bool:
        """Whether it can: its text says so, or its process has more threads than it was given."""
        if self.name[0] not in "=@" and discovery.mentioned([self.name], THREADING):
            return True
        try:
            return psutil.Process(self.process.pid).num_threads() > self.threads
        except psutil.Error:
            return False

    def after(
        self,
        case: str,
        state: State,
        at: list[int],
        truth: bool = False,
        guard: bool = True,
        mutant: str = "",
        patience_s: float = PATIENCE_S,
        changes: dict[str, object] | None = None,
        layout: str = "",
        stages: int = 0,
    ) -> dict[int, State]:
        """Observed states after each number of steps in ``at``, starting from ``state``.

        Args:
            guard: whether what the candidate holds may not change is watched.
            changes: of the case's fields.
            layout: memory layout of the start.
            stages: how many stages of the step to run, 0 for all.

        Raises:
            CandidateFailed: with the reason, in one line.
        """
        more = {"at": at, "truth": truth, "guard": guard, "changes": changes or {}}
        more |= {"layout": layout, "stages": stages, "mutant": mutant}
        found = self.request(case, state, more, patience_s)
        kind = type(state)
        return {n: kind(*(found[f"{n}/{name}"] for name in kind._fields)) for n in at}

    def repeated(self, case: str, state: State, steps: int) -> list[State]:
        """Of several runs of so many steps the first, and the one that is furthest from it."""
        more = {"at": [steps], "truth": False, "again": True}
        found = self.request(case, state, more, PATIENCE_S)
        kind, places = type(state), (f"{steps}/", f"other/{steps}/")
        return [kind(*(found[place + name] for name in kind._fields)) for place in places]

    def gradients(self, case: str, state: State, steps: int, wrt: tuple[str, ...]) -> dict:
        """Gradients of `reference.gradients.objective`, by field of the start."""
        more = {"at": [steps], "truth": False, "guard": False, "wrt": list(wrt)}
        return self.request(case, state, more, PATIENCE_S)

    def request(self, case: str, state: State, more: dict, patience_s: float) -> dict:
        """The candidate's answer to a state, as named tensors.

        Raises:
            CandidateFailed: with the reason, in one line.
            Refused: there is no room for the states, whoever computes them.
        """
        states = sum(t.numel() * t.element_size() for t in state) * (2 + 2 * len(more["at"]))
        place = self.roomy(states, case)
        given, out = place / "given", place / "out"
        out.unlink(missing_ok=True)  # an old answer is none
        tensor_files.save(given, fields(state))
        kind = f"{type(state).__module__}.{type(state).__qualname__}"
        common = {"case": case, "type": kind, "in": str(given), "out": str(out)}
        answer = self.ask(common | more, patience_s)
        if answer["changed"]:
            words = f"changed global state: {', '.join(answer['changed'])}"
            raise CandidateFailed(words, Code.GLOBAL)
        if answer["touched"]:
            raise CandidateFailed(
                f"changed {answer['touched']}, and does not declare in_place; return new memory, "
                "or say in_place=True",
                Code.ALIAS,
            )
        try:
            return tensor_files.load(out)
        except Exception as error:
            raise CandidateFailed(
                f"left no readable answer: {type(error).__name__}, on {case}", Code.ANSWER
            ) from None

    def roomy(self, need: int, case: str) -> Path:
        """The first of its folders that has room for so many bytes, in memory or else on disk."""
        free = {place: shutil.disk_usage(place).free for place in (self.scratch, self.on_disk)}
        found = next((place for place in free if free[place] >= need), None)
        if found is None:
            left = ", ".join(f"{n / 1e6:.0f} MB in {p.parent}" for p, n in free.items())
            raise Refused(
                f"states of {case} need {need / 1e6:.0f} MB of files, free are {left}; make room, "
                "name another folder in TMPDIR, or give a container more "
                "(docker run --shm-size=2g)",
                Code.ROOM,
            )
        return found

    def ask(self, request: dict, patience_s: float) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise CandidateFailed(self.last_words(), Code.ENDED) from None
        if not self.answers(patience_s):
            worked = self.busy() - self.begun >= patience_s
            self.process.kill()
            if worked:
                words = f"was at work for {patience_s:.0f} s of processor time without an answer"
                raise Unfinished(f"{words}, on {request['case']}")
            words = f"gave no answer within {patience_s:.0f} s, on {request['case']}"
            raise CandidateFailed(words, Code.SILENT)
        line = self.process.stdout.readline()
        if not line:
            raise CandidateFailed(self.last_words(), Code.ENDED)
        try:
            answer = json.loads(line)
        except ValueError:
            words = f"wrote on the judge's pipe: {line.strip()[:100]!r}"
            raise CandidateFailed(words, Code.ANSWER) from None
        if "error" in answer:
            raise Raised(f"{answer['error']}, on {request['case']}", answer["declined"])
        return answer

    def answers(self, patience_s: float) -> bool:
        """Whether an answer comes before the process has slept, or worked, for that long.

        Time that other processes took on a busy machine does not count.
        """
        self.begun = begun = spent = self.busy()
        while True:
            if select.select([self.process.stdout], [], [], patience_s)[0]:
                return True
            now = self.busy()
            if now - begun >= patience_s or now - spent < AWAKE * patience_s:
                return False
            spent = now

    def busy(self) -> float:
        """Processor seconds that it and its ended children have used."""
        try:
            return sum(psutil.Process(self.process.pid).cpu_times()[:4])
        except psutil.Error:
            return 0.0

    def last_words(self) -> str:
        """How the process ended, and the last line that it wrote."""
        code = self.process.wait()
        self.log.flush()
        self.log.seek(0)
        lines = [line for line in self.log.read().splitlines() if line.strip()]
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the process was {how}: {lines[-1][:300] if lines else 'it said nothing'}"
