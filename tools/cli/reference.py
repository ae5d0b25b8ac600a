"""Writes docs/reference from the code: `python -m groundspeed.tools.cli.reference`.

A schema that would take something away from its readers is refused until its version is raised.
"""

import json
from itertools import groupby

from groundspeed.tools.cli import schema
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import Refused

CODES = digests.ROOT / "docs" / "reference" / "codes.md"
HEAD = """# Codes of refusals

Every refusal carries a code: in `--json` as `code`, on the command line in brackets at the end of
its line. A code keeps its meaning; new ones are added. This page is generated from
`validation/records/codes.py`.
"""


def main() -> None:
    """Write every file of the reference."""
    write_atomic(CODES, codes_page())
    for name, text in schema.files().items():
        path = schema.FOLDER / name
        if path.exists():
            refuse_loss(json.loads(path.read_text(encoding="utf-8")), json.loads(text))
        write_atomic(path, text)
    for path in schema.FOLDER.glob("*.json"):
        if path.name not in schema.files():
            path.unlink()


def refuse_loss(before: dict, now: dict) -> None:
    """Raise where a schema of the same version loses something."""
    losses = schema.broken(before, now) if before["$id"] == now["$id"] else []
    if losses:
        raise Refused(
            f"{now['title']}: {losses[0]}, and its readers may need it; keep it, or raise VERSION "
            "in tools/cli/schema.py"
        )


def codes_page() -> str:
    """The page that explains each code."""
    parts = [HEAD.rstrip()]
    for area, codes in groupby(Code, key=lambda code: code.area):
        parts.append(f"\n## {area[0].upper()}{area[1:]}\n")
        parts += ["| code | means | what usually mends it |", "|---|---|---|"]
        parts += [f"| `{c}` | {c.meaning} | {c.mend} |" for c in codes]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
