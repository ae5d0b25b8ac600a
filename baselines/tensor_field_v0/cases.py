"""The cases of version 1: the same sizes, starts and parameters."""

from __future__ import annotations

from baselines.tensor_field_v1.cases import CASES

__all__ = ["CASES"]
