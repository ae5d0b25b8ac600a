"""Command ``try``: right so far or not, and a first ratio, in seconds; again on every save.

It writes nothing that another command takes for evidence.
"""

from __future__ import annotations

from contextlib import ExitStack
from time import perf_counter

from groundspeed.tools import console
from groundspeed.tools.timing.timing_worker import TimingWorker
from groundspeed.validation import discovery, machine
from groundspeed.validation.worker import allocator
from groundspeed.validation.worker.forkserver import get_ready


def run(name: str, case: str, watch: bool, patience_s: float, as_json: bool) -> int:
    """The verb ``try``."""
    chosen = discovery.chosen([name])
    if chosen != [name]:
        raise LookupError(f"{name} is no optimization but has {len(chosen)}; name one: {chosen}")
    machine.unset_compiler_switches()
    allocator.keep_freed()
    get_ready(chosen)
    with ExitStack() as stack:
        server = stack.enter_context(TimingWorker(patience_s=patience_s))
        with allocator.importing():  # torch, as the servers of judge and clock do meanwhile
            trial = Trial(name, case, patience_s, server)
        stack.callback(trial.close)
        if watch:
            on_every_save(trial, as_json)
        found = trial.answer()
        found.show(as_json)
        return int(not found.right)


class Trial:
    """Gives answers on one optimization; what they have in common stays warm between them.

    Args:
        case: the one that is judged and timed; "" for the smoke cases and the first timed one.
        server: forks timing processes.
    """

    def __init__(self, name: str, case: str, patience_s: float, server: TimingWorker):
        from groundspeed.tools.tryout.first_ratio import FirstRatios  # late: torch
        from groundspeed.tools.tryout.smoke_checks import SmokeChecks

        self.name, self.case = name, case
        self.checks, self.ratios = SmokeChecks(patience_s), FirstRatios(server)

    def close(self) -> None:
        """End the server of timing processes, this one or its successor."""
        self.ratios.close()

    def stop(self) -> None:
        """End what runs of the candidate, so that the answer under way comes at once."""
        self.checks.stop()
        self.ratios.stop()

    def answer(self):
        """Whether it is right so far, and only then how fast it is: `tools.tryout.answer`."""
        from groundspeed.tools.tryout.answer import Answer, Untimed

        began = perf_counter()
        with console.progress("trying") as tell:
            look, ratio, untimed = self.checks.look(self.name, self.case, tell), None, ""
            if look.right:
                tell(f"{self.name}: timing {look.timed}")
                try:
                    ratio = self.ratios.first_ratio(self.name, look)
                except Untimed as why:
                    untimed = str(why)
            if changed := look.changed:
                untimed = f"{changed} changed while it was tried; try again"
        return Answer(self.name, look, ratio, untimed, perf_counter() - began)


def on_every_save(trial: Trial, as_json: bool) -> None:
    """Answers until Ctrl-C; one that was under way when a file was saved is dropped."""
    from groundspeed.tools.tryout.saves import Saves  # late: a package that nothing else needs

    with Saves(discovery.folder(trial.name), trial.stop) as saves:
        while True:
            saves.forget()
            found = trial.answer()
            saves.follow(found.look.files)
            if found.look.changed:
                continue
            if not saves.saved.is_set():
                found.show(as_json)
            saves.saved.wait()
