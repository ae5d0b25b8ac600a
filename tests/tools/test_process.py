"""A worker's process answers on a pipe of its own, and says how it ended."""

import pytest

from groundspeed.tools import process
from groundspeed.tools.process import Died, Worker

LOUD = """
import sys
from groundspeed.tools.process import serve

def answer(number):
    print("noise")
    if number < 0:
        raise SystemExit("no such number")
    return [number + 1, sys.stdin.readline()]

serve(answer)
"""


@pytest.fixture
def loud(tmp_path, monkeypatch):
    (tmp_path / "loud.py").write_text(LOUD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{process.digests.ROOT}")
    with Worker("loud", patience_s=60) as worker:
        yield worker


def test_what_code_under_test_prints_is_no_answer_and_it_reads_no_request(loud):
    assert [loud.ask(n) for n in (1, 2)] == [[2, ""], [3, ""]]


def test_one_that_has_ended_says_so_whoever_asks_again(loud):
    with pytest.raises(Died, match="ended with 1: no such number"):
        loud.ask(-1)
    with pytest.raises(Died, match="ended without an answer: no such number"):
        loud.ask(1)


def test_no_process_outlives_its_worker(loud):
    loud.close()
    assert loud.process.poll() is not None
