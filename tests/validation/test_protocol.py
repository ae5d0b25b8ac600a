"""Evidence outlives every edit that changes no rule; a change of rules needs a decision."""

import ast
import json

import pytest

from groundspeed.tools.cli import protocol_lock
from groundspeed.tools.records.protocols import CLOCK, COUNTER
from groundspeed.validation import protocol
from groundspeed.validation.protocol import JUDGE, Change, Protocol
from groundspeed.validation.records import digests

ALL = (JUDGE, CLOCK, COUNTER)


@pytest.mark.parametrize("one", ALL, ids=lambda p: p.name)
def test_the_rules_are_those_that_are_locked(one):
    """The message says what changed, and the two ways on."""
    assert not protocol_lock.refusal(one), protocol_lock.refusal(one)


@pytest.mark.parametrize("one", ALL, ids=lambda p: p.name)
def test_numbers_rise_by_one_and_each_has_one_line(one):
    assert [change.number for change in one.history] == list(range(1, one.number + 1))
    assert all(change.line and "\n" not in change.line for change in one.history)


def test_the_lock_holds_what_controls_and_mutants_answered():
    answers = JUDGE.locked()["answers"]
    assert sum(key.startswith("must_reject/") for key in answers) >= 40
    assert sum(key.startswith("must_accept/") for key in answers) >= 20
    assert sum("killed" in answer for answer in answers.values()) >= 50


def test_what_is_not_a_rule_is_named_and_exists():
    folder = digests.ROOT / "validation"
    assert all((folder / name).is_file() for name in protocol.NO_RULES)
    locked = {p.stem for p in JUDGE.modules()}
    assert {"envelope", "compare", "checks", "judge", "mutation_score", "variants"} <= locked


SOURCE = '''
"""A module."""
import math

def half(x: float, *, of: str = "a") -> float:
    """A docstring."""
    return x / 2  # because
'''


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.replace("# because", "# why not"),
        lambda s: s.replace("A docstring.", "Another one."),
        lambda s: s.replace('"""A module."""', ""),
        lambda s: s.replace("x / 2", "(x\n        / 2)"),
    ],
)
def test_comments_docstrings_and_layout_are_no_rules(edit):
    assert edit(SOURCE) != SOURCE
    assert protocol.of_source(edit(SOURCE)) == protocol.of_source(SOURCE)


def test_a_docstring_in_an_empty_module_is_no_rule():
    assert protocol.of_source('"""A package."""\n') == protocol.of_source("")


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.replace("x / 2", "x / 3"),
        lambda s: s.replace("x / 2", "x // 2"),
        lambda s: s.replace("half", "part"),
        lambda s: s.replace('"a"', '"b"'),
        lambda s: s.replace("*, of", "of"),
        lambda s: s + "\nother = 1\n",
    ],
)
def test_anything_else_is(edit):
    assert protocol.of_source(edit(SOURCE)) != protocol.of_source(SOURCE)


def test_the_digest_is_the_same_for_every_python():
    """Releases of Python add empty fields to their trees, which must not count; the value is pinned
    so that a release that counts otherwise is seen."""
    tree = ast.parse("def f(): pass")
    tree.body[0].type_params = []
    parts, same = [], []
    protocol.describe(tree, parts)
    protocol.describe(ast.parse("def f(): pass"), same)
    assert parts == same
    assert protocol.of_source("x = 1\n") == "01d23642f3ca369d1e65ffc5307f567b"


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """A protocol of one module, locked."""
    monkeypatch.setattr(protocol.project, "HARNESS", tmp_path)
    module = tmp_path / "rule.py"
    module.write_text("FACTOR = 2\n")
    history = (Change(1, "the first"), Change(2, "stricter", ("exact verified",)))
    one = Protocol("judge", history, lambda: [module], tmp_path / "judge.lock")
    one.write_lock(answers={})
    protocol._modified.cache_clear()
    yield one, module
    protocol._modified.cache_clear()


def test_a_changed_rule_says_the_two_ways_on(rules):
    one, module = rules
    assert one.fits()
    assert one.modified() == ""
    module.write_text("FACTOR = 2  # explained\n")
    assert one.fits()
    module.write_text("FACTOR = 3\n")
    protocol._modified.cache_clear()
    assert not one.fits()
    assert one.stands("")
    assert one.stands(one.modified())
    assert not one.stands("another edit")
    words = protocol_lock.refusal(one)
    assert words.startswith("rules changed in rule.py: either")
    assert "groundspeed protocol --raised" in words
    assert "groundspeed protocol --same" in words


def test_what_is_made_meanwhile_is_current_only_while_the_rules_are_those(rules):
    one, module = rules
    found = []
    for text in ("FACTOR = 3\n", "FACTOR = 4 + 0\n"):
        module.write_text(text)
        protocol._modified.cache_clear()
        found.append(one.modified())
    assert all(found)
    assert found[0] != found[1]


def test_raising_needs_a_higher_number(rules):
    one, module = rules
    module.write_text("FACTOR = 3\n")
    with pytest.raises(ValueError, match="is 2 and 2 is locked; allowed: a higher one"):
        protocol_lock.lock_raised(one)


def test_the_same_answers_lock_the_rules_and_others_do_not(rules, monkeypatch):
    one, module = rules
    one.write_lock(answers={"must_reject/a": "rejected"})
    module.write_text("FACTOR = 3\n")
    monkeypatch.setattr(protocol_lock, "answers", lambda p: {"must_reject/a": "accepted"})
    with pytest.raises(ValueError, match="must_reject/a: 'rejected' became 'accepted'"):
        protocol_lock.lock_same(one)
    assert not one.fits()
    monkeypatch.setattr(protocol_lock, "answers", lambda p: {"must_reject/a": "rejected"})
    protocol_lock.lock_same(one)
    assert one.fits()


@pytest.mark.parametrize(
    ("made", "tags", "stale"),
    [(1, {"exact verified"}, True), (2, {"exact verified"}, False), (1, {"exact rejected"}, False)],
)
def test_only_what_a_later_rule_could_turn_over_is_stale(rules, made, tags, stale):
    words = rules[0].overturned(made, tags)
    assert bool(words) == stale
    assert not stale or words == "judge protocol 2 changed its rule: stricter"


@pytest.mark.parametrize("module", [("reference", "envelope.py"), ("judge", "verdicts.py")])
def test_a_rule_that_is_no_python_is_one_line_that_names_it(scratch, module):
    """Whether it is only read, or imported as well."""
    path = scratch.file("validation", *module)
    path.write_text(path.read_text() + "\ndef half(:\n")
    done = scratch.run("protocol")
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert f"{'/'.join(module)}:{len(path.read_text().splitlines())} is no Python" in said


def test_a_comment_costs_nothing_and_a_factor_is_found(scratch):
    path = scratch.file("validation", "reference", "envelope.py")
    path.write_text("# a comment\n" + path.read_text())
    assert scratch.run("protocol").returncode == 0
    changed = path.read_text().replace("FACTOR = 3", "FACTOR = 4")
    assert changed != path.read_text()
    path.write_text(changed)
    done = scratch.run("protocol", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert "rules changed in validation/reference/envelope.py" in told["judge"]["undecided"]
    assert [told[name]["undecided"] for name in ("clock", "counter")] == ["", ""]
