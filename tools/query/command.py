"""Command ``query``: SQL over the evidence on file, answered by DuckDB.

The tables live in memory and are made anew for each question, so nothing that a question does
changes evidence.
"""

import json
import tempfile
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from groundspeed.tools import console
from groundspeed.tools.query.evidence_tables import TABLES, columns, rows
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.validation.records.errors import Refused

ALL = 1_000_000  # rows and columns: nothing of an answer is left out


def run(sql: str = "", as_json: bool = False) -> int:
    """Answer one question, or tell what can be asked about.

    Raises:
        Refused: the question is no SQL, or names what there is not.
    """
    import duckdb  # late: an extra

    if not sql:
        known = {table: columns(table) for table in TABLES}
        told = [(table, ", ".join(names)) for table, names in known.items()]
        console.answer(
            as_json, [{"table": t, "columns": [*c]} for t, c in known.items()], told, (10,)
        )
        return 0
    evidence.say_what_is_broken()
    connection = duckdb.connect()
    fill(connection, rows(View()))
    try:
        found = connection.sql(sql)
        if found is not None and as_json:
            names = found.columns
            every = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            console.as_json(json.loads(json.dumps(every, default=readable)))
        elif found is not None:
            found.show(max_width=console.columns_shown() or ALL, max_rows=ALL)
    except duckdb.Error as error:
        raise Refused(f"{first_line(error)}; groundspeed query names the tables") from None
    return 0


def fill(connection, found: dict[str, list]) -> None:
    """Create the tables and load their rows through a file, which is what DuckDB reads fast."""
    with tempfile.TemporaryDirectory() as scratch:
        for table, own in found.items():
            kinds = columns(table)
            declared = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
            connection.execute(f"CREATE TABLE {table} ({declared})")
            if own:
                path = Path(scratch) / f"{table}.json"
                lines = (json.dumps(console.finite(asdict(row))) for row in own)
                path.write_text("\n".join(lines), encoding="utf-8")
                connection.execute(
                    f"INSERT INTO {table} SELECT * FROM "
                    f"read_json($path, columns = {kinds}, format = 'newline_delimited')",
                    {"path": str(path)},
                )


def readable(value: object) -> object:
    """Of SQL's types that JSON lacks: numbers stay numbers, dates and the like become text."""
    return float(value) if isinstance(value, Decimal) else str(value)


def first_line(error: Exception) -> str:
    """What is wrong, without the picture of the place that DuckDB draws below."""
    told = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(told[:2]) if len(told) > 1 and "LINE" not in told[1] else told[0]
