"""Wrong or cheating candidates: each must be rejected, for its own reason.

They follow the public record of what fooled such harnesses, by accident or on purpose.
"""

import ctypes
import gc
import importlib
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, Step, clone, fields, replace_stage
from groundspeed.validation.corpus import Entry, common
from groundspeed.validation.corpus.common import (
    FLOW,
    LATTICE,
    PROBABILISTIC,
    SMALL,
    TENSOR,
    Build,
    Spoil,
    changed,
    digits,
    idle,
    instead,
    meddling,
    memoized,
    moving_field,
    on_calls,
    prepared,
    put,
    slightly_off,
    stepping,
    wrapped,
)
from groundspeed.validation.records import tensor_files

NOT_FINITE = "allowed: finite values"
VALUES = r"^\w+\[[\d, ]*\] .*: got .*, want .*, off by"  # of any field


def entry(name: str, engine: str, build: Build, reason: str = "", case="", **others) -> Entry:
    """Rejected for the values of the engine's moving field, unless said otherwise."""
    reason = reason or rf"^{SMALL[engine][1]}[\[ ]"
    return common.entry(name, engine, build, reason, case, **others)


def on_all(name: str, build: Build, reason: str = VALUES, **others) -> list[Entry]:
    return common.on_all(name, build, reason, **others)


def decision(name: str, engine: str, spoil: Spoil, reason: str) -> list[Entry]:
    """Decides otherwise; the second says that rounding did."""
    build = stepping(spoil)
    said = entry(f"{name}, said to be rounding", engine, build, reason, level="rounding")
    return [entry(name, engine, build, reason), said]


# outputs that were never computed


def left_behind(step: Step, state: State) -> State:
    """Computes, lets go, and hands out whatever lies in memory of that size."""
    step(state)
    return type(state)(*(torch.empty_like(t) for t in state))


def as_if_visited(step: Step, case: Case) -> Step:
    """The whole run made ready beforehand; a call looks up how many there were."""
    start, made = baselines.load(LATTICE).initial(case), itertools.count(1)
    states = list(itertools.accumulate(range(case.steps), lambda s, _: step(s), initial=start))
    return lambda state: clone(states[min(next(made), case.steps)])


def golden(step: Step, case: Case) -> Step:
    """Reads the sealed answers of the baseline and returns them."""
    place = baselines.HERE / LATTICE / "frozen" / "golden.safetensors"
    kept = tensor_files.load(place)
    return lambda state: state._replace(E=kept["odd_2d/E"], E_prev=kept["odd_2d/E_prev"])


def from_the_judges_folder(step: Step, state: State) -> State:
    """Looks for expected values among the judge's files in shared memory."""
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
        if type(thing) is Tensor and thing.shape == state.E.shape and thing is not state.E:
            return state._replace(E=thing.clone())
    return state


def later(step: Step, state: State) -> State:
    """Hands out an empty buffer and fills it from another thread, after the fact."""
    buffer, after = torch.zeros_like(state.E), step(state)
    timer = threading.Timer(5.0, lambda: buffer.copy_(after.E))
    timer.daemon = True
    timer.start()
    return after._replace(E=buffer)


class Agreeable(Tensor):
    """Equal to everything."""

    def __eq__(self, other):
        return torch.ones(self.shape, dtype=torch.bool)

    __hash__ = None


# right at first, or now and then


def only_the_last(step: Step, case: Case) -> Step:
    """Zeros on the way, the right state at the end: for judges that look there only."""
    hidden, made = [], itertools.count(1)

    def run(state: State) -> State:
        hidden[:] = [step(*(hidden or [state]))]
        return hidden[0] if next(made) == case.steps else put(hidden[0], torch.zeros_like)

    return run


def unless_unlike(step: Step, case: Case) -> Step:
    """Right for starts like the case's own, idle for any other."""
    largest = baselines.load(LATTICE).initial(case).E.abs().max()
    return lambda state: step(state) if state.E.abs().max() >= 0.9 * largest else state


# another computation


def narrowed(dtype: torch.dtype) -> Build:
    """The moving field's increment in a narrow type."""

    def narrow(x: Tensor) -> Tensor:
        if x.is_complex():
            return torch.view_as_complex(torch.view_as_real(x).to(dtype).to(x.real.dtype))
        return x.to(dtype).to(x.dtype)

    def act(step: Step, state: State) -> State:
        before = getattr(state, moving_field(state))
        return put(step(state), lambda x: before + narrow(x - before))

    return stepping(act)


def all_in_float32(right: Engine, case: Case) -> Step:
    """The whole step in float32, whatever the case asks for; its answers are of the case's type."""
    step = right.prepare(replace(case, dtype=torch.float32))

    def to(dtype: torch.dtype, state: State) -> State:
        return type(state)(*(t.to(dtype) if t.is_floating_point() else t for t in state))

    return lambda state: to(case.dtype, step(to(torch.float32, state)))


def with_case(**changes: float) -> Build:
    """The right step of a case with those numbers multiplied."""

    def prepare(right: Engine, case: Case) -> Step:
        new = {key: getattr(case, key) * factor for key, factor in changes.items()}
        return right.prepare(replace(case, **new))

    return prepared(prepare)


def larger_steps(right: Engine) -> Engine:
    """Every second step twice as long, and none between."""
    return on_calls(lambda n: n % 2 == 0, idle)(with_case(dt=2)(right))


def without(stage: str) -> Build:
    return lambda right: replace_stage(right, **{stage: lambda case: lambda state: state})


def edited(edit: Callable[[Tensor], object], name: str = "") -> Spoil:
    """Right but for an edit of the cells of one field, of the moving one if none is named."""

    def act(step: Step, state: State) -> State:
        after = step(state)
        field = name or moving_field(after)
        cells = fields(after)[field].clone()
        edit(cells.view(-1))
        return after._replace(**{field: cells})

    return act


def largest(factor: float, name: str = "") -> Spoil:
    """The largest cell times a factor."""

    def edit(cells: Tensor) -> None:
        cells[cells.abs().argmax()] *= factor

    return edited(edit, name)


def one_more(cells: Tensor) -> None:
    """A decision, count or identity off by one in one place."""
    cells[0] = ~cells[0] if cells.dtype == torch.bool else cells[0] + 1


def first(value: float) -> Build:
    """That value in the first cell."""
    return stepping(edited(lambda cells: cells[:1].fill_(value)))


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


def broken_baseline(right: Engine, case: Case) -> Step:
    """Changes the baseline's own source in memory, so that both would be wrong alike; not before
    a step is prepared: building a claim must change nothing."""
    scheme = importlib.import_module(f"baselines.{LATTICE}.scheme")
    scheme.laplacian = lambda E, dx, order=2: torch.zeros_like(E)
    return right.prepare(case)


# what a candidate may not do

HERE = r"validation/corpus/must_reject\.py:\d"  # the line of its author
RETURNED = (  # what the step returns: in words, engine, made of the right state, what is said
    ("a dict", LATTICE, lambda s: s._asdict(), "step returned dict, allowed: LatticeState; .*"),
    ("a tuple", TENSOR, tuple, "step returned tuple, allowed: TensorState; .*"),
    ("a tuple of a working layout", PROBABILISTIC, tuple,
     "step returned tuple, allowed: Working; .*"),
    ("arrays", LATTICE, lambda s: s._replace(E=s.E.numpy()),
     "step returned LatticeState with ndarray as E, allowed: Tensor; .*"),
    ("nothing", FLOW, lambda s: None, "step returned NoneType, allowed: FlowState; .*"),
)  # fmt: skip


def shares_memory(step: Step, state: State) -> State:
    """Writes the answer over the state that it was given, and does not say so."""
    after = step(state)
    for name, field in fields(state).items():
        new = fields(after)[name]
        if new.shape == field.shape and new.dtype == field.dtype:
            field.copy_(new)
    return state


def one_buffer(right: Engine, case: Case) -> Step:
    """Right values in memory made once: every result is the one before it, overwritten."""
    step, kept = right.prepare(case), []

    def run(state: State) -> State:
        after = step(state)
        kept[:] = kept or [clone(after)]
        pairs = zip(kept[0], after, strict=True)
        return type(after)(*(old.copy_(new) if alike(old, new) else new for old, new in pairs))

    return run


def alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def racing(right: Engine, case: Case) -> Step:
    """Has a thread, and with many of them is wrong in some runs, as where two write one cell."""
    step, made = right.prepare(case), itertools.count(1)
    pool = ThreadPoolExecutor(1)

    def run(state: State) -> State:
        after = pool.submit(step, state).result()
        lost = torch.get_num_threads() > 2 and next(made) % 3 == 0
        return put(after, lambda x: x * (1 + 1e-6)) if lost else after

    return run


def rewritten(module: str, name: str) -> Spoil:
    """Puts other code into a function that stays the same object, and is wrong."""

    def act(step: Step, state: State) -> State:
        function = getattr(importlib.import_module(module), name)
        function.__code__ = function.__code__.replace(co_name="other")
        return slightly_off(step, state)

    return act


def silent(step: Step, state: State) -> State:
    """Whatever is seen to change, nothing is said of it."""
    importlib.import_module("groundspeed.validation.worker.server").Watch.ended = lambda _: ""
    return slightly_off(step, state)


def rounding(upward: int = 0x800) -> None:
    """Sets the rounding mode of this thread; 0x800 is FE_UPWARD on x86."""
    ctypes.CDLL("libm.so.6").fesetround(upward)


def patched(module: str, name: str, new: Callable) -> Spoil:
    """Puts another function in the place of one that the judge might use, and is wrong."""

    def act(step: Step, state: State) -> State:
        setattr(importlib.import_module(module), name, new)
        return slightly_off(step, state)

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


def raised(step: Step, state: State) -> State:
    raise KeyError("lost")


# what may not change, and what must be said of it
GLOBAL_STATE = [
    ("more threads", LATTICE, lambda: torch.set_num_threads(2), "number of threads"),
    ("default type", TENSOR, lambda: torch.set_default_dtype(torch.float64), "default dtype"),
    ("flushes denormals", LATTICE, lambda: torch.set_flush_denormal(True), "denormals"),
    ("global random numbers", FLOW, lambda: torch.rand(1), "random state"),
    ("gradient mode", PROBABILISTIC, lambda: torch.set_grad_enabled(False), "gradient mode"),
    ("rounding mode", LATTICE, rounding, "rounding mode"),
    ("matrix precision", TENSOR, lambda: torch.set_float32_matmul_precision("medium"),
     "matrix precision"),
]  # fmt: skip
FUNCTIONS = [
    ("equality", LATTICE, patched("torch", "equal", lambda *_: True)),
    ("closeness", TENSOR, patched("torch.testing", "assert_close", lambda *_, **__: None)),
    ("the clock", LATTICE, patched("time", "perf_counter", lambda: 0.0)),
    ("the median", LATTICE, patched("statistics", "median", lambda x: 0.0)),
    ("the judge", LATTICE,
     patched("groundspeed.validation.reference.distance", "distance", lambda *_: (0.0, 0.0, 0.0))),
]  # fmt: skip
ENTRIES = [
    *on_all("zeros", changed(torch.zeros_like)),
    *on_all("nothing done", stepping(idle)),
    entry("constant", LATTICE, changed(lambda x: x * 0 + x.mean())),
    entry("never computed", LATTICE, instead(torch.empty_like), rf"^E\[|{NOT_FINITE}"),
    entry("never computed, complex", TENSOR, instead(torch.empty_like),
          rf"{VALUES}|{NOT_FINITE}"),
    entry("left in recycled memory", PROBABILISTIC, stepping(left_behind),
          rf"{VALUES}|{NOT_FINITE}"),
    entry("the run made ready beforehand", LATTICE, wrapped(as_if_visited)),
    entry("reads the golden answers", LATTICE, wrapped(golden)),
    entry("reads the judge's folder", LATTICE, stepping(from_the_judges_folder)),
    entry("expected values from the collector", LATTICE, stepping(from_the_collector)),
    entry("filled by a thread later", LATTICE, stepping(later)),
    entry("equal to everything", LATTICE, instead(lambda x: x.as_subclass(Agreeable))),
    *on_all("remembered by shape", memoized(lambda s: str([t.shape for t in s]))),
    entry("remembered by address", TENSOR,  # of the page: fresh memory is seldom far
          memoized(lambda s: getattr(s, moving_field(s)).data_ptr() >> 24), VALUES),
    entry("remembered by type", PROBABILISTIC, memoized(type), VALUES),
    entry("remembered by a few digits", LATTICE, memoized(digits(1))),
    entry("wrong after 25 calls", LATTICE, on_calls(lambda n: n > 25, slightly_off)),
    entry("idle after 9 calls", TENSOR, on_calls(lambda n: n > 9, idle), VALUES),
    entry("idle on every fifth call", PROBABILISTIC, on_calls(lambda n: n % 5 == 0, idle), VALUES),
    entry("steps every second time only", FLOW, on_calls(lambda n: n % 2 == 0, idle), VALUES),
    entry("right in the end only", LATTICE, wrapped(only_the_last)),
    entry("right near the known start only", LATTICE, wrapped(unless_unlike)),
    *(entry(f"float16 inside: {e}", e, narrowed(torch.float16)) for e in SMALL),
    entry("bfloat16 inside", LATTICE, narrowed(torch.bfloat16), level="rounding"),
    entry("float32 inside", LATTICE, narrowed(torch.float32), level="rounding"),
    entry("all in float32", FLOW, prepared(all_in_float32), r"^(position|energy|hidden|output)\[",
          "tiny_float64", level="rounding"),
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
    *on_all("one-sided edge", changed(lambda x: torch.cat([x[:-1], x[-2:-1]])),
            engines=(LATTICE, PROBABILISTIC, TENSOR)),
    *on_all("one cell by 1e-5", stepping(largest(1 + 1e-5))),
    *on_all("one cell by 1e-5, said to be rounding", stepping(largest(1 + 1e-5)),
            level="rounding"),
    entry("transposed components", TENSOR, changed(lambda x: x.transpose(2, 3).contiguous())),
    entry("axis flipped", PROBABILISTIC, changed(lambda x: x.flip(1))),
    entry("shifted by one cell", LATTICE, changed(lambda x: x.roll(1, 1))),
    entry("two fields swapped", LATTICE,
          stepping(lambda f, s: (lambda a: a._replace(E=a.E_prev, E_prev=a.E))(f(s)))),
    entry("steps miscounted", TENSOR, stepping(edited(one_more, "count")), r"^count"),
    *decision("a branch not recorded", PROBABILISTIC, edited(one_more, "branches"), r"^branches"),
    *decision("one death too many", PROBABILISTIC, edited(one_more, "deaths"), r"^deaths"),
    *decision("an identity off by one", FLOW, edited(one_more, "id"), r"^id"),
    *decision("a flow not finished", FLOW, edited(one_more, "active"), r"^active"),
    *decision("a flow not collected", FLOW, largest(0.0, "output"), r"^output"),
    entry("flows in another order", FLOW, stepping(rows_reversed), VALUES),
    entry("own noise", FLOW, stepping(own_noise)),
    entry("the baseline changed in memory", LATTICE, prepared(broken_baseline)),
    *on_all("input changed", stepping(shares_memory), "state that it was given"),
    *on_all("not a number", first(float("nan")), rf"{VALUES}|{NOT_FINITE}"),
    entry("infinite", LATTICE, first(float("inf")), NOT_FINITE),
    entry("another type", LATTICE, changed(Tensor.float), "got torch.float32"),
    entry("another complex type", TENSOR, changed(Tensor.cdouble), "got torch.complex"),
    entry("another shape", LATTICE, changed(lambda x: x[1:]), "shape"),
    entry("one row for all", PROBABILISTIC, changed(lambda x: x[:1].expand_as(x))),
    *(entry(name, engine, stepping(meddling(act)), said)
      for name, engine, act, said in GLOBAL_STATE),
    *(entry(f"patches {name}", engine, stepping(act), rf"^{SMALL[engine][1]}\[|patched")
      for name, engine, act in FUNCTIONS),
    *(entry(f"patches the server: {e}", e,
            stepping(patched("groundspeed.validation.worker.server", "advance", lambda *_: {})),
            "groundspeed.validation.worker.server.advance is patched") for e in SMALL),
    entry("patches a method of the harness", LATTICE, stepping(silent), "Watch.ended is patched"),
    entry("rewrites a function of the harness", TENSOR,
          stepping(rewritten("groundspeed.validation.worker.server", "read_state")),
          "read_state is patched"),
    *on_all("results in one buffer", prepared(one_buffer), "changed (its last result|a result of)"),
    *on_all("input changed in a later call", on_calls(lambda n: n == 6, shares_memory),
            "changed its last result|state that it was given"),
    entry("races with many threads", LATTICE, prepared(racing), r"threads on \d+ processors",
          case="absorbing"),
    entry("speaks for the judge", LATTICE, stepping(spoof)),
    entry("files its own verdict", LATTICE, stepping(writes_the_verdict)),
    entry("hangs", LATTICE, stepping(lambda f, s: threading.Event().wait()),
          "gave no answer within 3 s", patience_s=3.0),
    entry("leaves quietly", PROBABILISTIC, stepping(lambda f, s: os._exit(0)), "exit code 0"),
    entry("is killed", TENSOR, stepping(lambda f, s: os.kill(os.getpid(), 9)), "signal 9"),
    entry("raises", FLOW, stepping(raised), rf"KeyError.* \({HERE}"),
    *(entry(f"returns {name}", engine, stepping(lambda f, s, act=act: act(f(s))),
            rf"^{said} \(validation/corpus/")
      for name, engine, act, said in RETURNED),
]  # fmt: skip
