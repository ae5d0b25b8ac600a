"""Command ``gpu``: judges and times what runs on a GPU.

Its evidence lies in the folder of that kind of GPU, like that of any other machine.
"""

from groundspeed.tools.cli import bench, validate
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import code_now
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.machine import missing
from groundspeed.validation.records.codes import Code, with_code
from groundspeed.validation.tiers import Coverage


def run(names: list[str], full: bool = False) -> int:
    """The verb ``gpu``; exit 1 where a claim does not hold or a number was refused."""
    lacking = missing(("cuda",))
    if lacking:
        words = f"this machine lacks {lacking[0]}; what others found: reports/index.md"
        print(with_code(words, Code.UNAVAILABLE))
        return 1
    chosen = [name for name in discovery.chosen(names) if discovery.device(name) == "cuda"]
    code = validate.run(chosen, Coverage.of(full), again=False)
    right = [name for name in chosen if evidence.judged(name)[0] is Status.VERIFIED]
    if right:
        code |= bench.run(right, full, code_now().dirty is not False, again=False)
    return code
