"""An engine on another device, seen from where its states are compared."""

from __future__ import annotations

from dataclasses import replace

import torch

from groundspeed.baselines.engine import Case, Engine, State


def moved(state: State, device: str) -> State:
    """The state with every tensor there; one that is there already stays as it is."""
    return type(state)(*(t.to(device) if isinstance(t, torch.Tensor) else t for t in state))


def on_device(engine: Engine, device: str) -> Engine:
    """``engine``, working on that device; canonical states stay where their case says.

    Its step does the same operations there, so it is both what the engine itself makes of another
    device and what an optimization for that device is timed beside.
    """

    def there(case: Case) -> Case:
        return replace(case, device=device)

    return replace(
        engine,
        stepper=lambda case: engine.prepare(there(case)),
        adopt=lambda case, state: engine.adopt(there(case), moved(state, device)),
        observe=lambda case, state: moved(engine.observe(there(case), state), case.device),
        needs=engine.needs if device == "cpu" else (*engine.needs, device),
    )
