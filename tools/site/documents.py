"""Documents of the project for the site: docs/, README files, and their place in the navigation."""

import re
from pathlib import Path

import yaml

FOLDER = "docs"
NAV = ("nav.yml", "mkdocs.yml")  # in docs/: the order of the pages, as mkdocs has it
PICTURES = (".svg", ".png", ".jpg", ".gif", ".webp")
TITLE = re.compile(r"^#\s+(.+?)\s*#*$", re.MULTILINE)
Nav = list[dict[str, object] | str]


def documents(root: Path, staged: Path, texts: dict[str, str], files: dict[str, Path]) -> Nav:
    """Adds the documents to the texts and files; their part of the navigation, if there are any.

    Those that are filled from the evidence stand in ``staged``, as they are today.
    """
    found = written(root)
    for address in found:
        place = staged / address if (staged / address).exists() else root / address
        texts[address] = place.read_text(encoding="utf-8")
    for path in sorted((root / FOLDER).rglob("*")):
        if path.suffix in PICTURES:
            files[path.relative_to(root).as_posix()] = path
    guides = ordered(root, [a for a in found if a.startswith(f"{FOLDER}/")], texts)
    notes = [{heading(texts[a], a): a} for a in found if not a.startswith(f"{FOLDER}/")]
    inside: Nav = [*guides, *([{"Notes": notes}] if guides and notes else notes)]
    return [{"Documentation": inside}] if inside else []


def written(root: Path) -> list[str]:
    """Markdown that people wrote: at the top, in docs/, and the README files of packages."""
    top = sorted(root.glob("*.md"), key=lambda p: (p.name != "README.md", p.name))
    guides = sorted((root / FOLDER).rglob("*.md"))
    packages = sorted([*root.glob("tools/**/README.md"), *root.glob("validation/**/README.md")])
    return [p.relative_to(root).as_posix() for p in (*top, *guides, *packages)]


def ordered(root: Path, addresses: list[str], texts: dict[str, str]) -> Nav:
    """The guides as their own list has them, and behind it those that it leaves out; by folder
    where there is no list."""
    for name in NAV:
        path = root / FOLDER / name
        if path.exists():
            listed = yaml.safe_load(path.read_text(encoding="utf-8"))
            listed = listed.get("nav", []) if isinstance(listed, dict) else listed
            nav = existing([placed(item) for item in listed or []], addresses)
            missing = [a for a in addresses if a not in set(leaves(nav))]
            return [*nav, *({heading(texts[a], a): a} for a in missing)]
    return by_folder(addresses, texts)


def placed(item: dict | str) -> dict | str:
    """An entry of the list, with addresses from the root of the project."""
    if isinstance(item, str):
        return f"{FOLDER}/{item}"
    ((title, inner),) = item.items()
    return {title: [placed(i) for i in inner] if isinstance(inner, list) else placed(inner)}


def existing(nav: Nav, addresses: list[str]) -> Nav:
    """Without the pages that are listed and are not there."""
    kept: Nav = []
    for item in nav:
        if isinstance(item, str):
            kept += [item] if item in addresses else []
            continue
        ((title, inner),) = item.items()
        if isinstance(inner, list):
            inner = existing(inner, addresses)
        elif inner not in addresses:
            continue
        kept += [{title: inner}] if inner else []
    return kept


def leaves(nav: Nav) -> list[str]:
    """Every address that a part of the navigation names."""
    found: list[str] = []
    for item in nav:
        for inner in item.values() if isinstance(item, dict) else [item]:
            found += leaves(inner) if isinstance(inner, list) else [str(inner)]
    return found


def by_folder(addresses: list[str], texts: dict[str, str]) -> Nav:
    """Pages of docs/ itself, then a section for each folder in it."""
    nav: Nav = []
    sections: dict[str, Nav] = {}
    for address in sorted(addresses, key=lambda a: (Path(a).name != "index.md", a)):
        page = {heading(texts[address], address): address}
        folders = address.split("/")[1:-1]
        if folders:
            sections.setdefault(folders[0], []).append(page)
        else:
            nav.append(page)
    return [*nav, *({words(name): inner} for name, inner in sorted(sections.items()))]


def words(name: str) -> str:
    """how-to_guides -> How to guides."""
    return re.sub(r"[-_]+", " ", name).capitalize()


def heading(text: str, address: str) -> str:
    """Title of a page: its first heading, else the name of its file."""
    found = TITLE.search(text)
    return found[1].replace("`", "") if found else words(Path(address).stem)
