"""Command ``replay``: repeats the smallest call that shows a rejection."""

from groundspeed.tools import console
from groundspeed.tools.records.answers import Replayed
from groundspeed.validation import discovery


def run(name: str, as_json: bool = False) -> int:
    """The verb ``replay``: 1 while the call still differs, 0 when it no longer does."""
    discovery.chosen([name])
    import torch  # late

    from groundspeed.validation.judge import divergence

    torch.set_num_threads(1)
    try:
        failure, field = divergence.replay(name)
    except FileNotFoundError:
        raise LookupError(
            f"no failure of {name!r} on file on this machine; run: groundspeed validate {name}"
        ) from None
    now = f"{field} still differs" if field else "equal, bit for bit"
    value = Replayed(**failure.model_dump(exclude={"rests_on"}), **{"differs now": field})
    console.answer(as_json, value, [(line,) for line in (*failure.lines, f"  now: {now}")])
    return int(bool(field))
