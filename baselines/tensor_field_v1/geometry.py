"""The metric: what is a valid one, and the ambient one that operators read.

A metric is the diagonal g of the inverse metric tensor: a 1-d sequence or tensor of
positive, finite numbers. One entry is isotropic; of two and more the first two act.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

Metric = Tensor | Sequence[float]


class Ambient:
    """The type of ``AMBIENT``: take the metric of the innermost ``with geometry(g):``."""

    def __repr__(self) -> str:
        return "AMBIENT"


AMBIENT: Final = Ambient()
_current: ContextVar[Metric | None] = ContextVar("metric", default=None)


def checked(metric: Metric) -> Float[Tensor, " n"]:
    """The metric as a tensor.

    Raises:
        ValueError: a wrong rank, no entry, no real numbers, or an entry that is not
            positive and finite.
    """
    g = as_tensor(metric)
    if g.ndim != 1 or len(g) < 1:
        raise ValueError(
            f"metric has shape {tuple(g.shape)}; allowed: [1] (isotropic) or [n] with n at least 2"
        )
    # one comparison for both: NaN is not above 0, and infinity is not below itself
    if not bool(((g > 0) & (g < math.inf)).all()):
        raise ValueError(f"metric is {g.tolist()}; allowed: every entry positive and finite")
    return g


def as_tensor(metric: Metric) -> Tensor:
    try:
        g = metric if isinstance(metric, Tensor) else torch.as_tensor(metric, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ValueError(f"metric is {metric!r}; allowed: a 1-d row of real numbers") from error
    if g.is_complex() or g.dtype == torch.bool:
        raise ValueError(f"metric is {g.dtype}; allowed: a real dtype")
    return g if g.is_floating_point() else g.to(torch.float64)


@contextmanager
def geometry(metric: Metric | None) -> Iterator[None]:
    """Make ``metric`` the ambient one for operators called without their own.

    ``None`` is flat space. Nests; the outer geometry is back after the block, also when
    it raises. The metric is copied on entry, so later writes to it change nothing. Each
    thread and each asyncio task has its own: entering a geometry in one is never seen by
    another that is already running.

    Raises:
        ValueError: as ``checked``.
    """
    token = _current.set(None if metric is None else snapshot(metric))
    try:
        yield
    finally:
        _current.reset(token)


def snapshot(metric: Metric) -> Metric:
    """A checked copy: a tensor stays where it is, numbers belong to no device."""
    g = checked(metric)
    return g.clone() if isinstance(metric, Tensor) else tuple(g.tolist())


def resolve(metric: Metric | Ambient | None, T: Tensor) -> Tensor | None:
    """The metric that an operator on T obeys: its own, or the ambient one; None is flat.

    Raises:
        ValueError: as ``checked``, or a tensor on another device than T.
    """
    if isinstance(metric, Ambient):
        metric = _current.get()
    if metric is None:
        return None
    if isinstance(metric, Tensor) and metric.device != T.device:
        raise ValueError(f"metric is on {metric.device}; allowed: {T.device}, where T is")
    return checked(metric).to(T.device)
