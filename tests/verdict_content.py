"""What any two verdicts on the same code must agree in."""

import re

from groundspeed.tools.cli.protocol_lock import BY_CHANCE

VARIES = ("made", "samples")  # when it was given, and the digest of all that was found then
COUNTED = re.compile(r"\d+ of \d+ mutants")  # those by chance among them


def content(verdict: dict) -> dict:
    """A verdict on file without its moment, and without mutants that hang on addresses."""
    found = {key: value for key, value in verdict.items() if key not in VARIES}
    if "mutation" in found:
        outcomes = found["mutation"].items()
        found["mutation"] = {how: sorted({*names} - BY_CHANCE) for how, names in outcomes}
    return found | {"reason": COUNTED.sub("mutants", found["reason"])}
