"""Completion of names in a shell. Asked for at each press of a key: it looks at folders alone."""

from groundspeed.validation.records import digests


def names(incomplete: str) -> list[str]:
    """Optimizations, and baselines, whose name means all of their own."""
    found = digests.ROOT.glob(f"optimizations/{incomplete}*/implementation.py")
    return sorted(path.parent.name for path in found) + baselines(incomplete)


def baselines(incomplete: str) -> list[str]:
    found = digests.ROOT.glob(f"baselines/{incomplete}*_v*/__init__.py")
    return sorted(path.parent.name for path in found)
