"""Rows of tables on the site: what belongs together stays on one line."""

import pytest

pytest.importorskip("mkdocs")

from groundspeed.tools.site.generator import unbroken  # noqa: E402

SPACE, BREAK = "\u00a0", "\u200b"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("3.71× [2.14, 6.43]", f"3.71× [2.14,{SPACE}6.43]"),
        ("34.2 ± 9.38 ms", f"34.2{SPACE}±{SPACE}9.38{SPACE}ms"),
        ("10 MiB → 448 B (−100 %)", f"10{SPACE}MiB → 448{SPACE}B (−100{SPACE}%)"),
        ("baselines/x_v1/step.py:12", f"baselines/{BREAK}x_v1/{BREAK}step.py:12"),
        ("3 steps, 4 Beads", "3 steps, 4 Beads"),
        ("[x](../optimizations/x/report.md)", "[x](../optimizations/x/report.md)"),
        ("`a/b.py:3`", "`a/b.py:3`"),
    ],
)
def test_a_number_keeps_its_unit_and_a_path_breaks_between_folders(cell, shown):
    assert unbroken(f"| {cell} |") == f"| {shown} |"
    assert unbroken(cell) == cell  # text outside tables stays as it is
