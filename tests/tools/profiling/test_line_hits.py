"""How often a line ran is counted exactly in every kind of function."""

import asyncio
import runpy

from groundspeed.tools.profiling.instruments.line_profiler_pass import LineTimes

KINDS = """
import functools

class Gas:
    @property
    def energy(self):
        total = 0.0
        for value in range(40):
            total += value * value  # property
        return total

    @classmethod
    def heat(cls, n):
        for k in range(n):
            u = (
                k + 0.5  # statement over lines
            )
        return u

def steps(n):
    u = 0.0
    for _ in range(n):
        for k in range(20):
            u = 0.5 * u + k  # generator
        yield u

async def relax(n):
    total = 0.0
    for k in range(n):
        total += k % 7  # coroutine
    return total

def retry(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@retry
@functools.lru_cache(maxsize=None)
def table(n):
    total = 0.0
    for k in range(n):
        total += k**0.5  # decorated cache
    return total
"""
WANTED = {
    "property": 3 * 40,
    "statement over lines": 30,
    "generator": 4 * 20,
    "coroutine": 50,
    "decorated cache": 60,
}


def test_lines_of_every_kind_of_function_have_their_hits(tmp_path):
    file = tmp_path / "kinds.py"
    file.write_text(KINDS)
    lines = KINDS.splitlines()
    begins = [n for n, line in enumerate(lines, 1) if line.lstrip().startswith(("def", "async"))]
    with LineTimes({str(file): begins}) as profiler:
        names = runpy.run_path(str(file))
        profiler.forget()
        gas = names["Gas"]()
        assert [gas.energy for _ in range(3)] == [20540.0] * 3
        assert names["Gas"].heat(30) == 29.5
        assert len(list(names["steps"](4))) == 4
        assert asyncio.run(names["relax"](50)) > 0
        assert names["table"](60) == names["table"](60)  # the second is kept
    found = profiler.found()["functions"]
    hits = {line: count for table in found for line, count, _ in table["lines"]}
    marks = {line.split("# ")[1]: n for n, line in enumerate(lines, 1) if "# " in line}
    assert {kind: hits[marks[kind]] for kind in WANTED} == WANTED
