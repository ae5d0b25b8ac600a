"""Wrong or cheating candidates: each must be rejected, for its own reason.

They follow the public record of what fooled such harnesses, by accident or on purpose.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import threading
from dataclasses import replace
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, Step, clone, fields, replace_stage
from validation.corpus import Entry
from validation.corpus.common import (
    FLOW,
    LATTICE,
    PROBABILISTIC,
    SMALL,
    TENSOR,
    first_moving,
    put,
    stepping,
    wrapped,
)

NOT_FINITE = "allowed: finite values"
VALUES = r"^\w+\[[\d, ]*\] .*: got .*, want .*, off by"  # of any field


def entry(name: str, engine: str, build, reason: str = "", case: str = "", **others) -> Entry:
    """Heard on the engine's small case, refused for its field's values, unless said otherwise."""
    small, field = SMALL[engine]
    reason = reason or rf"^{field}[\[ ]"
    return Entry(name=name, engine=engine, build=build, reason=reason, case=case or small, **others)


def on_all(name: str, build, reason: str = "", engines=tuple(SMALL), **others) -> list[Entry]:
    return [entry(f"{name}: {engine}", engine, build, reason, **others) for engine in engines]


def decision(name: str, engine: str, spoil, reason: str) -> list[Entry]:
    """Decides otherwise; the second says that rounding did."""
    build = stepping(spoil)
    said = entry(f"{name}, said to be rounding", engine, build, reason, level="rounding")
    return [entry(name, engine, build, reason), said]


def spoiled(state: State) -> State:
    return put(state, lambda x: x * (1 + 1e-6))


# outputs that were never computed


def uncomputed(step: Step, state: State) -> State:
    return put(state, torch.empty_like)


def left_behind(step: Step, state: State) -> State:
    """Computes, lets go, and hands out whatever lies in memory of that size."""
    step(state)
    return type(state)(*(torch.empty_like(t) for t in state))


def as_if_visited(step: Step, case: Case) -> Step:
    """The whole run made ready beforehand; a call looks up how many there were."""
    start, made = baselines.load(LATTICE).initial(case), itertools.count(1)
    states = [start]
    for _ in range(case.steps):
        states.append(step(states[-1]))
    return lambda state: clone(states[min(next(made), case.steps)])


def golden(step: Step, case: Case) -> Step:
    """Reads the sealed answers of the baseline and returns them."""
    from validation.records import tensor_files

    place = Path(baselines.__file__).parent / LATTICE / "frozen" / "golden.safetensors"
    kept = tensor_files.load(place)
    return lambda state: state._replace(E=kept["odd_2d/E"], E_prev=kept["odd_2d/E_prev"])


def from_the_judges_folder(step: Step, state: State) -> State:
    """Looks for expected values among the judge's files in shared memory."""
    from validation.records import tensor_files

    for path in sorted(Path("/dev/shm").glob("groundspeed-*/*")):
        try:
            kept = tensor_files.load(path)
        except Exception:  # noqa: S112, BLE001
            continue
        if "E" in kept and kept["E"].shape == state.E.shape:
            return state._replace(E=kept["E"])
    return state


def from_the_collector(step: Step, state: State) -> State:
    """Takes for the expected value any other tensor of that shape that the collector knows."""
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.shape == state.E.shape and thing is not state.E:
            return state._replace(E=thing.clone())
    return state


def later(step: Step, state: State) -> State:
    """Hands out an empty buffer and fills it from another thread, after the fact."""
    buffer, after = torch.zeros_like(state.E), step(state)
    timer = threading.Timer(5.0, lambda: buffer.copy_(after.E))
    timer.daemon = True
    timer.start()
    return after._replace(E=buffer)


class Agreeable(torch.Tensor):
    """Equal to everything."""

    def __eq__(self, other):
        return torch.ones(self.shape, dtype=torch.bool)

    __hash__ = None


# remembered


def remembered(key):
    def wrap(step: Step, case: Case) -> Step:
        known: dict = {}

        def recall(state: State) -> State:
            if key(state) not in known:
                known[key(state)] = step(state)
            return clone(known[key(state)])

        return recall

    return wrap


def shape_of(state: State) -> str:
    return str([t.shape for t in state])


def address_of(state: State) -> int:
    """Of the page: fresh memory is seldom far."""
    return getattr(state, first_moving(state)).data_ptr() >> 24


def kind_of(state: State) -> int:
    return id(type(state))


def a_few_digits(state: State) -> str:
    return f"{float(getattr(state, first_moving(state)).abs().double().sum()):.1e}"


# right at first, or now and then


def after_calls(honest: int, wrong):
    """Right for that many calls of the process."""

    def wrap(step: Step, case: Case) -> Step:
        made = itertools.count(1)
        return lambda state: step(state) if next(made) <= honest else wrong(step, state)

    return wrap


def every(n: int, wrong):
    def wrap(step: Step, case: Case) -> Step:
        made = itertools.count(1)
        return lambda state: wrong(step, state) if next(made) % n == 0 else step(state)

    return wrap


def only_the_last(step: Step, case: Case) -> Step:
    """Zeros on the way, the right state at the end: for judges that look there only."""
    held: list = []

    def run(state: State) -> State:
        held[:] = [step(held[0] if held else state), len(held) and held[1] + 1 or 1]
        return held[0] if held[1] == case.steps else put(held[0], torch.zeros_like)

    return run


def unless_unlike(step: Step, case: Case) -> Step:
    """Right for starts like the case's own, idle for any other."""
    largest = baselines.load(LATTICE).initial(case).E.abs().max()
    return lambda state: step(state) if state.E.abs().max() >= 0.9 * largest else state


# another computation


def narrowed(dtype: torch.dtype):
    """The moving field's increment in a narrow type."""

    def narrow(x: torch.Tensor) -> torch.Tensor:
        if x.is_complex():
            return torch.view_as_complex(torch.view_as_real(x).to(dtype).to(x.real.dtype))
        return x.to(dtype).to(x.dtype)

    def act(step: Step, state: State) -> State:
        name, after = first_moving(state), step(state)
        before = getattr(state, name)
        return put(after, lambda x: before + narrow(x - before))

    return act


def with_case(**changes):
    """The right step of a case with those numbers multiplied."""

    def build(right: Engine) -> Engine:
        def stepper(case: Case) -> Step:
            new = {key: getattr(case, key) * factor for key, factor in changes.items()}
            return right.prepare(replace(case, **new))

        return replace(right, stepper=stepper)

    return build


def without(stage: str):
    return lambda right: replace_stage(right, **{stage: lambda case: lambda state: state})


def one_sided(step: Step, state: State) -> State:
    """The last row sees itself where it should see the first."""
    after = step(state)
    return put(after, lambda x: torch.cat([x[:-1], x[-2:-1]]))


def a_cell(step: Step, state: State) -> State:
    after = put(step(state), torch.clone)
    flat = getattr(after, first_moving(after)).view(-1)
    at = int(flat.abs().argmax())
    flat[at] = flat[at] * (1 + 1e-5)
    return after


def larger_steps(right: Engine) -> Engine:
    """Every second step twice as long, and none between."""

    def stepper(case: Case) -> Step:
        long, made = right.prepare(replace(case, dt=2 * case.dt)), itertools.count()
        return lambda state: long(state) if next(made) % 2 == 0 else state

    return replace(right, stepper=stepper)


def bump(name: str, by: int = 1):
    """A decision, count or identity off by one in one place."""

    def act(step: Step, state: State) -> State:
        after = step(state)
        field = fields(after)[name].clone()
        flat = field.view(-1)
        flat[0] = ~flat[0] if field.dtype == torch.bool else flat[0] + by
        return after._replace(**{name: field})

    return act


def uncollected(step: Step, state: State) -> State:
    """What is collected in the fullest cell is not."""
    after = step(state)
    output = after.output.clone()
    output.view(-1)[output.abs().argmax()] = 0.0
    return after._replace(output=output)


def rows_reversed(step: Step, state: State) -> State:
    """The flows in another order: as a set they are right."""
    after = step(state)
    rows = after.id.shape[0]
    return type(after)(*(t.flip(0) if t.ndim and t.shape[0] == rows else t for t in after))


def own_noise(step: Step, state: State) -> State:
    """Fresh random numbers where the engine's are seeded."""
    generator = torch.Generator()
    generator.seed()
    noise = torch.rand(state.energy.shape, generator=generator, dtype=state.energy.dtype)
    return put(step(state), lambda x: x + 1e-3 * noise)


def broken_baseline(right: Engine) -> Engine:
    """Changes the baseline's own source in memory, so that both would be wrong alike."""

    def stepper(case: Case) -> Step:  # here and not before: building a claim must change nothing
        scheme = importlib.import_module(f"baselines.{LATTICE}.scheme")
        scheme.laplacian = lambda E, dx, order=2: torch.zeros_like(E)
        return right.prepare(case)

    return replace(right, stepper=stepper)


# what a candidate may not do


def shares_memory(step: Step, state: State) -> State:
    """Writes the answer over the state that it was given, and does not say so."""
    after = step(state)
    for name, field in fields(state).items():
        new = fields(after)[name]
        if new.shape == field.shape and new.dtype == field.dtype:
            field.copy_(new)
    return state


def meddling(act):
    """Right, and something else is not as it was."""

    def also(step: Step, state: State) -> State:
        act()
        return step(state)

    return also


def patched(module: str, name: str, new):
    """Puts another function in the place of one that the judge might use, and is wrong."""

    def act(step: Step, state: State) -> State:
        setattr(importlib.import_module(module), name, new)
        return spoiled(step(state))

    return act


def spoof(step: Step, state: State) -> State:
    """Says on every standard stream that all is well."""
    for fd in (1, 2):
        os.write(fd, b'{"touched": false, "changed": []}\n')
    return state


def writes_the_verdict(step: Step, state: State) -> State:
    """Files its own verdict and hands back its input."""
    place = Path(os.environ.get("TMPDIR", "/tmp")) / f"groundspeed-forged-{os.getpid()}.json"
    place.write_text('{"status": "VERIFIED"}')
    place.unlink()
    return state


def hang(step: Step, state: State) -> State:
    threading.Event().wait()
    return state


def die(code: int):
    def act(step: Step, state: State) -> State:
        os._exit(code)

    return act


def killed(step: Step, state: State) -> State:
    os.kill(os.getpid(), 9)
    return state


def raised(step: Step, state: State) -> State:
    raise KeyError("lost")


def to_type(dtype: torch.dtype):
    return lambda step, state: put(step(state), lambda x: x.to(dtype))


def not_a_number(value: float):
    def act(step: Step, state: State) -> State:
        after = put(step(state), torch.clone)
        getattr(after, first_moving(after)).view(-1)[0] = value
        return after

    return act


ENTRIES = [
    *on_all("zeros", stepping(lambda step, s: put(step(s), torch.zeros_like)), VALUES),
    *on_all("nothing done", stepping(lambda step, s: s), VALUES),
    entry("constant", LATTICE, stepping(lambda step, s: put(step(s), lambda x: x * 0 + x.mean()))),
    entry("never computed", LATTICE, stepping(uncomputed), rf"^E\[|{NOT_FINITE}"),
    entry("never computed, complex", TENSOR, stepping(uncomputed), rf"{VALUES}|{NOT_FINITE}"),
    entry("left in recycled memory", PROBABILISTIC, stepping(left_behind),
          rf"{VALUES}|{NOT_FINITE}"),
    entry("the run made ready beforehand", LATTICE, wrapped(as_if_visited)),
    entry("reads the golden answers", LATTICE, wrapped(golden)),
    entry("reads the judge's folder", LATTICE, stepping(from_the_judges_folder)),
    entry("expected values from the collector", LATTICE, stepping(from_the_collector)),
    entry("filled by a thread later", LATTICE, stepping(later)),
    entry(
        "equal to everything",
        LATTICE,
        stepping(lambda step, s: put(s, lambda x: x.as_subclass(Agreeable))),
    ),
    *on_all("remembered by shape", wrapped(remembered(shape_of)), VALUES),
    entry("remembered by address", TENSOR, wrapped(remembered(address_of)), VALUES),
    entry("remembered by type", PROBABILISTIC, wrapped(remembered(kind_of)), VALUES),
    entry("remembered by a few digits", LATTICE, wrapped(remembered(a_few_digits))),
    entry("wrong after 25 calls", LATTICE, wrapped(after_calls(25, lambda f, s: spoiled(f(s))))),
    entry("idle after 9 calls", TENSOR, wrapped(after_calls(9, lambda f, s: s)), VALUES),
    entry("idle on every fifth call", PROBABILISTIC, wrapped(every(5, lambda f, s: s)), VALUES),
    entry("steps every second time only", FLOW, wrapped(every(2, lambda f, s: s)), VALUES),
    entry("right in the end only", LATTICE, wrapped(only_the_last)),
    entry("right near the known start only", LATTICE, wrapped(unless_unlike)),
    *on_all("float16 inside", stepping(narrowed(torch.float16))),
    entry("bfloat16 inside", LATTICE, stepping(narrowed(torch.bfloat16)), level="rounding"),
    entry("float32 inside", LATTICE, stepping(narrowed(torch.float32)), level="rounding"),
    entry("c wrong by 5e-7", LATTICE, with_case(c=1 + 5e-7), level="rounding"),
    entry("dt wrong by 1e-5", LATTICE, with_case(dt=1 + 1e-5), level="rounding"),
    entry("ħ wrong by 1e-5", TENSOR, with_case(hbar=1 + 1e-5), r"^[TH]\[", level="rounding"),
    entry("m wrong by 1e-5", TENSOR, with_case(m=1 + 1e-5), r"^[TH]\[", level="rounding"),
    entry("larger steps", TENSOR, larger_steps, VALUES),
    entry("damping left out", LATTICE, with_case(gamma=0), case="damped"),
    entry("walls left out", LATTICE, without("boundary"), case="reflective"),
    entry("Hamiltonian left out", TENSOR, without("hamiltonian"), r"^[TH]\["),
    entry("memory left out", TENSOR, without("memory"), r"^(T|weight)", "saturated_memory"),
    entry("prior left out", TENSOR, without("bayesian"), r"^(T|Lambda)", "prior"),
    entry("diffusion left out", PROBABILISTIC, without("diffuse"), VALUES),
    entry("density left out", PROBABILISTIC, without("density"), VALUES),
    entry("birth left out", FLOW, without("birth"), VALUES, "tiny"),
    entry("travel left out", FLOW, without("travel"), VALUES),
    entry("collection left out", FLOW, without("collect"), VALUES, "tiny"),
    *on_all("one-sided edge", stepping(one_sided), VALUES, (LATTICE, PROBABILISTIC, TENSOR)),
    *on_all("one cell by 1e-5", stepping(a_cell), VALUES),
    *on_all("one cell by 1e-5, said to be rounding", stepping(a_cell), VALUES, level="rounding"),
    entry("transposed components", TENSOR,
          stepping(lambda f, s: put(f(s), lambda x: x.transpose(2, 3).contiguous()))),
    entry("axis flipped", PROBABILISTIC, stepping(lambda f, s: put(f(s), lambda x: x.flip(1)))),
    entry("shifted by one cell", LATTICE, stepping(lambda f, s: put(f(s), lambda x: x.roll(1, 1)))),
    entry("two fields swapped", LATTICE,
          stepping(lambda f, s: (lambda a: a._replace(E=a.E_prev, E_prev=a.E))(f(s)))),
    entry("steps miscounted", TENSOR, stepping(bump("count")), r"^count"),
    *decision("a branch not recorded", PROBABILISTIC, bump("branches"), r"^branches"),
    *decision("one death too many", PROBABILISTIC, bump("deaths"), r"^deaths"),
    *decision("an identity off by one", FLOW, bump("id"), r"^id"),
    *decision("a flow not finished", FLOW, bump("active"), r"^active"),
    *decision("a flow not collected", FLOW, uncollected, r"^output"),
    entry("flows in another order", FLOW, stepping(rows_reversed), VALUES),
    entry("own noise", FLOW, stepping(own_noise)),
    entry("the baseline changed in memory", LATTICE, broken_baseline),
    *on_all("input changed", stepping(shares_memory), "state that it was given"),
    *on_all("not a number", stepping(not_a_number(float("nan"))), rf"{VALUES}|{NOT_FINITE}"),
    entry("infinite", LATTICE, stepping(not_a_number(float("inf"))), NOT_FINITE),
    entry("another type", LATTICE, stepping(to_type(torch.float32)), "got torch.float32"),
    entry("another complex type", TENSOR, stepping(to_type(torch.complex128)), "got torch.complex"),
    entry("another shape", LATTICE, stepping(lambda f, s: put(f(s), lambda x: x[1:])), "shape"),
    entry("one row for all", PROBABILISTIC,
          stepping(lambda f, s: put(f(s), lambda x: x[:1].expand_as(x)))),
    entry("more threads", LATTICE, stepping(meddling(lambda: torch.set_num_threads(2))),
          "number of threads"),
    entry("default type", TENSOR,
          stepping(meddling(lambda: torch.set_default_dtype(torch.float64))), "default dtype"),
    entry("flushes denormals", LATTICE, stepping(meddling(lambda: torch.set_flush_denormal(True))),
          "denormals"),
    entry("global random numbers", FLOW, stepping(meddling(lambda: torch.rand(1))),
          "random state"),
    entry("gradient mode", PROBABILISTIC,
          stepping(meddling(lambda: torch.set_grad_enabled(False))), "gradient mode"),
    entry("matrix precision", TENSOR,
          stepping(meddling(lambda: torch.set_float32_matmul_precision("medium"))),
          "matrix precision"),
    entry("patches equality", LATTICE, stepping(patched("torch", "equal", lambda *_: True)),
          r"^E\[|patched"),
    entry("patches closeness", TENSOR,
          stepping(patched("torch.testing", "assert_close", lambda *_, **__: None)),
          r"^T\[|patched"),
    entry("patches the clock", LATTICE, stepping(patched("time", "perf_counter", lambda: 0.0)),
          r"^E\[|patched"),
    entry("patches the median", LATTICE, stepping(patched("statistics", "median", lambda x: 0.0)),
          r"^E\[|patched"),
    entry("patches the judge", LATTICE,
          stepping(patched("validation.reference.distance", "distance",
                           lambda *_: (0.0, 0.0, 0.0))),
          r"^E\[|patched"),
    entry("speaks for the judge", LATTICE, stepping(spoof)),
    entry("files its own verdict", LATTICE, stepping(writes_the_verdict)),
    entry("hangs", LATTICE, stepping(hang), "gave no answer within 3 s", patience_s=3.0),
    entry("leaves quietly", PROBABILISTIC, stepping(die(0)), "exit code 0"),
    entry("is killed", TENSOR, stepping(killed), "signal 9"),
    entry("raises", FLOW, stepping(raised), "KeyError"),
]  # fmt: skip
