"""Questions in SQL: the tables hold what is on file, and a wrong question gets one line."""

import json
import sys

import duckdb
import pytest
from said import complaints

from groundspeed.tools.__main__ import main
from groundspeed.tools.query import command, evidence_tables
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.validation import discovery
from groundspeed.validation.records import results


@pytest.fixture(scope="module")
def found():
    return evidence_tables.rows(View(evidence.home()))


@pytest.fixture(scope="module")
def asked(found):
    """A function that answers a question with rows."""
    connection = duckdb.connect()
    command.fill(connection, found)
    return lambda sql: connection.sql(sql).fetchall()


def test_every_row_is_loaded(found, asked):
    for table, rows in found.items():
        assert asked(f"SELECT count(*) FROM {table}") == [(len(rows),)]
        assert rows, table


def test_there_is_a_verdict_of_each_optimization_on_each_kind_of_machine_that_has_one(asked):
    known = {(on, name) for on in results.machines() for name in results.names(on)}
    judged = set(asked("SELECT machine, optimization FROM verdicts"))
    assert judged <= known
    assert {name for _, name in judged} <= set(discovery.names())
    assert len(judged) > 100


def test_a_speedup_stands_only_beside_a_current_verdict(asked):
    unsupported = """
        SELECT s.optimization FROM speedups s ANTI JOIN verdicts v
        ON s.optimization = v.optimization AND s.machine = v.machine AND v.status = 'VERIFIED'
    """
    assert asked(unsupported) == []
    assert asked(
        "SELECT count(*) > 100 FROM speedups WHERE low <= speedup AND speedup <= high"
    ) == [(True,)]


def test_a_number_is_that_of_the_record(found):
    row = found["speedups"][0]
    timing = evidence.of(row.optimization, row.machine).timing.cases[row.case_name]
    assert (row.speedup, row.outcome) == (1 / timing.ratio, timing.word)


def test_lists_and_missing_values_arrive_as_such(asked):
    question = (
        "SELECT optimizations, promised_low IS NULL FROM proposals WHERE len(optimizations) > 1"
    )
    lists = asked(question)
    assert all(isinstance(names, list) for names, _ in lists)
    assert {absent for _, absent in lists} == {True, False}


@pytest.fixture
def verb(monkeypatch):
    """A function that runs the command with these words; its exit code."""

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["groundspeed", "query", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    return run


def test_the_verb_answers_as_a_table_and_as_json(verb, capfd):
    question = "SELECT status, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY ALL"
    assert verb(question) == 0
    assert "VERIFIED" in capfd.readouterr().out
    assert verb(question, "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert {"status", "n"} == set(rows[0])


def test_types_that_json_lacks_are_told_in_its_own(verb, capfd):
    question = "SELECT DATE '2026-01-02' AS day, 1.25::DECIMAL(4, 2) AS share, [1, 2] AS both"
    assert verb(question, "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert rows == [{"day": "2026-01-02", "share": 1.25, "both": [1, 2]}]


def test_without_a_question_it_names_the_tables(verb, capfd):
    assert verb() == 0
    told = capfd.readouterr().out
    assert all(name in told for name in (*evidence_tables.TABLES, "case_name", "promised_high"))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT speed FROM speedups", "speedup"),
        ("SELECT 1 FROM nothing", "nothing does not exist"),
    ],
)
def test_a_wrong_question_gets_one_line(question, words, verb, capfd):
    assert verb(question) == 1
    (line,) = complaints(capfd.readouterr().err)
    assert words in line
    assert "groundspeed query names the tables" in line
