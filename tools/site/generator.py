"""Builds the site with mkdocs-material: from texts in memory, and without the internet."""

import logging
import posixpath
import re
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import vl_convert
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File
from pymdownx.slugs import slugify

from groundspeed.tools.site.site_content import Content
from groundspeed.validation.records.atomic import write_atomic

OWN = Path(__file__).parent
LINK = re.compile(r'<a (?:[^>]*? )?href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
UNIT = re.compile(r"(?<=\d) (?=(?:%|s|ms|µs|ns|B|[KMG]iB)(?!\w))|(?<=\d) (?=± )|(?<=±) ")
INTERVAL = re.compile(r"\[([\d.]+), ([\d.∞]+)\]")
PATH = re.compile(r"(?<![\w/`(.\[])((?:\w+/)+)(?=\w+\.py:\d)")
VEGA = "assets/vega.js"


class ProjectPages(BasePlugin):
    """Gives mkdocs the pages that are made in memory."""

    def __init__(self, content: Content, reserved: set[str]):
        self.content, self.reserved = content, reserved  # addresses that are filled later
        self.known: set[str] = set()

    def on_files(self, files, config):
        for address, text in self.content.texts.items():
            file = File.generated(config, address, content=text)
            if address == "README.md":  # else it takes the place of the home page
                file.dest_uri = "README.html"
            files.append(file)
        for address, path in self.content.files.items():
            files.append(File.generated(config, address, abs_src_path=str(path)))
        self.known = {file.dest_uri for file in files} | self.reserved
        return files

    def on_page_markdown(self, markdown, page, config, files):
        return "\n".join(unbroken(line) for line in markdown.split("\n"))

    def on_page_content(self, html, page, config, files):
        here = page.file.dest_uri
        return LINK.sub(lambda link: self.checked(link, here), html)

    def checked(self, link: re.Match, here: str) -> str:
        """A link to a file that the site has not is plain text, or leads to what stands for it."""
        parts = urlsplit(link[1])
        place = posixpath.normpath(posixpath.join(posixpath.dirname(here), unquote(parts.path)))
        if parts.scheme or parts.netloc or not parts.path or place in self.known:
            return link[0]
        moved, fragment = self.content.moved, f"#{parts.fragment}" if parts.fragment else ""
        target = moved.get(f"{place}{fragment}", moved.get(place))
        if target is None:
            return link[2]
        return (
            f'<a href="{posixpath.relpath(target, posixpath.dirname(here) or ".")}">{link[2]}</a>'
        )


def unbroken(line: str) -> str:
    """A row of a table in which no number is parted from its unit or its interval, and long paths
    break between folders."""
    if not line.startswith("| "):
        return line
    line = PATH.sub(lambda path: path[1].replace("/", "/\u200b"), line)
    return INTERVAL.sub("[\\1,\u00a0\\2]", UNIT.sub("\u00a0", line))


def generate(content: Content, name: str, target: Path, kept: Path, reserved: set[str]) -> None:
    """Write the site of that name into the folder ``target``; ``kept`` holds what is made once."""
    logging.getLogger("mkdocs").setLevel(logging.ERROR)  # what is left out is plain text on a page
    if content.charts:
        content.files[VEGA] = vega(kept)
    config = load_config(
        str(OWN / "mkdocs.yml"),
        site_name=name,
        docs_dir=str(OWN / "static"),
        site_dir=str(target),
        nav=content.nav,
    )
    config.mdx_configs["toc"] = {"permalink": True, "slugify": slugify(case="lower")}
    config.plugins["project_pages"] = ProjectPages(content, reserved)
    build(config)
    (target / "404.html").unlink(missing_ok=True)  # its links hold at the root of a server only


def vega(kept: Path) -> Path:
    """Vega, Vega-Lite and Vega-Embed in one script, bundled once for each release."""
    path = kept / f"vega-{version('vl-convert-python')}.js"
    if not path.exists():
        kept.mkdir(parents=True, exist_ok=True)
        write_atomic(path, vl_convert.javascript_bundle())
    return path
