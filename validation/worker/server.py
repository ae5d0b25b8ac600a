"""Server in a candidate's process: runs one optimization and knows no answers.

Reads requests, one JSON object a line, and answers likewise; states travel in files. The fork
server imports it by name (`validation.worker.forkserver`); nothing else does.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, Step, clone, replace
from validation import discovery
from validation.claims import described
from validation.inputs import case_fields
from validation.mutation import mutants
from validation.protocol import CONTRACT
from validation.records import digests, tensor_files
from validation.reference.gradients import own_gradients
from validation.worker import global_state
from validation.worker.messages import CLAIM, FILES
from validation.worker.own_code import OwnCode


def serve(name: str) -> None:
    """Answer requests until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the candidate prints must not look like an answer
    torch.set_num_threads(int(os.environ.get("GROUNDSPEED_THREADS", "1")))
    before, functions = global_state.settings(), global_state.originals()
    steps: dict[str, object] = {}
    files, own = LoadedFiles(), OwnCode(name)
    engine = cache(lambda: own.watched(subject(name)))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["case"] == CLAIM:
                answer = {"claim": claim_of(name)}
            elif request["case"] == FILES:
                answer = {"files": files.seen}
            else:
                answer = respond(engine(), steps, request)
        except Exception as error:
            answer = {"error": own.explain(error)}
        files.look()
        changed = global_state.changed(before, functions)
        print(json.dumps(answer | {"changed": changed}), file=answers, flush=True)


class LoadedFiles:
    """Project files that modules were loaded from, with digests when first seen."""

    def __init__(self):
        self.before, self.count = set(sys.modules), len(sys.modules)
        self.seen: dict[str, str] = {}

    def look(self) -> None:
        """Note modules that were imported since."""
        if len(sys.modules) == self.count:
            return
        self.count = len(sys.modules)
        for name in set(sys.modules) - self.before:
            path = project_file(getattr(sys.modules[name], "__file__", None))
            if path and path not in self.seen:
                self.seen[path] = digests.of_file(digests.ROOT / path)[:16]


def project_file(file: str | None) -> str:
    """Path in the project; "" for installed files and for the harness itself."""
    if not isinstance(file, str) or "site-packages" in file:
        return ""
    path = Path(file).resolve()
    if not path.is_relative_to(digests.ROOT) or not path.is_file():
        return ""
    place = path.relative_to(digests.ROOT)
    harness = place.parts[0] in ("validation", "tools") or place.parts[0].startswith(".")
    contract = place.parts[0] == "baselines" and place.parts[1] in CONTRACT
    hook = place.parts == ("optimizations", "__init__.py")
    return "" if harness or contract or hook else place.as_posix()


def claim_of(name: str) -> dict:
    """The claim as plain data, or the reason why there is none."""
    try:
        return described(discovery.claim(name))
    except (discovery.BrokenLeaf, ValueError, LookupError) as error:
        return {"broken": str(error)}


def subject(name: str) -> Engine:
    """The engine of an optimization, "=" and a baseline, or "@" and an entry of the corpus."""
    if name.startswith("@"):
        return importlib.import_module("validation.corpus").find(name[1:]).candidate()
    return baselines.load(name[1:]) if name.startswith("=") else discovery.engine(name)


def respond(engine: Engine, steps: dict, request: dict) -> dict:
    """Runs from the state in the file and writes the states after each number of steps."""
    case, step = prepare_case(engine, steps, request)
    state = read_state(request)
    if request.get("wrt"):
        found = own_gradients(engine, case, state, request["at"][-1], request["wrt"])
        tensor_files.save(Path(request["out"]), found)
        return {"touched": False}
    if request.get("mutant"):
        calls = request["at"][-1] // engine.stride
        name, own = request["mutant"], request["case"]
        memory, right = (steps.setdefault(f"{own} {whose}", {}) for whose in (name, "unspoiled"))
        engine, step = mutants.mutated(name, engine, case, step, calls, memory, right)
    global_state.poison(state)
    watched, touched = step, []
    if request["guard"] and not engine.in_place:
        watched = watch_input(engine, case, step, touched)
    found = advance(engine, case, watched, state, request["at"], request.get("layout", ""))
    tensor_files.save(Path(request["out"]), found)
    return {"touched": any(touched)}


def prepare_case(engine: Engine, steps: dict, request: dict) -> tuple[Case, Callable]:
    """The case and its step, prepared once."""
    cases, changes = baselines.load(engine.name).cases, request.get("changes", {})
    case = case_fields.changed(cases[request["case"]], changes, cases)
    if request["truth"]:
        case = case.truth
    count = request.get("stages", 0)
    key = json.dumps([request["case"], request["truth"], changes, count], sort_keys=True)
    if key not in steps:
        part = replace(engine, stages=engine.stages[:count]) if count else engine
        steps[key] = part.prepare(case)
    return case, steps[key]


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


def watch_input(engine: Engine, case: Case, step: Step, touched: list[bool]) -> Step:
    """The step; on its first call it appends to ``touched`` whether its input state changed."""

    def watched(working: State) -> State:
        if touched:
            return step(working)
        before = digests.of_state(engine.observe(case, working))
        after = step(working)
        touched.append(digests.of_state(engine.observe(case, working)) != before)
        return after

    return watched
