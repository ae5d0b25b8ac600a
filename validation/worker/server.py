"""Server in a candidate's process: runs one optimization and knows no answers.

Reads requests, one JSON object a line, and answers likewise; states travel in files. The fork
server imports it by name (`validation.worker.forkserver`); nothing else does.
"""

import importlib
import json
import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

import torch

from groundspeed import baselines, project
from groundspeed.baselines.engine import Case, Engine, State, Step, clone, replace
from groundspeed.baselines.foreign import call_counts
from groundspeed.validation import discovery
from groundspeed.validation.claims import described
from groundspeed.validation.mutation import mutants
from groundspeed.validation.protocol import CONTRACT
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.distance import inexact
from groundspeed.validation.reference.gradients import own_gradients
from groundspeed.validation.worker import compilers, global_state
from groundspeed.validation.worker.messages import CLAIM, FILES
from groundspeed.validation.worker.own_code import OwnCode

RACES, RACE_S = 5, 0.5  # runs in which a race is sought, and processor time for more of them
WATCHED = 1 << 18  # elements of a state that is compared at every call; of larger ones, at a few
FEW = 3


def serve(name: str) -> None:
    """Answer requests until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the candidate prints must not look like an answer
    torch.set_num_threads(int(os.environ.get("GROUNDSPEED_THREADS", "1")))
    before, functions = global_state.settings(), global_state.Functions()
    compiled = compilers.counts()
    call_counts.start()
    steps: dict[str, object] = {}
    files, own = LoadedFiles(), OwnCode(name)
    engine = cache(lambda: own.watched(subject(name)))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["case"] == CLAIM:
                answer = {"claim": claim_of(name)}
            elif request["case"] == FILES:
                answer = {"files": files.seen, "outside": sorted(files.outside)}
                answer |= {"idle": compilers.idle_since(compiled)}
                answer["calls"] = call_counts.calls
            else:
                answer = respond(engine(), steps, request)
        except Exception as error:
            answer = {"error": compilers.gave_up(error) or own.explain(error)}
            answer["declined"] = discovery.declined(error)
        files.look()
        changed = global_state.changed(before) + functions.patched()
        print(json.dumps(answer | {"changed": changed}), file=answers, flush=True)


class LoadedFiles:
    """Project files that modules were loaded from, with digests when first seen."""

    def __init__(self):
        self.before, self.count = set(sys.modules), len(sys.modules)
        self.seen: dict[str, str] = {}
        self.outside: set[str] = set()  # files that no digest can cover

    def look(self) -> None:
        """Note modules that were imported since."""
        if len(sys.modules) == self.count:
            return
        self.count = len(sys.modules)
        for name in set(sys.modules) - self.before:
            file = getattr(sys.modules[name], "__file__", None)
            path = project_file(file)
            if path and path not in self.seen:
                self.seen[path] = digests.of_file(digests.ROOT / path)[:16]
            elif not path and is_outside(file):
                self.outside.add(file)


CONTRACTS = {project.HARNESS / "baselines" / name for name in CONTRACT}
PYTHONS_OWN = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), project.PYTHONS_OWN}


def project_file(file: str | None) -> str:
    """Place of a file of the project or of its code; "" of installed ones and of the harness's."""
    path = Path(file).resolve() if isinstance(file, str) else None
    hook = project.ROOT / "optimizations" / "__init__.py"
    if path is None or not path.is_file() or path in CONTRACTS or path == hook:
        return ""
    return project.place_of(path) if project.under_test(path) else ""


def is_outside(file: str | None) -> bool:
    """Whether it is Python text that no verdict covers: neither the project's nor installed, and
    not written by a compiler or by us into a folder of temporary files."""
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    if any(word in file for word in project.INSTALLED):
        return False
    path = Path(file).resolve()
    known = (*PYTHONS_OWN, project.HARNESS, project.ROOT, project.CODE, *made_folders())
    return path.is_file() and not any(map(path.is_relative_to, known))


def made_folders() -> list[Path]:
    """Where compilers keep what they make, and the sandbox its copies."""
    variables = ("TORCHINDUCTOR_CACHE_DIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR")
    named = [Path(os.environ[name]) for name in variables if os.environ.get(name)]
    own = [folder for place in (tempfile.gettempdir(), "/dev/shm")
           for folder in Path(place).glob("groundspeed-*")]  # fmt: skip
    return [folder.resolve() for folder in (*named, *own)]


def claim_of(name: str) -> dict:
    """The claim as plain data, or the reason why there is none."""
    try:
        return described(discovery.claim(name))
    except (discovery.BrokenLeaf, ValueError, LookupError) as error:
        return {"broken": str(error)}


def subject(name: str) -> Engine:
    """The engine of an optimization, "=" and a baseline, or "@" and an entry of the corpus."""
    if name.startswith("@"):
        return importlib.import_module("groundspeed.validation.corpus").find(name[1:]).candidate()
    return baselines.load(name[1:]) if name.startswith("=") else discovery.engine(name)


def respond(engine: Engine, steps: dict, request: dict) -> dict:
    """Runs from the state in the file and writes the states after each number of steps."""
    case, step = prepare_case(engine, steps, request)
    state = read_state(request)
    if request.get("wrt"):
        found = own_gradients(engine, case, state, request["at"][-1], request["wrt"])
        tensor_files.save(Path(request["out"]), found)
        return {"touched": ""}
    if request.get("mutant"):
        calls = request["at"][-1] // engine.stride
        name, own = request["mutant"], request["case"]
        memory = steps.setdefault(f"{own} {name}", {})
        whole = case.steps == engine.stride
        right = steps.setdefault(f"{own} unspoiled", mutants.Unspoiled(whole))
        engine, step = mutants.mutated(name, engine, case, step, calls, memory, right)
    if request.get("again"):
        tensor_files.save(Path(request["out"]), repeated(engine, case, step, state, request["at"]))
        return {"touched": ""}
    global_state.poison(state)
    watch = None
    if request["guard"] and not engine.in_place:
        calls = request["at"][-1] // engine.stride
        earlier = [] if request.get("mutant") else steps.setdefault("earlier results", [])
        watch = Watch(engine, case, step, watched_calls(state, calls), earlier)
    found = advance(engine, case, watch or step, state, request["at"], request.get("layout", ""))
    tensor_files.save(Path(request["out"]), found)
    return {"touched": watch.ended() if watch else ""}


def prepare_case(engine: Engine, steps: dict, request: dict) -> tuple[Case, Callable]:
    """The case and its step; that of a named case is prepared once."""
    cases, changes = baselines.load(engine.name).cases, request.get("changes", {})
    case = case_fields.changed(cases[request["case"]], changes, cases)
    if request["truth"]:
        case = case.truth
    count = request.get("stages", 0)
    key = json.dumps([request["case"], request["truth"], count])
    step = None if changes else steps.get(key)  # of a changed case nothing is kept: there are many
    if step is None:
        part = replace(engine, stages=engine.stages[:count]) if count else engine
        compilers.start_afresh()
        step = part.prepare(case)
        if not changes:
            steps[key] = step
    compilers.forbid_giving_up()  # the step may have loaded it
    return case, step


def read_state(request: dict) -> State:
    """The state in the file, of the baseline's type."""
    loaded = tensor_files.load(Path(request["in"]))
    module, _, kind = request["type"].rpartition(".")
    state_type = getattr(importlib.import_module(module), kind)
    return state_type(*(loaded[name] for name in state_type._fields))


def advance(engine: Engine, case: Case, step, state: State, at: list[int], layout="") -> dict:
    """Observed states after each number of steps in ``at``, as named tensors."""
    fresh = type(state)(*(global_state.with_layout(t, layout) for t in state))
    working, here, found = engine.adopt(case, fresh if layout else clone(state)), 0, {}
    for target in at:
        while here < target:
            working = step(working)
            here += engine.stride
        for name, tensor in zip(state._fields, engine.observe(case, working), strict=True):
            found[f"{target}/{name}"] = tensor.clone()
    return found


def repeated(engine: Engine, case: Case, step: Step, state: State, at: list[int]) -> dict:
    """One run after the other from the same state: the first, and under "other/" the one that is
    furthest from it. Threads that wait for the next run meet oftener than those that are asleep."""
    begun, first = busy(), advance(engine, case, step, state, at)
    furthest, most, runs = first, 0.0, 1
    while runs < RACES or busy() - begun < RACE_S:
        found, runs = advance(engine, case, step, state, at), runs + 1
        if (distance := apart(first, found)) > most:
            furthest, most = found, distance
    return first | {f"other/{name}": tensor for name, tensor in furthest.items()}


def busy() -> float:
    """Processor seconds of this process."""
    return sum(os.times()[:2])


def apart(one: dict, other: dict) -> float:
    """The largest difference of a number, over the largest number of its field; infinite between
    decisions, types and shapes. 0 where all bits are the same."""
    pairs = zip(one.values(), other.values(), strict=True)
    return max(spread(a, b) for a, b in pairs)


def spread(one: torch.Tensor, other: torch.Tensor) -> float:
    if digests.same_bits((one,), (other,)):
        return 0.0
    if one.shape != other.shape or one.dtype != other.dtype or not inexact(one):
        return math.inf
    ratio = float((one - other).abs().max() / one.abs().max())
    return max(ratio, sys.float_info.min) if math.isfinite(ratio) else math.inf


def watched_calls(state: State, calls: int) -> Collection[int]:
    """Numbers of the calls that are watched: all on small states, else the first and some."""
    if sum(t.numel() for t in state) <= WATCHED:
        return range(calls)
    return {0, *random.SystemRandom().sample(range(calls), min(FEW, calls))}


class Watch:
    """A step that compares, bit for bit, the state that it is given with what it is after the call.

    Within a run that state is the last result. The last result of the run before is compared again
    too: memory that was handed out belongs to whoever has it.

    Args:
        calls: numbers of the calls that are watched.
        earlier: what shows whether the last result of the run before changed; this run's is left
            there.
    """

    def __init__(self, engine: Engine, case: Case, step: Step, calls: Collection[int], earlier):
        self.observe = lambda working: engine.observe(case, working)
        self.step, self.calls, self.earlier = step, calls, earlier
        self.made, self.found, self.last = 0, "", None

    def __call__(self, working: State) -> State:
        number, self.made = self.made, self.made + 1
        if number not in self.calls:
            return self.step(working)
        before = clone(self.observe(working))
        self.last = self.step(working)
        if not digests.same_bits(self.observe(working), before):
            what = "its last result" if number else "the state that it was given"
            self.found = self.found or what
        return self.last

    def ended(self) -> str:
        """What changed that may not, "" if nothing did; from here on the last result is earlier."""
        if any(changed() for changed in self.earlier):
            self.found = self.found or "a result of an earlier run"
        self.earlier.clear()
        if self.last is not None and isinstance(self.calls, range):
            last, was = self.last, clone(self.observe(self.last))
            self.earlier.append(lambda: not digests.same_bits(self.observe(last), was))
        return self.found
