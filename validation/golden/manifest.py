"""Manifest of a baseline: digests of what was frozen, and their verification."""

import json
from pathlib import Path

from groundspeed import baselines
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import Part, Record
from groundspeed.validation.records.errors import BrokenRecord, Sealed

BASELINES = baselines.HERE


class Answer(Part):
    """One case: what went in, what came out, and how exactly that is known."""

    case: dict
    start: str  # digest of the state
    end: str
    # how far right answers may lie from the truth, by check and field: rms, largest, worst block
    own_error: dict[str, dict[str, tuple[float, float, float]]]
    float64_error: dict[str, tuple[float, float, float]]  # at the end, per field
    laws: dict[str, float]  # largest residual of each law, see trajectory


class Manifest(Record):
    """What was sealed: sources, golden file, answers, and the machine that made them."""

    engine: str
    sources: dict[str, str]
    golden: str  # digest of golden.safetensors
    golden_bytes: int
    machine: dict[str, str]
    threads: int
    answers: dict[str, Answer]


def place(name: str) -> Path:
    return BASELINES / name / "frozen"


def source_digests(name: str) -> dict[str, str]:
    """Of every file whose edit would make this another engine."""
    paths = digests.sources(BASELINES / name, BASELINES.parent)
    return {str(p.relative_to(BASELINES.parent)): digests.of_file(p) for p in paths}


def manifest(name: str) -> Manifest:
    """The seal of a baseline.

    Raises:
        Sealed: there is none, or it is damaged.
    """
    path = place(name) / "manifest.json"
    try:
        return manifest_at(path)
    except FileNotFoundError:
        raise Sealed(
            f"{name} is not frozen: no {path.name}; run: groundspeed freeze {name}"
        ) from None
    except BrokenRecord as error:
        raise Sealed(f"{error}; restore it: git checkout -- baselines/{name}/frozen") from None


def variants_seal(name: str) -> str:
    """Seal of the variants that are frozen with a baseline; "" where there are none."""
    return seal_at(path) if (path := place(name) / "variants.json").exists() else ""


@digests.per_version
def seal_at(path: Path) -> str:
    return json.loads(path.read_text(encoding="utf-8")).get("seal", "")


manifest_at = digests.per_version(Manifest.read)


def check_sources(name: str, seal: Manifest) -> None:
    now = source_digests(name)
    for path in sorted(set(now) | set(seal.sources)):
        if now.get(path) != seal.sources.get(path):
            what = "was edited" if path in now else "is gone"
            what = what if path in seal.sources else "is new"
            if other_line_ends(BASELINES.parent / path, seal.sources.get(path, "")):
                raise Sealed(
                    f"{path} has other line ends than when {name} was frozen, and is the same "
                    "otherwise; run: git config core.autocrlf false, delete the file, and restore "
                    f"it: git checkout -- {path}"
                )
            raise Sealed(
                f"{path} {what} since {name} was frozen on {seal.made[:10]}; restore it "
                f"(git checkout -- {path}), or make new physics a new version of the engine"
            )


def other_line_ends(path: Path, sealed: str) -> bool:
    """Whether a file is the sealed one but for the ends of its lines."""
    if not sealed or not path.exists():
        return False
    plain = path.read_bytes().replace(b"\r\n", b"\n")
    return sealed in (digests.of_bytes(plain), digests.of_bytes(plain.replace(b"\n", b"\r\n")))
