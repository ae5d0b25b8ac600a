"""Command ``new``: a new optimization that already validates."""

import keyword

from tools import console
from tools.cli.check import refuse_unknown
from validation import discovery

FILES = {
    "__init__.py": "",
    "implementation.py": '''"""What is done otherwise, in one sentence.

Why that is faster, and why it computes the same thing.
"""

from dataclasses import replace

from baselines.{baseline} import engine as baseline


def stepper(case):
    """All one-off work here; only the returned step is ever timed."""
    return baseline.prepare(case)


engine = replace(baseline, stepper=stepper)
''',
    "validation.py": '''"""Why it agrees with its baseline, and how closely."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",  # or "rounding", or "approximate" with a budget
    because="it is the same code so far",
)
''',
    "benchmark.py": '''"""One step, frozen against this one, at each timed size."""

from tools.suite import Suite


class Speed(Suite):
    def setup_cache(self):  # asv keys its cache by file and line, so it must stand here
        return self.measure()
''',
    "report.md": """# {name}

## Strategy
What was changed, why it should be faster, and why it computes the same. No measured figures here:
those are written below, from records.

## Trade-offs
What it asks for in return: memory, compilation, bits, generality.

## When not to use it
Sizes, devices or physics for which it is no gain, or not valid.

<!-- generated -->
<!-- /generated -->
""",
}


def run(name: str, baseline: str) -> int:
    """The verb ``new``; writes nothing where anything is in the way."""
    refuse_unknown(baseline)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name for a folder that Python imports; use a_b_c")
    folder = discovery.folder(name)
    if folder.exists():
        raise ValueError(f"optimizations/{name} exists; take another name or delete it")
    partial = folder.with_name(f".{name}.tmp")
    partial.mkdir()
    for file, text in FILES.items():
        (partial / file).write_text(text.format(name=name, baseline=baseline))
    partial.rename(folder)
    console.line(name, "NEW", baseline, f"next: groundspeed validate {name}")
    return 0
