"""The other side of the wall: a process that runs one optimization and knows no answers.

Reads requests, one JSON object a line, and answers likewise; states travel in files.
Started by `validation.isolation`; nothing else imports it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, clone

from . import digests, leaves, saboteurs, tensors


def serve(name: str) -> None:
    """Answer requests until the pipe closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the candidate prints must not look like an answer
    torch.set_num_threads(int(os.environ.get("GROUNDSPEED_THREADS", "1")))
    before = settings()
    engine = subject(name)
    steps: dict[str, object] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = respond(engine, steps, request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:500]}"}
        changed = [key for key, value in settings().items() if value != before[key]]
        print(json.dumps(answer | {"changed": changed}), file=answers, flush=True)


def subject(name: str) -> Engine:
    """An optimization by its folder, "=" and a baseline, or "@" and an entry of the corpus."""
    if name.startswith("@"):
        return importlib.import_module("validation.corpus").find(name[1:]).candidate()
    return baselines.load(name[1:]) if name.startswith("=") else leaves.engine(name)


def settings() -> dict[str, object]:
    """Global state that a candidate must leave as it found it."""
    return {
        "number of threads": torch.get_num_threads(),
        "default dtype": str(torch.get_default_dtype()),
        "matrix precision": torch.get_float32_matmul_precision(),
        "deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "denormals": float(torch.tensor(1e-310, dtype=torch.float64) * 1.0) == 0.0,
        "gradient mode": torch.is_grad_enabled(),
        "random state": digests.of_bytes(torch.get_rng_state().numpy().tobytes()),
    }


def respond(engine: Engine, steps: dict, request: dict) -> dict:
    """Run from the state in the file and write the states after each number of steps asked."""
    case = baselines.load(engine.name).cases[request["case"]]
    key = request["case"] + str(request["truth"])
    if request["truth"]:
        case = case.truth
    if key not in steps:
        steps[key] = engine.prepare(case)
    state, step = rebuild(request), steps[key]
    if request["sabotage"]:
        calls = request["at"][-1] // engine.stride
        memory = steps.setdefault(f"{key} {request['sabotage']}", {})
        engine, step = saboteurs.sabotaged(request["sabotage"], engine, case, step, calls, memory)
    found = advance(engine, case, step, state, request["at"])
    tensors.save(Path(request["out"]), found)
    touched = request["guard"] and not engine.in_place and mutates(engine, case, step, state)
    return {"touched": bool(touched)}


def rebuild(request: dict) -> State:
    """The state in the file, of the type that the baseline's states have."""
    loaded = tensors.load(Path(request["in"]))
    module, _, kind = request["type"].rpartition(".")
    state_type = getattr(importlib.import_module(module), kind)
    return state_type(*(loaded[name] for name in state_type._fields))


def advance(engine: Engine, case: Case, step, state: State, at: list[int]) -> dict:
    """Observed states after each of the step counts in ``at``, as named tensors."""
    working, here, found = engine.adopt(case, clone(state)), 0, {}
    for target in at:
        while here < target:
            working = step(working)
            here += engine.stride
        for name, tensor in zip(state._fields, engine.observe(case, working), strict=True):
            found[f"{target}/{name}"] = tensor.clone()
    return found


def mutates(engine: Engine, case: Case, step, state: State) -> bool:
    """Whether a step changes the state that it was given."""
    working = engine.adopt(case, clone(state))
    before = digests.of_state(engine.observe(case, working))
    step(working)
    return digests.of_state(engine.observe(case, working)) != before


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(sys.argv[1])
