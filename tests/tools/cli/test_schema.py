"""What verbs print with --json is what their published schemas say, and these only grow."""

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from groundspeed.tools import console
from groundspeed.tools.cli import reference, schema
from groundspeed.tools.experiments.compare_commits import ComparedCase
from groundspeed.tools.experiments.error_rates import ErrorRates
from groundspeed.tools.experiments.scaling import Scaling, ScalingRow
from groundspeed.tools.experiments.sweep import Map
from groundspeed.tools.records import answers as own
from groundspeed.tools.records.answers import Benched, Claim, Recheck, RefusedNumber
from groundspeed.tools.records.conditions import timing_conditions
from groundspeed.tools.records.measurement import Measurement
from groundspeed.tools.roofline.model import Ceilings
from groundspeed.tools.selftest.selftest_record import SelfTest
from groundspeed.tools.timing.intervals import Interval
from groundspeed.validation.records import results
from groundspeed.validation.records.errors import Refused

PLANTED = """
def spoiled(case):
    step = right.prepare(case)
    return lambda state: step(state)._replace(E=state.E)
engine = dataclasses.replace(right, stepper=spoiled)
"""
PROGRAM = """
import numpy as np
u = np.linspace(0, 1, 100)
for n in range(400):
    u = u + 0.1 * (np.roll(u, 1) - u)
"""


def closed(value):
    """The schema without room for fields that it does not name: what is printed is published."""
    if isinstance(value, list):
        return [closed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {key: closed(inner) for key, inner in value.items()}
    if isinstance(value.get("properties"), dict) and value.get("type") == "object":
        found["additionalProperties"] = False
    return found


def check(name: str, answer: object) -> None:
    """Hold an answer to the committed schema."""
    published = json.loads((schema.FOLDER / f"{schema.slug(name)}.json").read_text())
    Draft202012Validator.check_schema(published)
    faults = [*Draft202012Validator(closed(published)).iter_errors(answer)]
    assert not faults, (name, faults[0].json_path, faults[0].message)


def test_the_published_schemas_are_those_of_the_models():
    """To write them again: python -m groundspeed.tools.cli.reference."""
    published = {path.name: path.read_text() for path in schema.FOLDER.glob("*.json")}
    assert published == schema.files()


def test_each_verb_that_takes_json_has_a_schema():
    from groundspeed.tools.cli.app import app

    commands = {c.name or c.callback.__name__: c.callback for c in app.registered_commands}
    takes = {name for name, call in commands.items() if "as_json" in call.__annotations__}
    assert {name.partition(" --")[0] for name in schema.answers()} == takes | {"error"}


def printed(done) -> object:
    return json.loads(done.stdout, parse_constant=lambda word: pytest.fail(word))


@pytest.mark.long
def test_what_quick_verbs_print_is_what_is_published(scratch):
    null, wrong = "lattice_field_null", "lattice_field_buffers"
    scratch.plant(wrong, "import dataclasses\n" + PLANTED)
    scratch.only(null, ("odd_2d",))
    scratch.only(wrong, ("odd_2d",))
    scratch.commit()
    judged = printed(scratch.run("validate", null, wrong, "--json"))
    check("validate", judged)
    assert {v["optimization"]: v["code"] for v in judged} == {null: "", wrong: "E-BITS"}
    for name, *words in (
        ("list", "list"),
        ("list", "list", wrong),
        ("check", "check"),
        ("replay", "replay", wrong),
        ("protocol", "protocol"),
        ("samples", "samples"),
        ("report --verify", "report", "--verify"),
        ("costs", "costs", null, "--check"),
        ("bench", "bench", wrong),
        ("error", "check", "nonsense"),
        ("error", "fly"),
    ):
        check(name, printed(scratch.run(*words, "--json")))
    again = printed(scratch.run("report", "--verify", "--json"))
    assert {row["difference"] for row in again} == {""}  # codes are in the samples, too


@pytest.mark.long
def test_what_is_printed_of_a_program_is_what_is_published(scratch):
    scratch.file("program.py").write_text(PROGRAM)
    scratch.commit()
    check("create", printed(scratch.run("create", "program.py", "--json")))
    words = ("program.py", "--seconds", "0.2", "--json")
    check("profile", printed(scratch.run("profile", *words)))


RECORDS = {  # verbs that measure for minutes: the type of their record, its section and its file
    "ceilings": (Ceilings, "ceilings", "tools/ceilings"),
    "selftest": (SelfTest, "selftest", "tools/selftest"),
    "map": (Map, "scenarios", "sweeps/lattice_field_v1"),
    "experiment": (ErrorRates, "error_rates", "tools/experiment"),
    "bench": (Measurement, "timing", "lattice_field_numba"),
}
SHAPED = {  # what each makes of its record
    "map": lambda found: found.scenarios,
    "experiment": lambda found: own.RateOutcome(rows=found.rows, overhead=found.overhead),
    "bench": lambda found: Benched(
        measured=[found], refused={"x": RefusedNumber(status="STALE", reason="r", code="E-STALE")}
    ),
}


def as_printed(value: object, capsys) -> object:
    capsys.readouterr()
    console.as_json(value)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("verb", RECORDS)
def test_what_is_made_of_records_is_what_is_published(verb, capsys):
    kind, section, name = RECORDS[verb]
    found = [results.section_or_none(kind, section, name, on) for on in results.machines()]
    found = [SHAPED.get(verb, lambda record: record)(record) for record in found if record]
    assert found
    for value in found:
        check(verb, as_printed(value, capsys))


def test_comparisons_are_what_is_published(capsys):
    ratio = Interval(1.1, 1.0, float("inf"))
    rows = [ComparedCase("x", "c", "SLOWER", ratio, 1.0), ComparedCase("y", "", "NEW")]
    told = as_printed(rows, capsys)
    check("compare", told)
    assert told[0]["ratio"] == [1.1, 1.0, None]
    about = {"optimization": "x", "case": "c", "made": "2026-01-01", "was": "FASTER", "now": "r"}
    claim = Claim(**about, holds=False, code="E-STALE", changed=[])
    check("bench --recheck", as_printed(Recheck(claims=[claim]), capsys))


def test_a_scaling_is_what_is_published(capsys):
    row = ScalingRow(
        kind="weak", ranks=2, shape=[16, 5], step_s=0.1, speedup=(2.0, 0.0, float("inf")),
        efficiency=1.0, messages=0.2, every_s=[0.1],
    )  # fmt: skip
    about = {"made": "2026-01-01", "optimization": "x", "case": "c", "rests_on": "r"}
    here = timing_conditions()
    found = Scaling(**about, steps=1, repeats=1, conditions=here, rows=[row])
    told = as_printed(found, capsys)
    check("scaling", told)
    assert told["rows"][0]["speedup"] == [2.0, 0.0, None]


def planted(change) -> list[str]:
    """What is lost where a published schema is changed so."""
    before = schema.schema("validate", schema.answers()["validate"])
    now = copy.deepcopy(before)
    change(now["$defs"]["JudgedOptimization"])
    return schema.broken(before, now)


def test_a_field_may_be_added_and_none_taken_away():
    assert not planted(lambda row: row["properties"].update(more={"type": "string"}))
    assert planted(lambda row: row["properties"].pop("code")) == ["[].code is gone"]
    assert planted(lambda row: row["required"].remove("code")) == ["[].code may be absent"]
    (said,) = planted(lambda row: row["properties"].update(code={"type": "integer"}))
    assert said == "[].code was string, is integer"
    before = schema.schema("validate", schema.answers()["validate"])
    less = copy.deepcopy(before)
    del less["$defs"]["JudgedOptimization"]["properties"]["code"]
    with pytest.raises(Refused, match="raise VERSION"):
        reference.refuse_loss(before, less)
    reference.refuse_loss(before, less | {"$id": "groundspeed:validate:2"})


def test_a_schema_is_printed_by_name(scratch):
    done = scratch.run("schema", "validate")
    assert json.loads(done.stdout)["$id"] == "groundspeed:validate:1"
    assert "bench --recheck" in scratch.run("schema").stdout.splitlines()
    wrong = scratch.run("schema", "validat")
    assert wrong.returncode == 2
    assert "did you mean validate? [E-NAME]" in wrong.stderr
