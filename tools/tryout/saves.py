"""Saves of the files of an optimization, seen while it is tried and in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

import watchfiles

from groundspeed.validation.records import digests

WHILE_MS = 100


class Saves:
    """Watches a folder, and files that are added to it, in a thread.

    From a save until `forget` it calls ``act`` again and again. Folders are watched, not files:
    most editors write another file and rename it.
    """

    def __init__(self, folder: Path, act: Callable[[], None]):
        self.folder, self.act, self.files = folder, act, frozenset()
        self.saved, self.acting = Event(), Lock()
        self.ignores = watchfiles.DefaultFilter()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def begin(self) -> None:
        """Watch from now on.

        Raises:
            OSError: the system does not let it.
        """
        self.ended, self.ready, self.failure = Event(), Event(), None
        self.thread = Thread(target=self.watch, daemon=True)
        self.thread.start()
        self.ready.wait()
        if self.failure:
            raise self.failure

    def end(self) -> None:
        self.ended.set()
        self.thread.join()

    def follow(self, files: Iterable[str]) -> None:
        """Watch these files of the project as well."""
        more = {digests.ROOT / path for path in files}
        if not more <= self.files:
            self.end()
            self.files |= more
            self.begin()

    def forget(self) -> None:
        """What was saved so far."""
        with self.acting:
            self.saved.clear()

    def watch(self) -> None:
        """In the thread: note saves until the end."""
        try:
            for found in self.changes():
                self.ready.set()
                with self.acting:
                    if found:
                        self.saved.set()
                    if self.saved.is_set():
                        self.act()
        except OSError as error:
            self.failure = error
        finally:
            self.ready.set()

    def changes(self) -> Iterator[set]:
        """Sets of changes; an empty one where there was none for a while."""
        inside = [path for path in self.folder.rglob("*") if path.is_dir()]
        beside = [path.parent for path in self.files if path.parent.is_dir()]
        return watchfiles.watch(
            self.folder,
            *{*inside, *beside},
            watch_filter=self.counts,
            stop_event=self.ended,
            rust_timeout=WHILE_MS,
            yield_on_timeout=True,
            recursive=False,
        )

    def counts(self, change: watchfiles.Change, path: str) -> bool:
        """Whether that is a file of the optimization."""
        place = Path(path)
        own = place.is_relative_to(self.folder) and self.ignores(change, path)
        return own or place in self.files
