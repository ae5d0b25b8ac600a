"""JUnit XML of a gate: a suite for each optimization, a test case for each of its checks."""

import re
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from xml.etree import ElementTree as Xml

from groundspeed.tools.gate.outcome import GateCheck, Outcome
from groundspeed.validation.records.atomic import write_atomic

UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0
TAGS = {  # readers count failures, errors and skipped ones apart
    Outcome.WRONG: "failure",
    Outcome.SLOWER: "failure",
    Outcome.INCONCLUSIVE: "error",
    Outcome.SKIPPED: "skipped",
}


def write(path: Path, checks: list[GateCheck]) -> None:
    write_atomic(path, document(checks))


def document(checks: list[GateCheck]) -> bytes:
    """The whole file."""
    root = Xml.Element("testsuites", name="groundspeed", **totals(checks))
    for about, group in groupby(sorted(checks, key=attrgetter("about")), attrgetter("about")):
        own = list(group)
        suite = Xml.SubElement(root, "testsuite", name=printable(about), **totals(own))
        for check in own:
            suite.append(test_case(check))
    Xml.indent(root)
    return Xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def test_case(check: GateCheck) -> Xml.Element:
    about, title = printable(check.about), printable(check.title)
    found = Xml.Element("testcase", classname=about, name=title, time=f"{check.seconds:.3f}")
    words = printable(check.words)
    if check.outcome in TAGS:
        inner = Xml.SubElement(found, TAGS[check.outcome], message=words)
        if check.outcome is not Outcome.SKIPPED:
            inner.set("type", check.outcome.value)
            inner.text = words
    else:
        Xml.SubElement(found, "system-out").text = words
    return found


def totals(checks: list[GateCheck]) -> dict[str, str]:
    """Attributes of a suite."""
    tags = [TAGS.get(check.outcome) for check in checks]
    names = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    counts = {name: str(tags.count(tag)) for name, tag in names}
    seconds = sum(check.seconds for check in checks)
    return {"tests": str(len(checks)), **counts, "time": f"{seconds:.3f}"}


def printable(text: str) -> str:
    """Without what no XML file may hold, whatever an author's error says."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
