"""The site of another project: with little evidence or none, and with documents of its own."""

import json
import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")

ROOT = Path(__file__).resolve().parents[3]
KEPT, EDITED = "lattice_field_blocked", "lattice_field_numba"
DOCS = {
    "docs/index.md": "# Guide\n\nSee [the start](first/start.md), [code](../tools/suite.py).\n",
    "docs/first/start.md": "# Start here\n\nBack to [the guide](../index.md#guide).\n",
    "docs/first/next.md": "# Then this\n",
    "docs/nav.yml": "- Begin: first/start.md\n- Gone: gone.md\n- index.md\n",
}


def built(scratch) -> Path:
    done = scratch.run("site")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BUILT" in done.stdout
    return scratch.file("reports", "site")


def test_numbers_of_changed_code_are_not_shown_and_documents_are(scratch):
    shutil.copytree(ROOT / "reports/results", scratch.file("reports/results"))
    for name, text in DOCS.items():
        scratch.file(name).parent.mkdir(parents=True, exist_ok=True)
        scratch.file(name).write_text(text)
    for bundled in ROOT.glob(".groundspeed/site/vega-*.js"):
        scratch.file(".groundspeed/site").mkdir(exist_ok=True)
        shutil.copyfile(bundled, scratch.file(".groundspeed/site", bundled.name))
    scratch.plant(EDITED, "changed = True")
    site = built(scratch)
    rows = json.loads((site / "data/speedups.js").read_text().partition("= ")[2].rstrip(";\n"))
    assert KEPT in {row["optimization"] for row in rows}
    assert EDITED not in {row["optimization"] for row in rows}
    stale = (site / f"optimizations/{EDITED}/report.html").read_text()
    assert '<strong class="number">STALE</strong>' in stale
    guide = (site / "docs/index.html").read_text()
    assert 'href="first/start.html">the start</a>, code.' in guide
    _, _, menu = guide.partition("md-nav--primary")
    listed = re.findall(r"^\s*(Begin|Guide|Then this)\s*$", menu, re.MULTILINE)
    assert list(dict.fromkeys(listed)) == ["Begin", "Guide", "Then this"]
    assert "gone" not in menu


def test_a_project_without_anything_has_a_site(scratch):
    shutil.rmtree(scratch.file("baselines/lattice_field_v1"))
    for folder in scratch.file("optimizations").glob("lattice_field_*"):
        shutil.rmtree(folder)
    home = (built(scratch) / "index.html").read_text()
    assert "has no optimization yet" in home
    assert "vega" not in home
