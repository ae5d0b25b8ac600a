"""What a site is made of, before it is generated."""

from dataclasses import dataclass, field
from pathlib import Path

Nav = list[dict[str, object]]


@dataclass
class Content:
    """Pages by address: that of their file in the project, so that links between files hold."""

    texts: dict[str, str] = field(default_factory=dict)  # Markdown, or a script
    files: dict[str, Path] = field(default_factory=dict)  # pictures and the like
    nav: Nav = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)  # addresses that are part of another page
    charts: bool = False  # whether any page has one
