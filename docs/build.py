"""Build the site: the Markdown pages of this checkout, and the API reference from the docstrings.

`./dev docs` calls this script. It writes the site into site/, which is deleted first: README.md becomes index.html,
every other page keeps its path with the suffix .html, and api.html links to the reference. A link to a file that does
not exist ends the build with an error.
"""

from __future__ import annotations

import html
import importlib.util
import os
import pkgutil
import shutil
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pdoc
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "site"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif; color: #222; }}
  pre {{ padding: .8rem; overflow-x: auto; background: #f5f5f2; }}
  code {{ font-size: .92em; }}
  table {{ border-collapse: collapse; }}
  th, td {{ padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left; }}
  img {{ max-width: 100%; }}
  nav {{ margin-bottom: 1.5rem; }}
  nav a {{ margin-right: 1rem; }}
</style>
<nav>{navigation}</nav>
<main>
{body}</main>
</html>
"""


def find_pages() -> dict[Path, Path]:
    """Map each Markdown page to its path in the site, both relative."""
    sources = [Path(name) for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md") if (ROOT / name).exists()]
    sources += sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))
    return {
        source: Path("index.html")
        if source.name == "README.md" and len(source.parts) == 1
        else source.with_suffix(".html")
        for source in sources
    }


def title_of(tokens: list[Token], fallback: str) -> str:
    """Return the text of a page's first heading."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            return inline.content.replace("`", "")
    return fallback


def name_headings(tokens: list[Token]) -> None:
    """Set the id of every heading to its words in lower case, joined by hyphens, as in links to it."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            kept = "".join(c for c in inline.content.lower() if c.isalnum() or c in " -_")
            opening.attrs["id"] = kept.replace(" ", "-")


def place_link(link: str, source: Path, pages: dict[Path, Path]) -> str | None:
    """Return the target of `link` on the page `source` as a path in the site, or None if there is no such file."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return link
    target = Path(os.path.normpath(source.parent / parts.path))
    if target.parts[:1] == ("..",) or not (ROOT / target).exists():
        return None
    place = pages.get(target, target)
    if target not in pages and (ROOT / target).is_file():
        (SITE / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / target, SITE / target)
    relative = Path(os.path.relpath(place, pages[source].parent)).as_posix()
    return parts._replace(path=relative).geturl()


def links_in(tokens: list[Token]) -> list[tuple[Token, str]]:
    """Return every link and picture, with the name of the attribute that has its target."""
    found = []
    for token in tokens:
        found += links_in(token.children or [])
        if token.type in ("link_open", "image"):
            found.append((token, "href" if token.type == "link_open" else "src"))
    return found


def write_page(place: Path, title: str, navigation: str, body: str) -> None:
    """Write one page of the site."""
    target = SITE / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(PAGE.format(title=html.escape(title), navigation=navigation, body=body), encoding="utf-8")


def build_pages() -> list[str]:
    """Write every page, and return a line for each link without a target."""
    markdown = MarkdownIt("commonmark").enable("table")
    pages = find_pages()
    parsed = {source: markdown.parse((ROOT / source).read_text(encoding="utf-8")) for source in pages}
    titles = {source: title_of(tokens, source.stem) for source, tokens in parsed.items()}
    broken = []
    for source, tokens in parsed.items():
        here = pages[source].parent
        name_headings(tokens)
        for token, attribute in links_in(tokens):
            link = str(token.attrs[attribute])
            placed = place_link(link, source, pages)
            if placed is None:
                broken.append(f"{source}: expected a link to a file of this checkout. Received: {link}")
            else:
                token.attrs[attribute] = placed
        entries = {titles[page]: place for page, place in pages.items()} | {"API reference": Path("api.html")}
        navigation = " ".join(
            f'<a href="{html.escape(os.path.relpath(place, here))}">{html.escape(name)}</a>'
            for name, place in entries.items()
        )
        write_page(pages[source], titles[source], navigation, markdown.renderer.render(tokens, markdown.options, {}))
    return broken


def public_modules() -> list[str]:
    """Return the names of the package and its direct subpackages, whose `__all__` are the public names."""
    package = importlib.util.find_spec("elman")
    folders = package.submodule_search_locations if package else None
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    return ["elman", *(f"elman.{name}" for name in names if not name.startswith("_"))]


def build_reference() -> None:
    """Write the reference, and api.html with a row for each module."""
    names = public_modules()
    package = importlib.import_module("elman")
    inner = [found.name for found in pkgutil.walk_packages(package.__path__, "elman.") if found.ispkg]
    for name in {*names, *inner}:
        # pdoc sees only the names in a module's dictionary, so names that are loaded on first use are loaded here.
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            setattr(module, public, getattr(module, public))
    # pdoc cannot resolve the annotations that a NamedTuple inherits, and then shows their source.
    warnings.filterwarnings("ignore", "Error parsing type annotation", UserWarning)
    warnings.filterwarnings("ignore", "The module specification", UserWarning)  # a subpackage that pdoc also discovers
    pdoc.render.configure(docformat="markdown", footer_text="elman")
    pdoc.pdoc(*names, output_directory=SITE / "api")
    rows = []
    for name in names:
        about = (importlib.import_module(name).__doc__ or "").strip().partition("\n")[0]
        link = f'<a href="api/{name.replace(".", "/")}.html"><code>{name}</code></a>'
        rows.append(f"<tr><td>{link}</td><td>{html.escape(about)}</td></tr>\n")
    body = f"<h1>API reference</h1>\n<table>\n{''.join(rows)}</table>\n"
    write_page(Path("api.html"), "API reference", '<a href="index.html">elman</a>', body)


def main() -> int:
    shutil.rmtree(SITE, ignore_errors=True)
    broken = build_pages()
    build_reference()
    for line in broken:
        print(line, file=sys.stderr)
    print(f"docs: {sum(1 for _ in SITE.rglob('*.html'))} pages; start at {SITE / 'index.html'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
