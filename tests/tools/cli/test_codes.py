"""Every refusal has a code: declared once, documented, met somewhere, and in what programs read."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import failure, reference
from groundspeed.tools.selftest import judged_controls
from groundspeed.tools.timing import sanity
from groundspeed.validation import corpus
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.conclusions import conclude
from groundspeed.validation.judge.findings import CaseResult, Mutation, VariantsResult
from groundspeed.validation.judge.verdicts import CaseSummary, Closest, Status, Summary
from groundspeed.validation.records.codes import Code, Coded, with_code
from groundspeed.validation.records.errors import BrokenRecord, NotMeasured, Refused, UnknownName
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.messages import CandidateFailed, Raised, Unfinished

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "validation" / "records" / "codes.py"
SOURCES = [p for layer in ("validation", "tools") for p in (ROOT / layer).rglob("*.py")]
LITERAL = re.compile(r"E(-[A-Z]+)+")


def test_the_page_is_made_of_the_table():
    """To write it again: python -m groundspeed.tools.cli.reference."""
    assert reference.CODES.read_text() == reference.codes_page()


def test_each_code_is_explained_in_a_sentence():
    for code in Code:
        assert LITERAL.fullmatch(code)
        assert code.meaning.endswith(".")
        assert code.mend.endswith((".", "NAME."))
        assert "|" not in code.meaning + code.mend  # of a table
    assert len({code.meaning for code in Code}) == len(Code)


def used() -> set[str]:
    """Codes that the source gives to something, as `Code.NAME` or by their text."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())) if path != TABLE else ():
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Code":
                found.add(getattr(Code, node.attr).value)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if LITERAL.fullmatch(node.value) else set()
    return found


def test_every_code_is_given_to_something_and_no_other_is():
    by_status = {*verdicts.UNDECIDED.values()}
    assert used() | by_status == {code.value for code in Code}


# entries of the corpus, and the code that each must get
CONTROLS = {
    "input changed: lattice_field_v1": Code.ALIAS,
    "infinite": Code.NONFINITE,
    "another type": Code.DTYPE,
    "another shape": Code.SHAPE,
    "shifted by one cell": Code.BITS,
    "c wrong by 5e-7": Code.VALUE,
    "an identity off by one": Code.DECISION,
    "hangs": Code.SILENT,
    "leaves quietly": Code.ENDED,
    "raises": Code.RAISED,
    "patches a method of the harness": Code.GLOBAL,
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_rejected_with_the_code_of_its_fault(name):
    said = judged_controls.judged("must_reject", corpus.entries("must_reject")[name])
    assert said.code is CONTROLS[name], said


@pytest.mark.parametrize("where", ["input variants", "frozen variants"])
def test_a_failure_on_other_inputs_keeps_its_code(where):
    broken = CaseResult(broken=["E[0]: …"], codes=[Code.SHAPE])
    claim = SimpleNamespace(engine=SimpleNamespace(needs=()))
    found = {"case": broken if where == "input variants" else CaseResult(checks=1)}
    other = VariantsResult(broken="v1: E[0]: …", code=Code.SHAPE)
    status, reason = conclude(claim, found, None, other)
    assert (status, reason.code) == (Status.REJECTED, Code.SHAPE)


def score(**lists: list[str]) -> Mutation:
    return Mutation(killed={}, **{"survived": [], "within_budget": [], "no_mutant": []} | lists)


@pytest.mark.parametrize(
    ("found", "mutation", "code"),
    [
        ({}, None, Code.UNCOVERED),
        ({"a": CaseResult(unfinished="was at work")}, None, Code.UNFINISHED),
        ({"a": CaseResult(checks=1)}, score(survived=["half"]), Code.MUTANTS),
        ({"a": CaseResult(checks=1)}, score(), Code.BLIND),
    ],
)
def test_what_cannot_be_judged_says_why_by_its_code(found, mutation, code):
    claim = SimpleNamespace(engine=SimpleNamespace(needs=()))
    status, reason = conclude(claim, found, mutation)
    assert (status, reason.code) == (Status.INCONCLUSIVE, code)


def kept(level: str = "rounding", **more) -> Summary:
    """A rejected verdict as judges filed it before reasons had codes."""
    about = {"optimization": "x", "engine": "e", "because": "", "expected": "verified"}
    about |= {"status": "REJECTED", "reason": "words that nobody reads", "protocol": 1}
    return Summary(**about, level=level, coverage=Coverage.EVERYDAY, **more)


def off(share: float) -> dict[str, CaseSummary]:
    closest = Closest(field="E", check="step 1", share=share, largest=1.0, allowed=0.5)
    return {"case": CaseSummary(checks=1, broken="…", closest=closest)}


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (kept(cases=off(2.0)), Code.VALUE),
        (kept("exact", cases=off(2.0)), Code.BITS),
        (kept("approximate", cases=off(2.0)), Code.BUDGET),
        (kept(cases=off(0.5), laws={"energy": (2.0, 1.0)}), Code.LAW),
        (kept(cases=off(0.5)), Code.REJECTED),
        (kept(cases=off(2.0), refusal="E-ALIAS"), Code.ALIAS),
    ],
)
def test_an_older_verdict_gets_the_code_of_its_findings(found, code):
    assert verdicts.refusal_code(found.status, found) == code
    assert verdicts.refusal_code(Status.STALE, found) == Code.STALE
    assert verdicts.refusal_code(Status.VERIFIED, found) == ""


def test_a_code_on_file_makes_no_older_record_another():
    """Without a code nothing is written, so records from before read and write as they did."""
    before = kept(cases=off(2.0))
    assert {"refusal", "code"}.isdisjoint(before.model_dump(exclude_defaults=True))
    assert "code" not in before.cases["case"].model_dump(exclude_defaults=True)


def test_an_error_hands_its_code_on():
    assert CandidateFailed("x").code == "E-FAILED"
    assert (Unfinished("x").code, Raised("x").code) == (Code.UNFINISHED, Code.RAISED)
    assert NotMeasured(Coded("x", Code.SPEED)).code == Code.SPEED
    assert NotMeasured(BrokenRecord("x")).code == Code.RECORD
    assert str(NotMeasured(Coded("x", Code.SPEED))) == "x"


@pytest.mark.parametrize(
    ("error", "code", "number"),
    [
        (UnknownName.of("case", "x", ["y"]), Code.NAME, 2),
        (LookupError("no such file: x"), Code.ABSENT, 2),
        (ValueError("x"), Code.ARGUMENT, 1),
        (PermissionError("x"), Code.FILE, 1),
        (Refused("x"), Code.REFUSED, 1),
        (Refused("x", Code.ROOM), Code.ROOM, 1),
        (SyntaxError("x", ("a.py", 3, 1, "")), Code.SYNTAX, 1),
    ],
)
def test_every_failure_ends_with_its_code(error, code, number, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["groundspeed", "list", "--json"])
    assert failure.failure(error) == number
    said = capsys.readouterr()
    assert said.err.endswith(f" [{code}]\n")
    assert len(said.err.splitlines()) == 1
    told = json.loads(said.out)["error"]
    assert (told["code"], told["exit"]) == (code, number)
    assert said.err == f"groundspeed: {with_code(told['message'], code)}\n"


def test_a_mistake_of_ours_has_none():
    with pytest.raises(KeyError):
        failure.failure(KeyError("x"))


def test_the_clock_says_why_it_refuses_by_a_code():
    row = {"stream_bytes": 1e9, "least_bytes": 1e9, "moved": 1.0, "stride": 1, "written": 0}
    rounds = [{"stream": [1.0, 1.0], "candidate": [0.01, 0.01], "baseline": [1.0, 1.0]}]
    assert sanity.impossible_speed("x", "c", [row | {"rounds": rounds}]).code is Code.SPEED
    changed = {"case": "c", "changed": ["torch.float_power"]}
    verdict = SimpleNamespace(optimization="x")
    assert sanity.wrong_answers(verdict, changed, None).code is Code.GLOBAL


def test_bench_shows_the_code_in_brackets_and_in_json(scratch):
    done = scratch.run("bench", "lattice_field_null")
    assert done.stdout.rstrip().endswith("[E-UNJUDGED]")
    told = json.loads(scratch.run("bench", "lattice_field_null", "--json").stdout)
    assert told["refused"]["lattice_field_null"]["code"] == "E-UNJUDGED"
