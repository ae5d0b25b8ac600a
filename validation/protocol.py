"""Numbered protocols: the rules under which evidence was made.

A verdict is bound to the number of the judge's protocol and not to the judge's bytes, so an edit
that changes no rule costs no evidence. The number rises when a change of rules could change a
verdict; each number has one line of history that says which earlier evidence it makes stale.

A lock file pins the modules that hold rules, by their syntax trees: comments, docstrings and
layout do not count. When one of them changes, `tests/validation/test_protocol.py` fails until the
author decides: `groundspeed protocol --raised` after a new line of history, or `groundspeed
protocol --same` where the self-test gives the same answers as before.
"""

import ast
import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from groundspeed import project
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic

CONTRACT = ("__init__.py", "device.py", "engine.py")  # of baselines/: what every engine relies on
RULES = (  # of validation/: packages and modules that hold rules, whole
    "claims.py", "tiers.py", "golden", "inputs", "judge", "mutation", "reference", "worker",
    "records/digests.py",
)  # fmt: skip
NO_RULES = {  # in these: how work is organized and kept; whatever is new holds rules
    "golden/coverage.py", "golden/manifest.py", "golden/run_cache.py", "inputs/aimed.py",
    "inputs/covering.py", "inputs/extremes.py", "inputs/features.py", "inputs/freeze_variants.py",
    "inputs/selection.py",
    "judge/divergence.py", "judge/verdicts.py", "reference/limits.py",
    "reference/places.py",
    "worker/allocator.py", "worker/forkserver.py", "worker/preload/gc_off.py",
    "worker/preload/inductor.py", "worker/preload/numba_jit.py",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One value of a protocol number.

    Attributes:
        number: the value.
        line: what changed, in one line.
        stales: tags of earlier evidence that the change could turn over. A stricter rule
            endangers what passed, a more tolerant one what was rejected.
    """

    number: int
    line: str
    stales: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """The rules of one instrument: their history, and the modules that hold them."""

    name: str
    history: tuple[Change, ...]
    modules: Callable[[], list[Path]]
    lock: Path

    @property
    def number(self) -> int:
        return self.history[-1].number

    def overturned(self, made_under: int, tags: Iterable[str]) -> str:
        """Why evidence with these tags, made under that number, is stale; "" where it is not."""
        own = set(tags)
        for change in self.history:
            if change.number > made_under and own & set(change.stales):
                return f"{self.name} protocol {change.number} changed its rule: {change.line}"
        return ""

    def mark(self, made_under: int) -> str:
        """How a page names an older number; "" for today's."""
        return "" if made_under == self.number else f"{self.name} protocol {made_under}"

    def now(self) -> dict[str, str]:
        """Digest of the syntax tree of every module that holds rules and is there."""
        root, there = project.HARNESS, [p for p in sorted(self.modules()) if p.exists()]
        bytes_now = {str(p.relative_to(root)): digests.of_file(p) for p in there}
        kept, place = {}, digests.ROOT / ".groundspeed" / "syntax" / f"{self.name}.json"
        with suppress(OSError, ValueError):
            kept = json.loads(place.read_text(encoding="utf-8"))
        trees = {d: kept.get(d) or syntax_digest(root / p) for p, d in bytes_now.items()}
        if trees != kept:
            with suppress(OSError):  # a checkout that may only be read is asked anew each time
                write_atomic(place, json.dumps(trees))
        return {path: trees[digest] for path, digest in bytes_now.items()}

    def locked(self) -> dict:
        """What the lock file says: number, modules, and answers of the self-test."""
        try:
            return json.loads(self.lock.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {"protocol": 0, "modules": {}}

    def changed(self) -> list[str]:
        """Modules whose rules are not the locked ones: edited, new or gone."""
        before, now = self.locked()["modules"], self.now()
        return sorted(p for p in {*before, *now} if before.get(p) != now.get(p))

    def modified(self) -> str:
        """Names rules that no number stands for yet; "" where the lock fits."""
        return _modified(self)

    def stands(self, modified: str) -> bool:
        """Whether evidence that carries such a name is still of rules that are there: of locked
        ones always, of those that somebody was changing only while they are exactly these."""
        return modified in ("", self.modified())

    def fits(self) -> bool:
        return self.locked()["protocol"] == self.number and not self.changed()

    def write_lock(self, **more: object) -> None:
        """Pin the rules as they are now under today's number."""
        value = {"protocol": self.number, **more, "modules": self.now()}
        write_atomic(self.lock, json.dumps(value, indent=1) + "\n")


@cache
def _modified(protocol: Protocol) -> str:
    changed = protocol.changed()
    now = protocol.now()
    return digests.of_plain({p: now.get(p, "gone") for p in changed})[:16] if changed else ""


@digests.per_version
def syntax_digest(path: Path) -> str:
    """Of the syntax tree of a Python file, without docstrings; the same for every Python."""
    return of_source(path.read_text(encoding="utf-8"), str(path))


def of_source(text: str, file: str = "<text>") -> str:
    """Of Python source: 32 hexadecimal digits.

    Raises:
        SyntaxError: it is none.
    """
    parts: list[str] = []
    describe(ast.parse(text, file), parts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def describe(node: object, parts: list[str]) -> None:
    """The tree in words: empty fields are left out, as releases of Python add such."""
    if isinstance(node, ast.AST):
        parts.append(type(node).__name__)
        for name, value in ast.iter_fields(node):
            value = without_docstring(node, name, value)
            if value is None or value == [] or name in ("kind", "type_ignores"):
                continue
            parts.append(name)
            describe(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        for item in node:
            describe(item, parts)
    else:
        parts.append(repr(node))


def without_docstring(node: ast.AST, name: str, value: object) -> object:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if name == "body" and isinstance(node, documented) and ast.get_docstring(node, False):
        return value[1:]
    return value


def rules_of_the_judge() -> list[Path]:
    """Every module of the packages that hold rules but those that are known to hold none, the
    contract, and how the code of an optimization is imported."""
    root, folder = project.HARNESS, project.HARNESS / "validation"
    named = [folder / part for part in RULES]
    own = [p for part in named for p in ([part] if part.suffix else sorted(part.rglob("*.py")))]
    own = [p for p in own if p.name != "__init__.py"]
    rules = [p for p in own if p.relative_to(folder).as_posix() not in NO_RULES]
    contract = [root / "baselines" / name for name in CONTRACT]
    return rules + contract + [folder / "records" / "leaf_imports.py"]


PASSED = ("exact verified", "rounding verified", "approximate verified")
REJECTED = ("rounding rejected",)
THREADS = "exact rejected"  # also of right code in several threads
JUDGE = Protocol(
    "judge",
    (
        Change(1, "single calls, trajectories and laws against twice the sealed error"),
        Change(2, "other starts, memory layouts and shapes are tried as well", PASSED),
        Change(3, "mutants round the candidate's own step must be refused", PASSED),
        Change(4, "a new process with two threads must give the same bits", PASSED),
        Change(
            5, "from another memory layout exact claims are held to rounding", ("exact rejected",)
        ),
        Change(6, "starts on either side of a threshold are tried", PASSED),
        Change(
            7, "the envelope is measured where the sealed error alone does not suffice", REJECTED
        ),
        Change(
            8,
            "the tolerance of a field of one number is at least one unit in its last place",
            REJECTED,
        ),
        Change(9, "another processor may decide otherwise where rounding decides", REJECTED),
        Change(10, "a field of a few numbers is held to a rounding floor measured anew", REJECTED),
        Change(11, "a cell that rounding decides may be on another right branch", REJECTED),
        Change(12, "a run on another branch is held to baseline calls along that branch", REJECTED),
        Change(
            13,
            "what the cases never vary, combine or reach is tried; states, threads, compilers and "
            "the harness are watched at every call; own errors leave out the preparation",
            (*PASSED, *REJECTED, THREADS),
        ),
        Change(
            14,
            "sizes are raised together, both sides of a branch's edge and an author's extremes are "
            "tried; large states are tried from fresh starts; a function that stands in for one of "
            "a program must be called",
            PASSED,
        ),
        # no verdict on file had been declined otherwise
        Change(15, "a ValueError declines a variant only where somebody raised it on purpose"),
    ),
    rules_of_the_judge,
    project.HARNESS / "validation" / "judge.lock",
)
