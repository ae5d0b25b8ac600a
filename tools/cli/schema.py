"""Command ``schema``: the JSON schema of what a verb prints with ``--json``.

The schemas are made from the models that the verbs fill, and lie in docs/reference/schemas. Within
a version they only grow: see `broken`.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from groundspeed.validation.records import digests
from groundspeed.validation.records.errors import UnknownName

VERSION = 1  # raised where something is taken away or gets another type
FOLDER = digests.ROOT / "docs" / "reference" / "schemas"


def answers() -> dict[str, Any]:
    """Verbs, with the option that changes what they print, and the types of their answers."""
    from groundspeed.tools.experiments.compare_commits import (
        ComparedCase,  # late: these come with torch
    )
    from groundspeed.tools.experiments.scaling import Scaling
    from groundspeed.tools.experiments.sweep import Scenario
    from groundspeed.tools.profiling.diff import Comparison
    from groundspeed.tools.profiling.profile_record import Profile
    from groundspeed.tools.records import answers as own
    from groundspeed.tools.reporting.verification import VerifiedSection
    from groundspeed.tools.roofline.model import Ceilings
    from groundspeed.tools.selftest.selftest_record import SelfTest

    return {
        "bench": own.Benched,
        "bench --recheck": own.Recheck,
        "ceilings": Ceilings,
        "check": dict[str, own.CheckedBaseline],
        "compare": list[ComparedCase],
        "costs": dict[str, own.CostOutcome],
        "create": own.Created,
        "experiment": own.RateOutcome,
        "freeze": own.Frozen,
        "gate": own.Gated,
        "init": own.Initialized,
        "list": list[own.ListedEngine | own.ListedOptimization],
        "map": list[Scenario],
        "profile": Profile,
        "profile --against": Comparison,
        "protocol": dict[str, own.ProtocolState],
        "replay": own.Replayed,
        "query": list[dict[str, Any]],
        "report": list[str],
        "report --verify": list[VerifiedSection],
        "samples": list[own.SampleRow],
        "scaling": Scaling,
        "selftest": SelfTest,
        "site": own.BuiltSite,
        "try": own.FirstLook,
        "validate": list[own.JudgedOptimization],
        "error": own.Failed,
    }


def run(name: str = "") -> int:
    """Print one schema, or the names of all."""
    known = answers()
    if not name:
        print("\n".join(known))
        return 0
    if name not in known:
        raise UnknownName.of("schema", name, known, "groundspeed schema")
    print(text(schema(name, known[name])), end="")
    return 0


class Printed(GenerateJsonSchema):
    """Schemas of what `console.as_json` prints: a number that is not finite is null."""

    def float_schema(self, schema: dict) -> dict:
        return {"type": ["number", "null"]}


def schema(name: str, kind: Any) -> dict:
    """The schema of one answer; it allows fields that it does not know, which may be added."""
    adapter = TypeAdapter(kind)
    made = adapter.json_schema(mode="serialization", schema_generator=Printed)
    head = {
        "$schema": Printed.schema_dialect,
        "$id": f"groundspeed:{slug(name)}:{VERSION}",
        "title": f"groundspeed {name} --json" if name != "error" else "groundspeed --json, refused",
    }
    return head | open_to_additions({k: v for k, v in made.items() if k != "title"})


def open_to_additions(value: Any) -> Any:
    """The schema without the ban on unknown fields, and without titles that repeat names."""
    if isinstance(value, list):
        return [open_to_additions(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {k: v for k, v in value.items() if not banned(k, v)}
    return {key: open_to_additions(inner) for key, inner in kept.items()}


def banned(key: str, value: Any) -> bool:
    """Whether a keyword of a schema is left out; a field may have the same name, with a schema."""
    ban = key == "additionalProperties" and value is False
    return ban or (key == "title" and isinstance(value, str))


def slug(name: str) -> str:
    return name.replace(" --", "-")


def text(made: dict) -> str:
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def files() -> dict[str, str]:
    """The published files by name."""
    return {f"{slug(name)}.json": text(schema(name, kind)) for name, kind in answers().items()}


def broken(before: dict, now: dict) -> list[str]:
    """What a reader of the older schema would miss in answers of the newer one."""
    return [*lost(before, now, before, now, "")]


def lost(old: Any, new: Any, before: dict, now: dict, where: str) -> Iterator[str]:
    """Compare two schemas at one place."""
    old, new = followed(old, before), followed(new, now)
    if old.get("type") != new.get("type"):
        yield f"{where or 'the answer'} was {old.get('type')}, is {new.get('type')}"
        return
    had, has = old.get("properties", {}), new.get("properties", {})
    yield from (f"{where}.{key} is gone" for key in had if key not in has)
    may_lack = set(old.get("required", ())) & set(has) - set(new.get("required", ()))
    yield from (f"{where}.{key} may be absent" for key in sorted(may_lack))
    for key in had.keys() & has.keys():
        yield from lost(had[key], has[key], before, now, f"{where}.{key}")
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        pair = old.get(key), new.get(key)
        if all(isinstance(one, dict) for one in pair):
            yield from lost(*pair, before, now, where + mark)
        elif isinstance(pair[0], dict):
            yield f"{where}{mark} may be anything"
    for key in ("anyOf", "prefixItems"):
        for one, other in zip(old.get(key, ()), new.get(key, ()), strict=False):
            yield from lost(one, other, before, now, where)


def followed(part: dict, whole: dict) -> dict:
    """A schema, or what its reference names."""
    if "$ref" not in part:
        return part
    return whole["$defs"][part["$ref"].rpartition("/")[2]]
