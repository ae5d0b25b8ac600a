"""Terminal output: aligned lines and a progress bar."""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Tell = Callable[[str], None]
WIDTHS = (34, 13, 12)  # of columns; the last column has none


def line(*columns: object, widths: tuple[int, ...] = WIDTHS) -> None:
    """One result: aligned columns, the last of any length."""
    cells = [f"{c!s:<{w}}" for c, w in zip(columns, widths, strict=False)]
    print("  ".join([*cells, *map(str, columns[len(widths) :])]).rstrip(), flush=True)


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
    """Plain data with null for every number that is infinite or none."""
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
