"""The request to ``create``: what was asked for on the command line, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from groundspeed import baselines
from groundspeed.tools.user_program.target import Target, resolve
from groundspeed.validation.records import digests

TAKEN = ("recorded", "another_seed")  # names of cases that every baseline may have
NO_PROJECT = Path("/nowhere")  # of an installed program: nothing of it is the user's own


@dataclass(frozen=True)
class Request:
    """A program, and how it becomes a baseline.

    Attributes:
        step: "module:function" that computes one step; without it a step is the whole run.
        watch: "module:function" whose calls are compared.
        outputs: variables, or files, that are compared.
        ignored: fields that are not compared, each with the reason.
        opening: how many of the first calls of the step are kept; None: the run decides.
        case: name of the run.
        more: further runs that are judged, by name, with their arguments.
        extra: files that the program needs.
        allow: "network", "processes".
        cwd: where the command was given.
    """

    target: Target
    name: str
    cwd: Path
    step: str = ""
    watch: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    opening: int | None = None
    case: str = "recorded"
    more: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extra: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    seed: int = 0
    patience_s: float = 300.0
    arguments: tuple[str, ...] = ()

    @property
    def project(self) -> Path:
        if self.target.installed:
            return NO_PROJECT
        return self.target.project

    @property
    def home(self) -> str:
        """Name of the folder that holds the copy of the project: its own, for programs that import
        it, or that look where they are."""
        return "installed" if self.target.installed else self.project.name or "project"

    @property
    def freeze(self) -> tuple[str, ...]:
        """Installed packages whose code is the point: that of the target, of --step, --watch."""
        named = [name.partition(":")[0] for name in (self.step, *self.watch)]
        named += [self.target.module] if self.target.installed else []
        return tuple(sorted({name.split(".")[0] for name in named} - {"", "__main__"}))

    @property
    def unwatched(self) -> Request:
        """The same program with nothing recorded inside of it."""
        return replace(self, step="", watch=(), outputs=(), ignored=(), more=())

    @property
    def stem(self) -> str:
        """The name without its version."""
        return self.name.rpartition("_v")[0] or self.name


def read(text: str, name: str, **asked) -> Request:
    """The request, if nothing is in the way.

    Raises:
        LookupError, ValueError: what is wrong, what is allowed.
    """
    target = resolve(text)
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in asked.items() if v is not None}
    if folder := given.pop("project_folder", None):
        target = target.in_project(folder.resolve())
    given["extra"] = tuple(path.resolve() for path in given.get("extra", ()))
    given["ignored"] = tuple(map(reasoned, given.pop("ignore", ())))
    first = given.pop("case", "")
    given["arguments"], given["more"] = cases(given.get("arguments", ()), first)
    given["case"] = first or "recorded"
    request = Request(target, name or f"{target.name}_v1", Path.cwd(), **given)
    if not request.name.isidentifier():
        raise ValueError(
            f"--name is {request.name!r}; allowed: a name that Python imports, like waves_v1"
        )
    if request.name in baselines.names() or place(request).exists():
        raise ValueError(f"baselines/{request.name} exists; take another with --name, or delete it")
    for option, spec in (("step", request.step), *(("watch", spec) for spec in request.watch)):
        if spec and not all(spec.partition(":")[::2]):
            raise ValueError(f"--{option} is {spec!r}; allowed: module:function")
    if request.step and request.watch:
        raise ValueError("--step and --watch are given; allowed: one of them")
    for path in request.extra:
        if not path.is_file():
            raise LookupError(f"--with: no such file: {path}")
        if not path.is_relative_to(request.project):
            raise ValueError(f"--with {path} is not in the project {request.project}")
    if unknown := set(request.allow) - {"network", "processes"}:
        raise ValueError(f"--allow is {min(unknown)!r}; allowed: network, processes")
    return request


def reasoned(text: str) -> tuple[str, str]:
    """Field and reason of an ``--ignore``."""
    name, _, why = text.partition("=")
    if not name or not why.strip():
        raise ValueError(f"--ignore is {text!r}; allowed: FIELD=REASON, the report shows both")
    return name, why.strip()


def cases(words: tuple[str, ...], first: str) -> tuple[tuple[str, ...], tuple]:
    """The arguments of the run, and those of further runs: ``--case NAME -- ARGUMENTS`` each.

    The first named case stands before the first ``--``, further ones among the words after it.
    """
    groups: list[tuple[str, list[str]]] = [("", [])]
    rest = list(words)
    while rest:
        if len(rest) > 1 and rest[0] == "--case":
            groups.append((rest[1], []))
            rest = rest[3 if rest[2:3] == ["--"] else 2 :]
        else:
            groups[-1][1].append(rest.pop(0))
    groups[0] = (first, groups[0][1])
    (_, own), *more = groups
    names = [name for name, _ in groups if name]
    for name in names:
        if not name.isidentifier() or name in TAKEN or names.count(name) > 1:
            raise ValueError(f"--case is {name!r}; allowed: each name once, like small, and none "
                             f"of {', '.join(TAKEN)}")  # fmt: skip
    return tuple(own), tuple((name, tuple(words)) for name, words in more)


def place(request: Request) -> Path:
    """Where the baseline will be."""
    return digests.ROOT / "baselines" / request.name
