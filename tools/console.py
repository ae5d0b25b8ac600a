"""Terminal output: aligned lines and a progress bar."""

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from textwrap import wrap

Tell = Callable[[str], None]
WIDTHS = (34, 13, 12)  # of columns; the last column has none


PAGE = 100  # columns where no terminal tells
ROOM = 30  # columns that the last column of a line needs beside the others
INDENT = 4


def line(*columns: object, widths: tuple[int, ...] = WIDTHS) -> None:
    """One result: aligned columns, the last of any length; wrapped where a terminal shows it."""
    cells = [f"{c!s:<{w}}" for c, w in zip(columns, widths, strict=False)]
    rest = [*map(str, columns[len(widths) :])]
    text = "  ".join([*cells, *rest]).rstrip()
    narrow = columns_shown()
    if not narrow or len(text) <= narrow:
        print(text, flush=True)
    elif (taken := len("  ".join(cells)) + 2) + ROOM <= narrow:
        print(wrapped(text, narrow, taken), flush=True)
    else:
        plain = "  ".join(filter(None, (str(c).strip() for c in columns)))
        print(wrapped(plain, narrow), flush=True)


def columns_shown() -> int:
    """Columns of the terminal, or of COLUMNS; 0 where output goes to a program or a file, which
    take lines of any length."""
    if os.environ.get("COLUMNS") or sys.stdout.isatty():
        return shutil.get_terminal_size((PAGE, 24)).columns
    return 0


def wrapped(text: str, width: int, indent: int = INDENT) -> str:
    """The text in lines of so many columns, those after the first indented."""
    whole = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(wrap(text, width, subsequent_indent=" " * indent, **whole))


def clipped(text: str, width: int) -> str:
    """The text, cut where it is longer than that."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def answer(
    asked: bool, value: object, rows: Iterable[tuple], widths: tuple[int, ...] = WIDTHS
) -> None:
    """What a verb has found: as JSON where that is asked for, or a line for each row of columns."""
    if asked:
        as_json(value)
        return
    for columns in rows:
        line(*columns, widths=widths)


def as_json(value: object) -> None:
    """JSON as every reader takes it: what is no finite number is null."""
    print(json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False))


def finite(value: object) -> object:
    """Plain data with null for every number that is infinite or none; of a model, its fields."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(by_alias=True)
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Tell]:
    """Yields tell(text): shows what is at work now; nothing at all where output is piped.

    With a ``total``, every call moves the bar by one.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *((BarColumn(),) if total else ()),
        TextColumn("[dim]{task.fields[now]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, now="")

        def tell(text: str) -> None:
            bar.update(task, now=text, advance=1 if total else 0)

        yield tell
