"""Processor time over ranks is that of the busiest, whichever process that is."""

import subprocess
import sys
from dataclasses import replace
from time import monotonic, sleep

import pytest

from groundspeed import baselines
from groundspeed.tools.timing import processors

ENGINE = baselines.load("lattice_field_v1")
BUSY = "print(flush=True)\nwhile True: pass"
WORK_S, PATIENCE_S = 0.2, 30.0
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="clocks of processes are Linux's")


def test_a_process_that_works_while_this_one_waits_counts():
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as busy:
        busy.stdout.readline()
        try:
            assert processors.workers(ENGINE) == []
            over_ranks = replace(ENGINE, needs=("ranks:2",))
            others = processors.workers(over_ranks)
            assert busy.pid in others
            alone, before = processors.seconds([]), processors.seconds([busy.pid])
            end = monotonic() + PATIENCE_S
            while processors.since(before, [busy.pid]) < WORK_S and monotonic() < end:
                sleep(0.1)
            assert processors.since(before, [busy.pid]) >= WORK_S
            assert processors.since(alone, []) < WORK_S / 2
        finally:
            busy.kill()
    with pytest.raises(OSError):  # noqa: PT011  (whichever the system says)
        processors.seconds([busy.pid])
