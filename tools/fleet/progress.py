"""How far all jobs are: one line that changes in a terminal, else a line for each change."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from groundspeed.tools import console
from groundspeed.tools.fleet.assignment import Task

Report = Callable[[int, str], None]


def tally(tasks: list[Task], running: int) -> str:
    """Counts of jobs, those that there are none of left out."""
    done = sum(task.record is not None for task in tasks)
    lost = sum(bool(task.lost) for task in tasks)
    waiting = len(tasks) - done - lost - running
    counts = {"running": running, "waiting": waiting, "lost": lost}
    told = "".join(f", {count} {word}" for word, count in counts.items() if count)
    return f"{done} of {len(tasks)} jobs done{told}"


@contextmanager
def reported(tasks: list[Task]) -> Iterator[Report]:
    """Yields report(running, event): tells of it on standard error."""
    last = ""
    with console.progress("fleet") as tell:

        def report(running: int, event: str = "") -> None:
            nonlocal last
            words = tally(tasks, running)
            tell(words)
            if not sys.stderr.isatty() and (words != last or event):
                print(f"fleet: {words}", *filter(None, [event]), sep="; ", file=sys.stderr)
            last = words

        yield report
