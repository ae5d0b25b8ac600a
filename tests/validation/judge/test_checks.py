"""What the judge hears beside and before the rest, and that nobody waits for it in vain."""

import subprocess
import sys
from threading import Event
from types import SimpleNamespace

import pytest

from groundspeed import baselines
from groundspeed.tools.cli.validate import next_step, undecided
from groundspeed.validation import discovery
from groundspeed.validation.inputs.variants import informative_cases
from groundspeed.validation.judge.checks import run_in_new_process
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.judge.mutation_score import Recorded
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.messages import CandidateFailed

FAULTS = """
import resource, sys, torch
from groundspeed.validation.worker import allocator
if sys.argv[1] == "kept":
    allocator.keep_freed()
field = torch.zeros(1 << 22, dtype=torch.float64)
def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        field + 1.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(5)
print(faults(20))
"""


class Endless:
    """A candidate whose second process never answers; its first is never asked."""

    def __init__(self):
        self.killed = Event()
        self.stop = self.killed.set

    def another(self, threads):
        self.threads = threads
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def after(self, case, start, at):
        assert self.killed.wait(60), "nobody ended it"
        raise CandidateFailed("killed")


def bench_of(claim, name):
    base = baselines.load(claim.engine.name)
    reference = SimpleNamespace(start=base.initial(base.cases[name]))
    data = SimpleNamespace(
        base=base, name=name, case=base.cases[name], full=True, reference=reference
    )
    return SimpleNamespace(data=data, informative=lambda claim: informative_cases(base, claim))


def test_a_refused_candidate_is_not_waited_for_in_its_second_process():
    claim = discovery.claim("lattice_field_null")
    last = informative_cases(baselines.load("lattice_field_v1"), claim)[-1]
    candidate = Endless()
    with run_in_new_process(bench_of(claim, last), claim, candidate):
        assert not candidate.killed.is_set()
    assert candidate.killed.is_set()
    assert candidate.threads == 2


def test_what_a_second_process_does_not_answer_is_a_refusal():
    claim = discovery.claim("lattice_field_null")
    last = informative_cases(baselines.load("lattice_field_v1"), claim)[-1]
    bench, candidate = bench_of(claim, last), Endless()
    ours = SimpleNamespace(
        after=lambda name, start, at: {n: bench.data.reference.start for n in at}
    )
    candidate.killed.set()
    with run_in_new_process(bench, claim, candidate) as hold, pytest.raises(CandidateFailed):
        hold(bench, claim, ours, CaseResult())


def test_other_cases_start_no_second_process():
    claim = discovery.claim("lattice_field_null")
    first = informative_cases(baselines.load("lattice_field_v1"), claim)[0]
    with run_in_new_process(bench_of(claim, first), claim, None) as hold:
        assert hold(None, claim, None, CaseResult()) is None


@pytest.mark.parametrize("name", ["probabilistic_field_compiled", "energy_flow_jax"])
def test_a_first_look_takes_all_small_cases_of_what_compiles_too(name):
    claim = discovery.claim(name)
    small = claim.covered(Coverage.SMALL)
    assert len(small) > 1
    assert set(small) == {n for n, case in claim.covered().items() if case.stored}


def test_only_what_hides_in_the_input_asks_whether_the_input_changed():
    asked = []
    candidate = SimpleNamespace(after=lambda *_, guard, mutant: asked.append((mutant, guard)) or {})
    for name in ("", "zeros", "input changed"):
        Recorded(candidate, name).after("case", None, [1], guard=True)
    assert asked == [("", False), ("zeros", False), ("input changed", True)]


def test_compilers_are_got_ready_for_those_whose_text_calls_them():
    words = ("numba", "torch.compile(")
    assert discovery.mentioned(["lattice_field_null"], words) == set()
    assert discovery.mentioned(["lattice_field_null", "lattice_field_compiled"], words) >= {
        words[1]
    }
    assert words[0] in discovery.mentioned(["lattice_field_numba"], words)


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is the GNU C library's")
def test_the_judge_takes_freed_memory_again_instead_of_clearing_new_pages():
    assert page_faults("kept") < page_faults("given back") / 4


@pytest.mark.parametrize(
    ("coverage", "status", "expected", "open_"),
    [
        (Coverage.SMALL, Status.VERIFIED, "rejected", True),
        (Coverage.EVERYDAY, Status.VERIFIED, "rejected", False),
        (Coverage.SMALL, Status.REJECTED, "rejected", False),
        (Coverage.SMALL, Status.VERIFIED, "verified", False),
        (Coverage.SMALL, Status.REJECTED, "verified", False),
    ],
)
def test_a_first_look_need_not_show_a_refusal_that_larger_cases_show(
    coverage, status, expected, open_
):
    verdict = SimpleNamespace(coverage=coverage, status=status, expected=expected)
    assert undecided(verdict) == open_
    assert ("without --small" in next_step(verdict)) == open_
